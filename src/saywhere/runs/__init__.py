"""A run on disk: its directory, checkpoints and where its code came from."""

# Before all else: what a run records of the code must be what was running when it was imported.
from saywhere.runs import provenance as provenance
