"""One self-contained HTML page per run: whether it listens, how right it is, how it looks."""
