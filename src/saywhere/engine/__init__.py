"""Training, measuring and predicting."""

from saywhere.engine import commit as commit  # before all else of it: what a run records must be what it runs
