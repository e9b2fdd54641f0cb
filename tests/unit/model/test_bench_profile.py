import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from rich.console import Console

from lacuna_model.config import CONFIG_FILE, DenoiserConfig
from lacuna_model.evaluation import bench_profile, device_rates
from lacuna_model.evaluation.bench_profile import run_profile
from lacuna_model.evaluation.device_rates import Stopwatch, copy_bandwidth, matrix_rate
from lacuna_model.evaluation.profile_plot import plot_profile
from lacuna_model.evaluation.profile_report import ProfileReport
from lacuna_model.evaluation.references import LeftToRight
from lacuna_model.evaluation.shared_reference import SharedReference
from lacuna_model.evaluation.synthetic import released_document, synthetic_denoiser
from lacuna_model.memory_budget import memory_budget
from lacuna_model.transformer.denoiser import Denoiser

# The reference's generate imports torch's compiler, which still uses what torch has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")

TINY = Path(__file__).parents[2] / "fixtures" / "tiny-denoiser" / CONFIG_FILE
DOCUMENT: dict[str, Any] = json.loads(TINY.read_text(encoding="utf-8")) | {"canvas_length": 64}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    return synthetic_denoiser(DenoiserConfig.from_json(DOCUMENT), dtype=torch.float32)


@dataclass(frozen=True)
class Profiled:
    report: ProfileReport
    calls: list[tuple[int, int]]


@pytest.fixture(autouse=True, scope="module")
def small_rates() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(device_rates, "_SMALLEST_COPY", 2**20)
        patch.setattr(device_rates, "_MATRIX_SIZE", 64)
        yield


@pytest.fixture(scope="module")
def profiled(denoiser: Denoiser, small_rates: None) -> Profiled:
    calls: list[tuple[int, int]] = []
    report = profile(denoiser, progress=lambda done, total: calls.append((done, total)))
    return Profiled(report, calls)


def profile(denoiser: Denoiser, **options: Any) -> ProfileReport:
    return run_profile(denoiser, DOCUMENT, num_prefix_tokens=20, repetitions=1, **options)


def test_everything_is_measured_in_one_run(profiled: Profiled) -> None:
    report = profiled.report
    assert [(step.canvas_length, step.batch) for step in report.steps] == [(32, 1), (64, 1), (32, 4), (64, 4)]
    assert [canvas.num_steps for canvas in report.canvases] == [12, 16, 48]
    assert all(step.milliseconds > 0 and step.reference_milliseconds for step in report.steps)
    assert all(canvas.tokens_per_second > 0 and canvas.times_reference_decode for canvas in report.canvases)
    for figure in (
        report.milliseconds_per_token,
        report.token_floors,
        report.warm_fill_milliseconds,
        report.prefix_tokens_per_second,
        report.copy_bandwidth,
        report.matrix_rate,
    ):
        assert figure > 0
    assert report.peak_memory > report.step_bytes
    assert profiled.calls == [(done, 17) for done in range(1, 18)]


def test_ratios_follow_from_what_was_measured(denoiser: Denoiser, profiled: Profiled) -> None:
    report = profiled.report
    num_bytes = sum(tensor.nbytes for tensor in denoiser.state_dict().values())
    assert report.step_bytes == num_bytes
    for step in report.steps:
        floor = 1000 * num_bytes / report.copy_bandwidth
        assert step.floors == pytest.approx(step.milliseconds / floor)
        assert step.experts_read == pytest.approx(1.0, abs=1e-6)
    floor = 1000 * report.token_bytes / report.copy_bandwidth
    assert report.token_floors == pytest.approx(report.milliseconds_per_token / floor)
    first = report.canvases[0]
    assert first.bound == pytest.approx(64 / 12 * report.token_bytes / num_bytes)
    assert first.times_decode == pytest.approx(first.tokens_per_second * report.milliseconds_per_token / 1000)


def test_the_published_bound_on_the_decode_ratio() -> None:
    with torch.device("meta"):
        released = Denoiser(DenoiserConfig.from_json(released_document())).to(torch.bfloat16)
    step, token = bench_profile._step_bytes(released), bench_profile._token_bytes(released)
    assert (round(step / 2e9, 2), round(token / 2e9, 1)) == (25.25, 3.8)  # billions of weights
    assert round(256 / 16 * token / step, 1) == 2.4
    assert round(bench_profile._experts_read(released, 64), 2) == 0.98
    assert round(bench_profile._experts_read(released, 32), 2) == 0.87


