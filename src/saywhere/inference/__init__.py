"""From an image and a prompt to a mask, for one picture or a folder."""
