"""Denoising on a GPU without waiting for the host: a step over fixed tensors, which a CUDA graph replays."""
