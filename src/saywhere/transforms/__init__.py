"""One geometry for stack and mask; photometric changes for the image alone."""
