import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace

import pytest
from scripted_engine import result
from scripted_model import NUM_STEPS, ScriptedModel

from lacuna_server.engine.protocol import Event, FillCall, Refusal, ResultEvent, StepEvent, WarmCall
from lacuna_server.engine.refusals import RefusedError
from lacuna_server.engine.scheduler import (
    CLOSING,
    MAX_QUEUED,
    MAX_QUEUED_OF_CLIENT,
    SUPERSEDED,
    TOO_LATE,
    Scheduler,
    Turn,
)

PATIENCE = 10.0


def fill_call(name: str, *, steps: bool = False, deadline_ms: float | None = None) -> FillCall:
    """The call of a client for a document: "client/document"."""
    client, document = name.split("/")
    return FillCall(("", ""), client=client, document=document, steps=steps, deadline_ms=deadline_ms)


def call_of(name: str) -> FillCall | WarmCall:
    """As `fill_call`, or a warm call: "client/document warm"."""
    if not name.endswith(" warm"):
        return fill_call(name)
    client, document = name.removesuffix(" warm").split("/")
    return WarmCall("", client=client, document=document)


def name_of(call: FillCall | WarmCall) -> str:
    return f"{call.client}/{call.document}" + (" warm" if isinstance(call, WarmCall) else "")


async def events(turn: Turn) -> list[Event]:
    async with asyncio.timeout(PATIENCE):
        return [event async for event in turn]


@asynccontextmanager
async def running(scheduler: Scheduler) -> AsyncIterator[None]:
    task = asyncio.create_task(scheduler.run())
    yield
    scheduler.close()
    async with asyncio.timeout(PATIENCE):
        await task


