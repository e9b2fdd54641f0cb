"""Modules that stand where the denoiser has its products, with quantised weights under the same names."""

from torch import Tensor, nn

from lacuna_model.config import DenoiserConfig
from lacuna_model.quantization.storage import Quantized, Storage
from lacuna_model.transformer.experts import Experts, Projection


class QuantizedLinear(nn.Module):
    """A linear map without a bias: buffers `weight` and `weight_scale`, empty at first."""

    weight: Tensor
    weight_scale: Tensor

    def __init__(self, weight: Tensor, storage: Storage) -> None:
        super().__init__()
        self.storage = storage
        values, scales = storage.empty(weight)
        self.register_buffer("weight", values)
        self.register_buffer("weight_scale", scales)

    def forward(self, states: Tensor) -> Tensor:
        """Maps (..., in) to (..., out)."""
        product = self.storage.product(states.flatten(0, -2), (self.weight, self.weight_scale))
        return product.view(*states.shape[:-1], -1)


class QuantizedExperts(Experts):
    """Experts whose two stacks are buffers, each with one of the same name and `_scale` behind it, empty at first."""

    def __init__(self, config: DenoiserConfig, storage: Storage) -> None:
        super().__init__(config)
        self.storage = storage
        self.runs_all = False  # which would widen every weight for every token
        for name, weight in list(self.named_parameters()):
            delattr(self, name)
            values, scales = storage.empty(weight.detach())
            self.register_buffer(name, values)
            self.register_buffer(f"{name}_scale", scales)

    def product(self, projection: Projection, rows: Tensor, expert: int) -> Tensor:
        """See `Experts.product`."""
        values, scales = self._stack(projection)
        return self.storage.product(rows, (values[expert], scales[expert]))

    def grouped_product(self, projection: Projection, rows: Tensor, ends: Tensor) -> Tensor:
        """See `Experts.grouped_product`."""
        return self.storage.grouped_product(rows, self._stack(projection), ends)

    def _stack(self, projection: Projection) -> Quantized:
        return getattr(self, projection), getattr(self, f"{projection}_scale")
