"""Weights of one byte and of half a byte: how they are made, stored, multiplied and read from published checkpoints."""
