"""How long automatic requests wait, with a clock that only goes when somebody waits."""

from types import SimpleNamespace

import pytest
from lsprotocol import types
from scripted_engine import result

from lacuna_server import pipeline, session
from lacuna_server.app import create_server
from lacuna_server.documents import OpenDocument
from lacuna_server.engine.protocol import FillCall, ResultEvent
from lacuna_server.handlers.documents import did_change
from lacuna_server.handlers.feedback import accepted, rejected, shown
from lacuna_server.messages import FeedbackParams
from lacuna_server.mirror import Point, Text
from lacuna_server.pipeline import Ask, suggest
from lacuna_server.session import Session
from lacuna_server.settings import Settings

URI = "file:///project/x.py"
CODE, COMMENT = "value = compute(", "# a comment that goes on "
HANDLERS = {"shown": shown, "accepted": accepted, "rejected": rejected}


class Person:
    """Types in a document at a pace, with an engine that takes its time.

    Attributes:
        waited: the delay of every request, in seconds.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waited: list[float] = []
        self._now = 0.0
        self._version = 0
        self._latency = 0.0
        clock = SimpleNamespace(monotonic=lambda: self._now, time=lambda: self._now)
        monkeypatch.setattr(session, "time", clock)
        monkeypatch.setattr(pipeline, "time", clock)
        monkeypatch.setattr(pipeline, "asyncio", SimpleNamespace(sleep=self._wait))
        server = create_server()
        server.protocol.client_capabilities = types.ClientCapabilities()
        server.protocol.server_capabilities = types.ServerCapabilities(position_encoding="utf-16")
        self._session: Session = server.session
        self._session.settings = Settings(delay_ms=100)
        monkeypatch.setattr(self._session.connection, "fill", self._fill)

    async def _wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self._now += seconds

    async def _fill(self, call: FillCall) -> ResultEvent:
        self._now += self._latency
        return result("")

    def type(self, interval: float) -> None:
        """Presses two keys, one so many seconds after the other."""
        self._session.documents[URI] = OpenDocument(URI, "python", 1, Text("x = 1\n"))
        place = types.Range(types.Position(0, 0), types.Position(0, 0))
        change = types.TextDocumentContentChangePartial(place, " ")
        for _ in range(2):
            identifier = types.VersionedTextDocumentIdentifier(1, URI)
            did_change(self._session, types.DidChangeTextDocumentParams(identifier, [change]))
            self._now += interval

    def say(self, what: str) -> None:
        """Tells what became of a suggestion."""
        HANDLERS[what](self._session, FeedbackParams(types.TextDocumentIdentifier(URI)))

    async def ask(self, line: str, latency: float) -> None:
        """Asks at the end of a line, and is answered so many seconds later."""
        self._latency = latency
        document = self._session.documents[URI] = OpenDocument(URI, "python", 1, Text(line + "\n"))
        await suggest(self._session, Ask(document, Point(0, len(line)), automatic=True))


@pytest.mark.parametrize(
    ("interval", "latency", "feedback", "line", "seconds"),
    [
        (None, None, [], CODE, 0.1),
        (None, None, [], COMMENT, 0.2),
        (None, 0.03, [], CODE, 0.03),  # it answers before the next key comes
        (None, 0.5, [], CODE, 0.1),
        (0.3, None, [], CODE, 0.1),
        (0.3, 0.5, [], CODE, 0.3),
        (0.3, 0.2, [], CODE, 0.2),
        (None, None, ["shown", "rejected"] * 2, CODE, 0.1),
        (None, None, ["shown", "rejected"] * 3, CODE, 0.2),
        (None, None, ["shown", "rejected"] * 4, CODE, 0.4),
        (None, None, ["shown", "rejected"] * 4 + ["accepted"], CODE, 0.1),
        (None, None, ["rejected"] * 3, COMMENT, 0.4),
    ],
)
async def test_what_is_waited(
    monkeypatch: pytest.MonkeyPatch,
    interval: float | None,
    latency: float | None,
    feedback: list[str],
    line: str,
    seconds: float,
) -> None:
    person = Person(monkeypatch)
    if interval is not None:
        person.type(interval)
    if latency is not None:
        await person.ask("before = run(", latency)
    for what in feedback:
        person.say(what)
    await person.ask(line, 0.0)
    assert person.waited[-1] == pytest.approx(seconds)