@pytest.mark.parametrize("num_steps", [1, 5])
def test_as_many_steps_are_made_as_are_timed(
    denoiser: Denoiser, num_steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = bench_profile._Subject.of(denoiser, 20)
    calls: list[torch.Size] = []
    denoise = Denoiser.denoise

    def counted(self: Denoiser, canvas: torch.Tensor, *arguments: Any, **options: Any) -> torch.Tensor:
        calls.append(canvas.shape)
        return denoise(self, canvas, *arguments, **options)

    monkeypatch.setattr(Denoiser, "denoise", counted)
    assert len(subject.denoise(16, 4, num_steps)) == 4
    assert calls == [(4, 16)] * num_steps
    del calls[:]
    ids = subject.fill()
    assert calls == [(1, 64)] * 8 and ids[32:] == [denoiser.config.bos_token_id] * 32


def test_what_is_decoded_as_a_baseline_is_what_plain_decoding_gives(denoiser: Denoiser) -> None:
    subject = bench_profile._Subject.of(denoiser, 20)
    decoded = subject.decode(bench_profile.NUM_DECODED)
    assert decoded == LeftToRight(denoiser, subject.prefix()).decode(bench_profile.NUM_DECODED + 1)


def test_the_reference_shares_the_weights_and_predicts_the_same(denoiser: Denoiser) -> None:
    reference = SharedReference.of(denoiser, DOCUMENT)
    own = {tensor.data_ptr() for tensor in denoiser.state_dict().values()}
    assert {parameter.data_ptr() for parameter in reference.model.parameters()} <= own
    torch.manual_seed(0)
    prefix, canvas = torch.randint(6, 96, (2, 20)), torch.randint(6, 96, (2, 64))
    with torch.no_grad():
        wanted = reference.model(decoder_input_ids=canvas, past_key_values=reference.encode(prefix)).logits
    found = denoiser.logits(denoiser.denoise(canvas, denoiser.encode(prefix)[1]))
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


def test_the_reference_makes_all_steps_and_keeps_the_cache(denoiser: Denoiser) -> None:
    reference = SharedReference.of(denoiser, DOCUMENT)
    prefix = torch.arange(6, 26)[None].expand(4, -1)
    cache = reference.encode(prefix[:, :-1])
    calls: list[object] = []
    reference.model.model.decoder.register_forward_hook(lambda *_: calls.append(None))
    for length, num_steps in ((64, 5), (32, 2)):
        del calls[:]
        assert reference.generate(prefix[:, -1:], cache, length, num_steps).shape == (4, 1 + length)
        assert len(calls) == num_steps
    assert cache.get_seq_length() == 19
    decoded = reference.decode(prefix[:1, -1:], reference.encode(prefix[:1, :-1]), 3)
    states, _ = denoiser.encode(torch.cat((prefix[:1], decoded[:, :2]), dim=1))
    assert decoded[0].tolist() == denoiser.logits(states[0, -3:]).argmax(-1).tolist()


def test_without_transformers_its_figures_are_left_out(denoiser: Denoiser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", ModuleType("transformers"))  # too old
    with pytest.raises(ImportError, match="does not know"):
        SharedReference.of(denoiser, DOCUMENT)
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert bench_profile._reference_of(denoiser, DOCUMENT) is None


def test_quantised_weights_are_profiled_without_the_reference() -> None:
    document = DOCUMENT | {"text_config": DOCUMENT["text_config"] | {"moe_intermediate_size": 32}}
    config = DenoiserConfig.from_json(document)
    report = run_profile(synthetic_denoiser(config, precision="4bit"), None, num_prefix_tokens=20, repetitions=1)
    assert report.step_bytes == memory_budget(config, "4-bit").weights
    assert not any(step.reference_milliseconds for step in report.steps)
    assert report.reference_milliseconds_per_token is None
    assert "not run" in rendered(report)


def rendered(report: ProfileReport) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    report.render(console)
    return console.export_text()


def test_the_report_is_a_table_a_document_and_a_picture(profiled: Profiled, tmp_path: Path) -> None:
    report = profiled.report
    text = rendered(report)
    assert "bound by bytes" in text and f"{report.canvases[0].bound:.2f}" in text
    decoded = next(line for line in text.splitlines() if "our decode" in line and "1.00" in line)
    assert f" {1000 / report.milliseconds_per_token:.0f} " in decoded
    assert f"{report.token_floors:.2f} times its floor; called one by one, and the steps called one by one" in text
    assert f"{report.steps[3].milliseconds:.2f}" in text and f"{report.warm_fill_milliseconds:.1f} ms" in text
    document = json.loads(json.dumps(report.as_json()))
    assert document["steps"][0]["canvas_length"] == 32
    plot_profile(report, tmp_path / "steps.png")
    assert (tmp_path / "steps.png").read_bytes().startswith(b"\x89PNG")


def test_a_watch_leaves_out_what_does_not_grow_with_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 0.0

    def work(num_steps: int) -> None:
        nonlocal clock
        clock += 100 + 3 * num_steps

    monkeypatch.setattr("time.perf_counter", lambda: clock)
    watch = Stopwatch(CPU, 3)
    assert watch.seconds(lambda: work(2)) == 106
    assert watch.seconds_each(work) == 3
    ahead = iter((100.0, 82.0))  # of a machine that had other things to do during the first
    monkeypatch.setattr(Stopwatch, "seconds", lambda *_: next(ahead))
    assert watch.seconds_each(work) == 82 / 9


def test_rates_count_bytes_both_ways_and_two_operations_a_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stopwatch, "seconds", lambda self, run: (run(), 2.0)[1])
    watch = Stopwatch(CPU, 1)
    assert copy_bandwidth(watch) == 2**20
    assert matrix_rate(watch, torch.float32) == 64**3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_cuda_device_is_measured_by_its_events() -> None:
    denoiser = synthetic_denoiser(DenoiserConfig.from_json(DOCUMENT), "cuda")
    report = profile(denoiser)
    assert report.dtype == "bfloat16" and report.device == torch.cuda.get_device_name()
    assert all(step.milliseconds > 0 and step.reference_milliseconds for step in report.steps)
