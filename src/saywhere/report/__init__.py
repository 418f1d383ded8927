"""One self-contained HTML page a run: does it listen, how right is it, and what it looks like."""
