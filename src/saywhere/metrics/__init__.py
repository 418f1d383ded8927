"""How right a mask is (`functional`), and how sure we are of it (`statistics`)."""
