import asyncio
import json
import logging
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lacuna_model.device import choose_dtype
from lacuna_model.evaluation.synthetic import write_synthetic
from lacuna_model.gap_constraints import Languages
from lacuna_model.infill import EMBEDDED_CHECKPOINT, Infiller
from lacuna_model.request import InfillOptions, InfillRequest
from lacuna_server.engine.precision import Precision, quantized
from lacuna_server.engine.protocol import FillCall, ResultEvent, StepEvent, WarmCall
from lacuna_server.engine.refusals import RefusedError
from lacuna_server.engine.worker import ModelStatus, Worker

PREFIX = "def add(left, right):\n    return "
CALL = FillCall((PREFIX, "\n"), "python", "me", "doc", max_tokens=8, seed=3)


@pytest.fixture(scope="module")
def worker() -> Worker:
    """Has loaded the embedded model; a thread knows of no event loop, so that all tests can share it."""
    worker = Worker(None, "cpu")
    assert worker.status == ModelStatus("embedded", "cpu", "loading")
    asyncio.run(worker.load())
    return worker


def ignore(_: StepEvent) -> None:
    pass


async def fill(worker: Worker, call: FillCall, cancelled: Callable[[], bool] = lambda: False) -> ResultEvent:
    return await worker.fill(call, ignore, cancelled)


def test_loading_counts_bytes(worker: Worker) -> None:
    status = worker.status
    assert (status.state, status.checkpoint, status.device, status.message) == ("ready", "embedded", "cpu", "")
    assert status.precision == str(choose_dtype(torch.device("cpu")) or torch.float32).removeprefix("torch.")
    assert status.loaded_bytes == status.total_bytes > 1_000_000


@pytest.mark.parametrize("precision", ["fp8", "4bit"])
async def test_weights_are_quantised_as_asked(precision: Precision) -> None:
    worker = Worker(None, "cpu", precision)
    assert worker.status.precision == ""
    await worker.load()
    assert (worker.status.state, worker.status.precision) == ("ready", precision)
    expected = Infiller.load(device="cpu", precision=quantized(precision))
    options = InfillOptions(max_tokens=8, num_candidates=1, seed=3)
    (found,) = (await fill(worker, replace(CALL, num_candidates=1))).fills
    (wanted,) = expected.infill(InfillRequest(CALL.segments, "python", options)).fills
    assert (found.texts, found.score) == (wanted.texts, wanted.score)


async def test_a_precision_that_the_checkpoint_does_not_fit_is_told(tmp_path: Path) -> None:
    """The experts of this one are 24 wide."""
    config = Path(__file__).parents[3] / "fixtures" / "tiny-denoiser" / "config.json"
    write_synthetic(tmp_path, json.loads(config.read_text(encoding="utf-8")))
    (tmp_path / "tokenizer.json").write_bytes((EMBEDDED_CHECKPOINT / "tokenizer.json").read_bytes())
    worker = Worker(tmp_path, "cpu", "4bit")
    await worker.load()
    message = "Four-bit weights need inputs in groups of 32, and 24 are none; try fp8."
    assert (worker.status.state, worker.status.message) == ("failed", message)


async def test_a_fill_is_what_the_model_says(worker: Worker) -> None:
    options = InfillOptions(max_tokens=8, num_candidates=2, seed=3)
    expected = Infiller.load(device="cpu").infill(InfillRequest(CALL.segments, "python", options))
    event = await fill(worker, FillCall(CALL.segments, "python", max_tokens=8, num_candidates=2, seed=3))
    assert [each.texts for each in event.fills] == [each.texts for each in expected.fills]
    assert [token.text for token in event.fills[0].tokens[0]] == [token.text for token in expected.fills[0].tokens[0]]
    assert (event.stop_reason, event.num_steps, event.num_forwards, event.num_tokens, event.num_prefix_tokens) == (
        expected.stop_reason,
        expected.num_steps,
        expected.num_forwards,
        expected.num_tokens,
        expected.num_prefix_tokens,
    )
    assert event.queue_ms == 0
    assert [each.probability for each in event.fills] == [each.probability for each in expected.fills]
    assert all(each.probability is not None for each in event.fills)
    assert event.encode_ms + event.denoise_ms + event.rank_ms <= event.total_ms


