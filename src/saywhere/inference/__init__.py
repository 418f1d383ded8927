"""From an image and a prompt to a mask, for one image or a folder."""
