"""Tables of runs: a grid of configurations, run anywhere, compared with statistics."""
