"""Models to pass on: one folder of safetensors, configuration and card."""
