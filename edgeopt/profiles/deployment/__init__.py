"""Parts that leave this process: files of :func:`torch.export.save`, ONNX, and early exits at run time."""
