"""Sentences from masks, by rules: pure functions of masks and words."""
