import hmac

import pytest
from starlette.types import Message, Receive, Scope, Send

from lacuna_server.engine.guard import Guard


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body"})


async def status_of(token: bytes) -> int:
    """What a guard that wants the token "secret" answers to another one."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    guard = Guard(application, token="secret", max_body_bytes=1, on_refusal=lambda _: None)
    headers = [(b"authorization", b"Bearer " + token)]
    await guard({"type": "http", "path": "/v1/status", "headers": headers}, receive, send)
    return int(sent[0]["status"])


async def test_tokens_are_compared_in_constant_time_and_in_no_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await status_of(b"secret"), await status_of(b"wrong")) == (200, 401)
    compared: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, wanted: bytes) -> bool:
        compared.append((given, wanted))
        return True

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert await status_of(b"wrong") == 200
    assert compared == [(b"Bearer wrong", b"Bearer secret")]
