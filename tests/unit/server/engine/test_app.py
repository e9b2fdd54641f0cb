import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from scripted_engine import result, step
from scripted_model import NUM_STEPS, ScriptedModel

from lacuna_server.engine.app import Engine, create_app
from lacuna_server.engine.protocol import (
    VERSION,
    VERSION_HEADER,
    FillCall,
    ReasonCount,
    ReasonsCall,
    Refusal,
    ResultEvent,
    Status,
    StepEvent,
    WarmCall,
    decode,
    decode_event,
    encode,
)
from lacuna_server.engine.scheduler import SUPERSEDED
from lacuna_server.engine.worker import ModelStatus

PATIENCE = 10.0
CALL = FillCall(("a", "b"), client="me", document="doc")
JSON = {"segments": ["a", "b"]}


@asynccontextmanager
async def served(model: ScriptedModel, shut_down: Any = None, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(Engine(model, shut_down), **options)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://e") as client:
        await asyncio.sleep(0)  # loading begins
        yield client


async def figures(client: httpx.AsyncClient) -> dict[str, float]:
    families = text_string_to_metric_families((await client.get("/metrics")).text)
    return {
        " ".join((sample.name.removeprefix("lacuna_"), *sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


async def test_a_fill_is_streamed_as_lines() -> None:
    model = ScriptedModel()
    model.allow()
    async with served(model) as client:
        response = await client.post("/v1/fill", content=encode(replace(CALL, steps=True)))
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/x-ndjson"
    *steps, end = [decode_event(line) for line in response.text.splitlines()]
    assert all(isinstance(each, StepEvent) and each.elapsed_ms > 0 for each in steps)
    assert [replace(each, elapsed_ms=0.0) for each in steps if isinstance(each, StepEvent)] == [
        step(number, ["doc"]) for number in range(1, NUM_STEPS + 1)
    ]
    assert isinstance(end, ResultEvent)
    assert replace(end, queue_ms=0.5, total_ms=3.5) == result("doc")
    assert model.began == [replace(CALL, steps=True)]


async def test_preparing_counts_towards_the_deadline() -> None:
    class SlowToPrepare(ScriptedModel):
        async def prepare(self, call: FillCall) -> None:
            await asyncio.sleep(0.02)

    model = SlowToPrepare()
    async with served(model) as client:
        response = await client.post("/v1/fill", content=encode(replace(CALL, deadline_ms=5.0)))
    (end,) = [decode_event(line) for line in response.text.splitlines()]
    assert isinstance(end, ResultEvent) and end.stop_reason == "deadline"
    assert model.began == []


async def test_warming() -> None:
    model = ScriptedModel()
    model.allow()
    call = WarmCall("a", "python", "me", "doc")
    async with served(model) as client:
        assert (await client.post("/v1/warm", content=encode(call))).status_code == 204
    assert model.began == [call]


async def test_a_fill_supersedes_the_warming_of_its_document() -> None:
    model = ScriptedModel()
    async with served(model) as client, asyncio.TaskGroup() as group:
        group.create_task(client.post("/v1/fill", content=encode(replace(CALL, client="other"))))
        while not model.began:
            await asyncio.sleep(0)
        warmed = group.create_task(client.post("/v1/warm", content=encode(WarmCall("a", client="me", document="doc"))))
        while decode((await client.get("/v1/status")).content, Status).num_queued == 0:
            await asyncio.sleep(0)
        group.create_task(client.post("/v1/fill", content=encode(CALL)))
        response = await warmed
        model.allow()
    assert (response.status_code, decode(response.content, Refusal)) == (409, SUPERSEDED)


async def test_status() -> None:
    async with served(ScriptedModel()) as client:
        response = await client.get("/v1/status")
    status = decode(response.content, Status)
    assert (status.version, status.state, status.checkpoint, status.device) == (VERSION, "ready", "scripted", "cpu")
    assert (status.loaded_bytes, status.total_bytes, status.num_queued, status.num_running) == (7, 7, 0, 0)
    assert 0 <= status.uptime_seconds < PATIENCE


@pytest.mark.parametrize(
    ("method", "path", "content", "code", "kind", "part"),
    [
        ("POST", "/v1/fill", "{", 400, "invalid", "property name"),
        ("POST", "/v1/fill", "[]", 400, "invalid", "not a JSON object"),
        ("POST", "/v1/fill", json.dumps(JSON | {"max_tokens": "5"}), 400, "invalid", "FillCall.max_tokens"),
        ("POST", "/v1/fill", json.dumps(JSON | {"max_tokens": 0}), 400, "invalid", "max_tokens must be between"),
        ("POST", "/v1/warm", "{}", 400, "invalid", "missing @ WarmCall.prefix"),
        ("POST", "/v1/fill", json.dumps({"segments": ["x" * 2000, ""]}), 413, "too_large", "1000 bytes"),
        ("GET", "/v1/fill", "", 405, "invalid", "There is no GET /v1/fill here."),
        ("GET", "/v2/fill", "", 404, "invalid", "There is no GET /v2/fill here."),
        ("DELETE", "/", "", 404, "invalid", "There is no DELETE / here."),
    ],
)
async def test_refusals(method: str, path: str, content: str, code: int, kind: str, part: str) -> None:
    async with served(ScriptedModel(), max_body_bytes=1000) as client:
        response = await client.request(method, path, content=content)
    refusal = decode(response.content, Refusal)
    assert (response.status_code, refusal.kind) == (code, kind)
    assert part in refusal.message
    assert response.headers[VERSION_HEADER] == VERSION


async def test_who_asks_a_shared_engine_cannot_end_it() -> None:
    async with served(ScriptedModel(), shut_down=None) as client:
        response = await client.post("/v1/shutdown")
    assert (response.status_code, decode(response.content, Refusal).message) == (
        400,
        "This engine serves others too; end it where it runs.",
    )


async def test_requests_at_the_same_time_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lacuna_server.engine.guard.MAX_REQUESTS", 1)
    model = ScriptedModel()
    async with served(model) as client, asyncio.TaskGroup() as group:
        first = group.create_task(client.post("/v1/fill", content=encode(CALL)))
        while not model.began:
            await asyncio.sleep(0)
        refused = await client.get("/v1/status")
        model.allow()
        assert (await first).status_code == 200
        assert (await client.get("/v1/status")).status_code == 200
    assert (refused.status_code, decode(refused.content, Refusal).kind) == (429, "busy")


async def test_a_body_of_unknown_length_is_limited_too() -> None:
    num_sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal num_sent
        for _ in range(1000):
            yield b"x" * 100
            num_sent += 1

    async with served(ScriptedModel(), max_body_bytes=1000) as client:
        response = await client.post("/v1/fill", content=body())
    assert response.status_code == 413
    assert num_sent < 12


@pytest.mark.parametrize(
    ("path", "headers", "code"),
    [
        ("/v1/status", {}, 401),
        ("/v1/status", {"Authorization": "Bearer wrong"}, 401),
        ("/v1/status", {"Authorization": "Bearer secreté"}, 401),
        ("/v1/status", {"Authorization": "Basic secret"}, 401),
        ("/v1/status", {"Authorization": "secret"}, 401),
        ("/metrics", {}, 401),
        ("/anything", {}, 401),
        ("/v1/status", {"Authorization": "Bearer secret"}, 200),
        ("/metrics", {"Authorization": "Bearer secret"}, 200),
        ("/health", {}, 200),
        ("/v1/status", {"Authorization": "Bearer secret", "Origin": "https://example.com"}, 401),
        ("/health", {"Origin": "null"}, 401),
    ],
)
async def test_the_token_is_asked_for(path: str, headers: dict[str, str], code: int) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    async with served(ScriptedModel(), token="secret") as client:
        response = await client.get(path, headers=raw)
    assert response.status_code == code
    if code == 401:
        assert decode(response.content, Refusal).kind == "unauthorized"
        assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("state", ["loading", "failed"])
async def test_without_a_model_the_status_is_all_there_is(state: Any) -> None:
    model = ScriptedModel()
    model.after_load = ModelStatus("x", "cpu", state, message="fetch it again")
    async with served(model) as client:
        for method, path, message in (
            ("POST", "/v1/fill", CALL),
            ("POST", "/v1/warm", WarmCall("")),
            ("GET", "/health", None),
        ):
            response = await client.request(method, path, content=encode(message))
            refusal = decode(response.content, Refusal)
            assert (response.status_code, refusal.kind) == (503, state)
            assert (refusal.message == "fetch it again") == (state == "failed")
        status = decode((await client.get("/v1/status")).content, Status)
    assert (status.state, status.message) == (state, "fetch it again")
    assert model.began == []


async def test_figures_are_counted_for_each_application_apart() -> None:
    model, other = ScriptedModel(), ScriptedModel()
    model.allow()
    async with served(model) as client, served(other) as other_client:
        for content in (encode(CALL), encode(CALL), b"{"):
            await client.post("/v1/fill", content=content)
        mine, others = await figures(client), await figures(other_client)
    expected = result("doc")
    assert mine["fills_total stable"] == 2
    assert mine["refused_total invalid"] == 1
    assert mine["forwards_total"] == 2 * expected.num_forwards
    assert mine["prefix_tokens_total"] == 2 * expected.num_prefix_tokens
    assert mine["queue_seconds_count"] == mine["total_seconds_count"] == 2
    assert mine["model_loaded_bytes"] == 7
    assert "fills_total stable" not in others


async def test_shutdown() -> None:
    told: list[None] = []
    async with served(ScriptedModel(), lambda: told.append(None)) as client:
        assert (await client.post("/v1/shutdown")).status_code == 202
    assert told == [None]


async def test_the_end_of_the_application_refuses_what_waits() -> None:
    model = ScriptedModel()
    async with asyncio.TaskGroup() as group:
        async with served(model) as client:
            task = group.create_task(client.post("/v1/fill", content=encode(CALL)))
            while not model.began:
                await asyncio.sleep(0)
        response = await task
    (end,) = [decode_event(line) for line in response.text.splitlines()]
    assert isinstance(end, Refusal) and end.kind == "closing"


async def test_defects_are_refusals_too(caplog: pytest.LogCaptureFixture) -> None:
    model = ScriptedModel()
    async with served(model) as client:
        model.status = None  # type: ignore[assignment]
        response = await client.get("/v1/status")
    refusal = decode(response.content, Refusal)
    assert (response.status_code, refusal.kind) == (500, "internal")
    assert "TypeError" in refusal.message
    assert response.headers[VERSION_HEADER] == VERSION
    assert "app.py" in caplog.text


async def test_reasons_are_taken_in_any_state_and_shown_by_the_status() -> None:
    told = (ReasonCount("empty", 3),)
    async with served(ScriptedModel()) as client:
        answer = await client.post("/v1/reasons", content=encode(ReasonsCall("me", told)))
        assert answer.status_code == 204
        assert decode((await client.get("/v1/status")).content, Status).reasons == told
        refused = await client.post("/v1/reasons", json={"client": "me", "reasons": [{"reason": 1, "count": 2}]})
        assert (refused.status_code, refused.json()["kind"]) == (400, "invalid")
