"""Linear maps and embeddings that are not initialised on the meta device.

There is nothing to initialise there, and torch imports its compiler to do so, which takes most of a second.
"""

from torch import nn


class Linear(nn.Linear):
    """A linear map without a bias, (..., in) to (..., out)."""

    def __init__(self, num_inputs: int, num_outputs: int) -> None:
        super().__init__(num_inputs, num_outputs, bias=False)

    def reset_parameters(self) -> None:
        """Initialises the weights, if there are any."""
        if not self.weight.is_meta:
            super().reset_parameters()


class Embedding(nn.Embedding):
    """A vector for each token."""

    def reset_parameters(self) -> None:
        """Initialises the weights, if there are any."""
        if not self.weight.is_meta:
            super().reset_parameters()
