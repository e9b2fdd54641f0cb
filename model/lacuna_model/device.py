"""Where a model runs, and in which type."""

import torch

from lacuna_model.errors import DeviceError


def choose_device(name: str) -> torch.device:
    """The device of a name: "auto" (a CUDA device if there is one, else the CPU), "cpu", "cuda", "cuda:1", "mps".

    Raises:
        DeviceError: there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(f"There is no device called {name!r}; try auto, cpu or cuda.") from error
    num_devices = {
        "cpu": 1,
        "cuda": torch.cuda.device_count(),
        "mps": int(torch.backends.mps.is_available()),
    }.get(device.type, 0)
    if (device.index or 0) >= num_devices:
        raise DeviceError(f"The device {name!r} is not available here; try auto or cpu.")
    return device


def choose_dtype(device: torch.device) -> torch.dtype | None:
    """The type of the weights that is fastest on a device; None: the one they are saved in.

    A CPU multiplies matrices in bfloat16 three to four times as fast as in float32 if it has the instructions for it,
    and far slower if it has not.
    """
    if device.type != "cpu":
        return None
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32