async def test_steps_come_to_the_event_loop_if_they_are_asked_for(worker: Worker) -> None:
    events: list[StepEvent] = []
    threads: set[int] = set()

    def emit(event: StepEvent) -> None:
        events.append(event)
        threads.add(threading.get_ident())

    call = FillCall(CALL.segments, "python", max_tokens=8, steps=True)
    result = await worker.fill(call, emit, lambda: False)
    assert [event.step for event in events] == list(range(1, result.num_steps + 1))
    assert threads == {threading.get_ident()}
    assert any(token.text is None for token in events[0].gaps[0])
    await worker.fill(CALL, emit, lambda: False)
    assert len(events) == result.num_steps


async def test_the_event_loop_goes_on_during_a_fill(worker: Worker) -> None:
    task = asyncio.create_task(fill(worker, CALL))
    num_turns = 0
    while not task.done():
        await asyncio.sleep(0)
        num_turns += 1
    assert num_turns > 2
    assert task.result().fills


async def test_cancelling_ends_before_the_next_step(worker: Worker) -> None:
    is_cancelled = threading.Event()
    call = FillCall(CALL.segments, "python", max_tokens=8, steps=True)
    result = await worker.fill(call, lambda _: is_cancelled.set(), is_cancelled.is_set)
    full = await fill(worker, call)
    assert (result.stop_reason, result.fills) == ("cancelled", ())
    assert 1 <= result.num_steps < full.num_steps
    never_begun = await fill(worker, call, lambda: True)
    assert (never_begun.stop_reason, never_begun.num_steps) == ("cancelled", 0)


async def test_a_warm_prefix_is_not_encoded_again(worker: Worker) -> None:
    prefix = "".join(f"warm_{number} = {number}\n" for number in range(20))
    await worker.warm(WarmCall(prefix, "python", "me", "warm"))
    result = await fill(worker, FillCall((prefix, "\n"), "python", "me", "warm", max_tokens=4))
    assert result.num_cached_tokens == result.num_prefix_tokens > 20


async def test_documents_of_two_clients_are_two(worker: Worker) -> None:
    mine, other = ("".join(f"{name}_{number} = {number}\n" for number in range(20)) for name in ("mine", "other"))
    await worker.warm(WarmCall(mine, "python", "me", "doc"))
    await worker.warm(WarmCall(other, "python", "you", "doc"))
    result = await fill(worker, FillCall((mine, "\n"), "python", "me", "doc", max_tokens=4))
    assert result.num_cached_tokens == result.num_prefix_tokens


async def test_a_draft_is_where_the_model_begins(worker: Worker) -> None:
    call = FillCall(CALL.segments, "python", max_tokens=8, draft=(("left", " +", " right"),), steps=True)
    first: list[StepEvent] = []
    await worker.fill(call, first.append, lambda: False)
    assert "".join(token.text or "?" for token in first[0].gaps[0]) == "left + right"


async def test_what_the_model_cannot_take_is_refused(worker: Worker) -> None:
    call = FillCall(("", ""), max_tokens=2, draft=(("many words in one", None),))
    with pytest.raises(RefusedError) as error:
        await fill(worker, call)
    assert error.value.refusal.kind == "invalid"
    assert (await fill(worker, CALL)).fills


async def test_every_gap_obeys_its_own_constraint(worker: Worker) -> None:
    constraints = ({"choice": ["red", "green"]}, None, {"regex": "[0-9]{4}", "before": "20", "after": ""})
    call = FillCall(("colour = ", "\nname = ", "\nyear = 20", "\n"), "python", max_tokens=8, constraints=constraints)
    result = await fill(worker, call)
    for each in result.fills:
        assert each.texts[0] in ("red", "green")
        assert re.fullmatch("[0-9]{2}", each.texts[2])


async def test_a_value_longer_than_the_text_that_was_sent_goes_on(worker: Worker) -> None:
    constraint = {"regex": "a{9}b{1,3}c{9}", "before": "a" * 9, "after": "c" * 9}
    result = await fill(worker, FillCall(("aaa", "ccc"), max_tokens=8, constraints=(constraint,)))
    assert re.fullmatch("b{1,3}", result.fills[0].texts[0])


