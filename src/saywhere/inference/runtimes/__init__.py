"""What computes a model's answers: PyTorch on a device, or ONNX Runtime without PyTorch."""
