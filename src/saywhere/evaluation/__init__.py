"""Measuring a model, and whether its words are heard."""
