"""The page and the service: the same calls for a browser, a program and `curl`."""