async def test_while_a_format_is_prepared_others_are_filled(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    monkeypatch.setattr(Infiller, "languages", _waiting(Infiller.languages, done))
    preparing = asyncio.create_task(worker.prepare(replace(CALL, constraints=({"choice": ["a", "b"]},))))
    assert (await fill(worker, CALL)).fills
    assert not preparing.done()
    done.set()
    await preparing


async def test_what_is_wrong_with_a_format_is_told_when_it_is_its_turn(worker: Worker) -> None:
    call = replace(CALL, constraints=({"regex": "(a"},))
    await worker.prepare(call)
    with pytest.raises(RefusedError):
        await fill(worker, call)


def _waiting(languages: Callable[..., Languages], done: threading.Event) -> Callable[..., Languages]:
    """Waits if there is a constraint."""

    def wait(infiller: Infiller, request: InfillRequest, word: str = "") -> Languages:
        if request.constraints is not None:
            assert done.wait(60)
        return languages(infiller, request, word)

    return wait


@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        ({}, 'A constraint has one of "regex"'),
        ({"regex": 5}, 'A constraint has one of "regex"'),
        ({"regex": "a", "choice": ["a"]}, 'A constraint has one of "regex"'),
        ({"regex": "(a"}, "(a is not a regular expression"),
        ({"preset": "a"}, "There is no preset 'a'"),
        ({"schema": {"items": {"multipleOf": 3}}}, "JSON Schema, #/items/multipleOf: the keyword 'multipleOf'"),
        ({"regex": "a+", "before": "return "}, "Nothing that the format allows begins with 'return '."),
        (
            {"regex": "a+", "before": "a"},
            "'a', the \"before\" of gap 1, does not stand in front of it; name what does.",
        ),
        ({"regex": "a+", "after": "a"}, "'a', the \"after\" of gap 1, does not stand behind it; name what does."),
        ({"regex": "a{20}b{20}"}, "fits into 8 tokens"),
    ],
)
async def test_a_constraint_that_cannot_be_met_is_refused(
    worker: Worker, constraint: dict[str, Any], message: str
) -> None:
    with pytest.raises(RefusedError) as error:
        await fill(worker, FillCall(CALL.segments, "python", max_tokens=8, constraints=(constraint,)))
    assert error.value.refusal.kind == "invalid"
    assert message in error.value.refusal.message
    assert (await fill(worker, CALL)).fills


async def test_syntax_is_judged_if_that_is_asked_for(worker: Worker) -> None:
    assert {each.valid for each in (await fill(worker, CALL)).fills} == {None}
    judged = await fill(worker, FillCall(CALL.segments, "python", max_tokens=8, syntax=True))
    assert judged.fills[0].valid is True


async def test_too_little_memory_is_explained_and_survived(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhaust(*_: object) -> None:
        raise torch.OutOfMemoryError("tried to allocate 1 TiB")

    with monkeypatch.context() as patch:
        patch.setattr(Infiller, "run", exhaust)
        with pytest.raises(RefusedError, match="not enough memory on cpu") as error:
            await fill(worker, CALL)
    assert error.value.refusal.kind == "internal"
    assert (await fill(worker, CALL)).fills


@pytest.mark.parametrize(
    ("checkpoint", "device", "message"),
    [
        (
            Path("nowhere"),
            "cpu",
            "There is no checkpoint directory nowhere; name one that exists, or none for the embedded model.",
        ),
        (None, "warp", "There is no device called 'warp'; try auto, cpu or cuda."),
    ],
)
async def test_a_failed_load_says_what_to_do(
    checkpoint: Path | None, device: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(checkpoint, device)
    with caplog.at_level(logging.INFO):
        await worker.load()
    assert (worker.status.state, worker.status.message) == ("failed", message)
    assert caplog.messages == [message]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (torch.OutOfMemoryError("1 TiB"), "not enough memory on the device 'cpu' for the model; try another one."),
        (OSError("disk on fire"), "The model cannot be loaded (OSError: disk on fire); try: lacuna doctor"),
    ],
)
async def test_whatever_goes_wrong_while_loading_is_told(
    error: Exception, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Infiller, "load", fail)
    worker = Worker(None, "cpu")
    await worker.load()
    assert worker.status.state == "failed"
    assert worker.status.message.endswith(message)
