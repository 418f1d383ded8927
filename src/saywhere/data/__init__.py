"""Manifests, their faults, and the public sets they are made from."""
