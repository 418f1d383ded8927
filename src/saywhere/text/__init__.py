"""Prompts: text in, frozen vectors out, cached and scaled."""
