"""Segmentation networks.

They know nothing of text: a stack of channels goes in, one logit a pixel comes out.
"""
