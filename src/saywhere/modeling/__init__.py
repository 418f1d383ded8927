"""The figure: text branch, stack and network, put together."""
