"""What is learned: linear models, and any PyTorch module."""