async def until_it_has_begun(model: ScriptedModel, name: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while [name_of(call) for call in model.began][-1:] != [name]:
            await asyncio.sleep(0)


def scheduler_of(model: ScriptedModel) -> tuple[Scheduler, list[ResultEvent]]:
    results: list[ResultEvent] = []
    return Scheduler(model, results.append), results


@pytest.mark.parametrize(
    ("arrivals", "order"),
    [
        (["a/1"], ["a/1"]),
        (["a/1", "a/2", "b/1", "c/1"], ["a/1", "b/1", "c/1", "a/2"]),
        (["a/1", "b/1", "a/1"], ["a/1", "b/1"]),
        (["a/1 warm", "b/1 warm", "c/1"], ["c/1", "a/1 warm", "b/1 warm"]),
        (["a/1 warm", "a/1 warm"], ["a/1 warm"]),
        (["a/1 warm", "a/1"], ["a/1"]),
        (["a/1 warm", "b/1"], ["b/1", "a/1 warm"]),
        (["a/", "a/", "a/"], ["a/", "a/", "a/"]),
    ],
)
async def test_order(arrivals: Sequence[str], order: Sequence[str]) -> None:
    model = ScriptedModel()
    model.allow()
    scheduler, _ = scheduler_of(model)
    with ExitStack() as stack:
        turns = [stack.enter_context(scheduler.enter(call_of(name))) for name in arrivals]
        assert scheduler.num_queued == len(order)
        async with running(scheduler):
            ends = [(await events(turn))[-1:] for turn in turns]
    assert [name_of(call) for call in model.began] == order
    assert ends.count([SUPERSEDED]) == len(arrivals) - len(order)
    assert (scheduler.num_queued, scheduler.num_running) == (0, 0)


async def test_steps_tell_the_time_since_the_turn_of_their_call_began() -> None:
    model = ScriptedModel()
    model.allow()
    scheduler, _ = scheduler_of(model)
    began = time.monotonic()
    with scheduler.enter(fill_call("a/doc", steps=True)) as turn:
        await asyncio.sleep(0.05)  # it waits for its turn
        async with running(scheduler):
            *steps, end = await events(turn)
    times = [step.elapsed_ms for step in steps if isinstance(step, StepEvent)]
    assert times == sorted(times) and times[0] > 0
    assert isinstance(end, ResultEvent)
    assert end.queue_ms + times[-1] <= 1000 * (time.monotonic() - began)


async def test_steps_come_before_the_result() -> None:
    model = ScriptedModel()
    model.allow()
    scheduler, results = scheduler_of(model)
    async with running(scheduler):
        with scheduler.enter(fill_call("a/doc", steps=True)) as turn:
            *steps, end = await events(turn)
        with scheduler.enter(fill_call("a/doc")) as turn:
            assert len(await events(turn)) == 1
    assert [step.step for step in steps if isinstance(step, StepEvent)] == [1, 2, 3, 4]
    assert end == results[0]
    assert results[0].fills == result("doc").fills
    assert results[0].total_ms == results[0].queue_ms + result().total_ms
    assert scheduler.num_fills == 2


async def test_a_superseded_fill_ends_at_once_and_frees_the_model_within_a_step() -> None:
    model = ScriptedModel()
    scheduler, results = scheduler_of(model)
    async with running(scheduler):
        with scheduler.enter(fill_call("a/1")) as older:
            await until_it_has_begun(model, "a/1")
            with scheduler.enter(fill_call("a/1")) as newer:
                assert await events(older) == [SUPERSEDED]
                model.allow(1 + NUM_STEPS)
                assert isinstance((await events(newer))[-1], ResultEvent)
    assert [each.stop_reason for each in results] == ["cancelled", "stable"]
    assert model.num_steps == 1 + NUM_STEPS
    assert scheduler.num_fills == 1


async def test_hanging_up_frees_the_model_within_a_step() -> None:
    model = ScriptedModel()
    scheduler, results = scheduler_of(model)
    async with running(scheduler):
        with scheduler.enter(fill_call("a/1")):
            await until_it_has_begun(model, "a/1")
        assert scheduler.num_running == 1
        model.allow(1 + NUM_STEPS)
        with scheduler.enter(fill_call("b/1")) as next_turn:
            await events(next_turn)
    assert [each.stop_reason for each in results] == ["cancelled", "stable"]
    assert model.num_steps == 1 + NUM_STEPS


async def test_what_was_withdrawn_while_it_waited_never_begins() -> None:
    model = ScriptedModel()
    scheduler, _ = scheduler_of(model)
    async with running(scheduler):
        with scheduler.enter(fill_call("a/1")) as turn:
            await until_it_has_begun(model, "a/1")
            with scheduler.enter(fill_call("b/1")) as waiting, scheduler.enter(call_of("c/1 warm")):
                assert scheduler.num_queued == 2
                scheduler.withdraw(waiting)
                assert scheduler.num_queued == 1
                assert await events(waiting) == []
            assert scheduler.num_queued == 0
            model.allow()
            await events(turn)
    assert [name_of(call) for call in model.began] == ["a/1"]


async def test_the_deadline_counts_from_the_arrival() -> None:
    model = ScriptedModel()
    scheduler, results = scheduler_of(model)
    async with running(scheduler):
        with scheduler.enter(fill_call("a/1")), scheduler.enter(fill_call("b/1", deadline_ms=1e6)) as late:
            await until_it_has_begun(model, "a/1")
            model.allow()
            await events(late)
    _, late_call = model.began
    assert isinstance(late_call, FillCall)
    assert late_call.deadline_ms == 1e6 - results[1].queue_ms < 1e6


async def test_a_call_whose_time_ran_out_while_it_waited_costs_no_step() -> None:
    model = ScriptedModel()
    scheduler, results = scheduler_of(model)
    async with running(scheduler):
        with scheduler.enter(fill_call("a/1")), scheduler.enter(fill_call("b/1", deadline_ms=1)) as late:
            await until_it_has_begun(model, "a/1")
            await asyncio.sleep(0.01)
            model.allow()
            (end,) = await events(late)
    assert [name_of(call) for call in model.began] == ["a/1"]
    assert end == results[1] == replace(TOO_LATE, queue_ms=results[1].queue_ms, total_ms=results[1].queue_ms)
    assert results[1].queue_ms > 1


async def test_the_queue_is_bounded_but_the_latest_always_gets_in() -> None:
    scheduler, _ = scheduler_of(ScriptedModel())
    with ExitStack() as stack:

        def enter(name: str) -> Turn:
            return stack.enter_context(scheduler.enter(call_of(name)))

        first = enter("0/0")
        for number in range(1, MAX_QUEUED):
            enter(f"{number // MAX_QUEUED_OF_CLIENT}/{number}")
        for name in ("new/1", "0/new"):
            with pytest.raises(RefusedError) as refused:
                enter(name)
            assert refused.value.refusal.kind == "busy"
        enter("0/0")
        assert await events(first) == [SUPERSEDED]
        enter("new/1 warm")
        assert scheduler.num_queued == MAX_QUEUED + 1


async def test_a_defect_is_no_end(caplog: pytest.LogCaptureFixture) -> None:
    model = ScriptedModel()
    model.allow()
    model.error = ValueError("my_secret = 1")
    scheduler, _ = scheduler_of(model)
    async with running(scheduler):
        with caplog.at_level(logging.DEBUG), scheduler.enter(fill_call("a/1")) as turn:
            (end,) = await events(turn)
        with scheduler.enter(fill_call("a/1")) as turn:
            assert isinstance((await events(turn))[-1], ResultEvent)
    assert isinstance(end, Refusal)
    assert (end.kind, "ValueError" in end.message) == ("internal", True)
    assert "scripted_model.py" in caplog.text
    assert "my_secret" not in caplog.text + end.message


@pytest.mark.parametrize("name", ["a/1", "a/1 warm"])
async def test_a_model_may_refuse(name: str) -> None:
    model = ScriptedModel()
    model.allow()
    model.error = RefusedError("invalid", "too long")
    scheduler, _ = scheduler_of(model)
    async with running(scheduler):
        with scheduler.enter(call_of(name)) as turn:
            assert await events(turn) == [Refusal("invalid", "too long")]


async def test_closing_refuses_all() -> None:
    model = ScriptedModel()
    scheduler, _ = scheduler_of(model)
    with scheduler.enter(fill_call("a/1")) as active, scheduler.enter(fill_call("b/1")) as waiting:
        async with running(scheduler):
            await until_it_has_begun(model, "a/1")
            scheduler.close()
            assert await events(active) == await events(waiting) == [CLOSING]
            model.allow()
    assert [name_of(call) for call in model.began] == ["a/1"]
    assert model.num_steps == 1
    with pytest.raises(RefusedError, match="start it again"), scheduler.enter(fill_call("c/1")):
        pass


async def test_idleness() -> None:
    model = ScriptedModel()
    scheduler, _ = scheduler_of(model)
    before = scheduler.idle_seconds
    with scheduler.enter(fill_call("a/1")) as turn:
        assert scheduler.idle_seconds == 0
        async with running(scheduler):
            await until_it_has_begun(model, "a/1")
            assert scheduler.idle_seconds == 0
            model.allow()
            await events(turn)
            async with asyncio.timeout(PATIENCE):
                while scheduler.num_running:
                    await asyncio.sleep(0)
            assert 0 <= before
            assert 0 < scheduler.idle_seconds < PATIENCE
