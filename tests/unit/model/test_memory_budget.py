import json
import re
from pathlib import Path

import pytest
import torch

from lacuna_model import memory_budget as subject
from lacuna_model.checkpoint import load_denoiser
from lacuna_model.config import CONFIG_FILE, DenoiserConfig
from lacuna_model.errors import DeviceError
from lacuna_model.evaluation.synthetic import RELEASED, released_document, synthetic_denoiser, write_synthetic
from lacuna_model.memory_budget import WeightFormat, available_memory, check_fits, memory_budget
from lacuna_model.quantization.precision import quantized

GIB = 2**30
CPU = torch.device("cpu")
RELEASED_CONFIG = DenoiserConfig.load(RELEASED)
TINY = json.loads((Path(__file__).parents[2] / "fixtures" / "tiny-denoiser" / CONFIG_FILE).read_text(encoding="utf-8"))
DIVISIBLE = TINY | {"text_config": TINY["text_config"] | {"moe_intermediate_size": 32}}
"""The tiny configuration with experts that fit into groups of four-bit weights."""


@pytest.mark.parametrize(
    ("weight_format", "gigabytes"), [("float32", 101.0), ("bfloat16", 50.5), ("fp8", 26.1), ("4-bit", 16.0)]
)
def test_weights_of_the_released_checkpoint(weight_format: WeightFormat, gigabytes: float) -> None:
    assert round(memory_budget(RELEASED_CONFIG, weight_format).weights / 1e9, 1) == gigabytes


def test_four_bits_stay_below_18_gib_with_prefix_and_step() -> None:
    budget = memory_budget(RELEASED_CONFIG, "4-bit")
    assert (
        budget.weights + budget.prefix + budget.step == budget.total < 18 * GIB - GIB // 2
    )  # half a GiB for the device's runtime
    assert budget.prefix == 2048 * 2 * (25 * 2 * 8 * 256 + 5 * 2 * 2 * 512)
    assert budget.step == 4 * 256 * 262_144 * 4 + 2 * 128 * 704 * 2816 * 2


def test_the_budget_is_what_the_weights_take() -> None:
    config = DenoiserConfig.from_json(DIVISIBLE)
    made = synthetic_denoiser(config)
    held = {
        "float32": synthetic_denoiser(config, dtype=torch.float32),
        "bfloat16": made,
        "fp8": quantized(made, "fp8"),
        "4-bit": quantized(made, "4bit"),
    }
    num_bytes = {name: sum(tensor.nbytes for tensor in each.state_dict().values()) for name, each in held.items()}
    assert num_bytes == {name: memory_budget(config, name).weights for name in held}  # type: ignore[arg-type]
    prefix = memory_budget(config, "bfloat16").prefix
    assert prefix == subject.NUM_PREFIX_TOKENS * made.num_bytes_of_token


@pytest.mark.parametrize(
    ("available", "advice"),
    [
        (24.0, r"It would fit as 4-bit \(18\.6 GB\)\.$"),
        (40.0, r"It would fit as fp8 \(27\.6 GB\) or 4-bit \(18\.6 GB\)\.$"),
        (8.0, r"Even as 4-bit it takes 18\.6 GB: free some memory or choose another device\.$"),
    ],
)
def test_a_device_that_is_too_small_is_refused_with_what_would_fit(
    available: float, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "available_memory", lambda device: int(available * 1e9))
    weights = memory_budget(RELEASED_CONFIG, "bfloat16").weights
    with pytest.raises(DeviceError, match=advice) as caught:
        check_fits(RELEASED_CONFIG, weights, torch.bfloat16, CPU)
    assert str(caught.value).startswith(
        f"The model takes 52.0 GB (50.5 GB of it weights), and cpu has {available:.1f} GB left."
    )


@pytest.mark.parametrize("available", [None, 53 * 10**9])
def test_a_device_with_room_or_that_says_nothing_is_accepted(
    available: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "available_memory", lambda device: available)
    check_fits(RELEASED_CONFIG, memory_budget(RELEASED_CONFIG, "bfloat16").weights, torch.bfloat16, CPU)


def test_nothing_is_loaded_where_there_is_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_synthetic(tmp_path, TINY, torch.float32)
    calls: list[tuple[int, int]] = []
    monkeypatch.setattr(subject, "available_memory", lambda device: 10**5)
    with pytest.raises(DeviceError, match=r"takes .* GB"):
        load_denoiser(tmp_path, progress=lambda done, total: calls.append((done, total)))
    assert not calls


def test_formats_that_the_shapes_do_not_fit_are_not_advised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "available_memory", lambda device: 10**5)
    with pytest.raises(DeviceError, match="Even as fp8"):
        check_fits(DenoiserConfig.from_json(TINY), 10**6, torch.float32, CPU)


def test_the_layers_of_a_kind_are_counted_as_often_as_they_are_there() -> None:
    one, seven, thirteen = (
        memory_budget(DenoiserConfig.from_json(released_document(number)), "fp8").weights for number in (1, 7, 13)
    )
    assert thirteen - seven == seven - one


def test_available_memory_of_the_cpu_is_what_the_kernel_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       99 kB\nMemFree:        5 kB\nMemAvailable:   42 kB\n")
    monkeypatch.setattr(subject, "_MEMINFO", meminfo)
    assert available_memory(CPU) == 42 * 1024
    monkeypatch.setattr(subject, "_MEMINFO", tmp_path / "nothing")
    assert available_memory(CPU) is None
    assert available_memory(torch.device("meta")) is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_cuda_device_tells_what_is_free() -> None:
    free = available_memory(torch.device("cuda"))
    assert free is not None and 0 < free < torch.cuda.get_device_properties(0).total_memory
    with pytest.raises(DeviceError, match=re.escape("cuda has")):
        check_fits(RELEASED_CONFIG, 10**15, torch.bfloat16, torch.device("cuda"))
