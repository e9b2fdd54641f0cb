"""Plays a typing session to a language server, as an editor with a person in front of it would."""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.keystrokes import Session, State
from lsprotocol import types
from pygls.exceptions import JsonRpcRequestCancelled
from scripted_editor import Editor, capabilities, inline_completion

CAPABILITIES = capabilities(
    general=types.GeneralClientCapabilities(position_encodings=[types.PositionEncodingKind.Utf32])
)
"""Positions count characters, as the session does."""

READING_SECONDS = 0.5
"""What was shown for longer than this, and was not taken, was rejected."""

LOOK_AHEAD = 400
"""Events that are looked through for the document that a suggestion would make."""

MIN_SAVED = 2
"""Events that taking a suggestion must save."""

_WORD_END = re.compile(r"\w+|\W")


@dataclass
class Request:
    """A request for ghost text.

    Attributes:
        state: what it was for.
        sent: when, on the clock of `time.monotonic`; the key that it followed was sent just before.
        answered: when the answer came.
        items: of the answer.
        reason: why there are none; "cancelled" if the editor did not want them any more.
    """

    state: State
    sent: float
    answered: float | None = None
    items: tuple[types.InlineCompletionItem, ...] = ()
    reason: str | None = None


class Replay:
    """A person, an editor and their document.

    Attributes:
        requests: all that were sent.
        num_saved: events that taking suggestions saved.
        num_accepted: suggestions that were taken, in whole or in part.
        accepted_characters: of them.
    """

    def __init__(self, editor: Editor, session: Session, speed: float, cancels: bool) -> None:
        """Makes a replay.

        Args:
            editor: is connected already.
            session: what the person does.
            speed: by which think times are divided.
            cancels: whether the editor cancels what it has asked for when the next key comes, as VS Code does.
        """
        self.requests: list[Request] = []
        self.num_saved = 0
        self.num_accepted = 0
        self.accepted_characters = 0
        self._editor = editor
        self._session = session
        self._speed = speed
        self._cancels = cancels
        self._state = State(session.text)
        self._version = 1
        self._uri = f"file:///session/{session.path}"
        self._num_reasons = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Plays the session to its end, and waits for the last answers."""
        item = types.TextDocumentItem(self._uri, self._session.language, self._version, self._state.text)
        self._editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        events = self._session.events
        number, due = 0, time.monotonic()
        while number < len(events):
            event = events[number]
            due += event["after"] / self._speed
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            number += 1
            if "look" in event:
                num_saved = self._look(events[number : number + LOOK_AHEAD])
                self.num_saved += num_saved
                number += num_saved
            elif "move" in event:
                self._state = self._state.after(event)
            else:
                self._press(event)
        await asyncio.gather(*self._tasks)
        assert self._state.text == self._session.final_text

    def _press(self, event: Mapping[str, Any]) -> None:
        before, after = self._state, self._state.after(event)
        self._tell_rejection(after)
        match event:
            case {"insert": str(new)}:
                self._change(before, before.cursor, before.cursor, new + event.get("behind", ""))
            case {"delete": int()}:
                self._change(before, after.cursor, before.cursor, "")
            case {"step": int()}:
                self._change(before, before.cursor, after.cursor, before.text[before.cursor : after.cursor])
        self._state = after
        self._ask()

    def _look(self, coming: tuple[Mapping[str, Any], ...]) -> int:
        """Takes what is shown as far as it is what comes; returns how many of the coming events that saves."""
        item = self._shown
        if item is None or not isinstance(item.insert_text, str) or item.range is None:
            return 0
        start, end = (self._state.offset(place.line, place.character) for place in (item.range.start, item.range.end))
        for text in _beginnings(item.insert_text) if start == end else [item.insert_text]:
            accepted = self._state.replaced(start, end, text)
            num_saved = _num_events_to(self._state, accepted, coming)
            if num_saved >= MIN_SAVED:
                self._change(self._state, start, end, text)
                self._tell("accepted", length=len(text))
                self.num_accepted += 1
                self.accepted_characters += len(text)
                self._state = accepted
                self._ask()
                return num_saved
        return 0

    @property
    def _shown(self) -> types.InlineCompletionItem | None:
        """What is on the screen."""
        last = self.requests[-1] if self.requests else None
        return last.items[0] if last is not None and last.items and last.state == self._state else None

    def _tell_rejection(self, after: State) -> None:
        """Tells that what is shown was not taken, if it was there for long and what was typed is something else."""
        item, last = self._shown, self.requests[-1] if self.requests else None
        if item is None or last is None or last.answered is None or not isinstance(item.insert_text, str):
            return
        typed = after.text[self._state.cursor : after.cursor]
        goes_on = typed != "" and item.insert_text.startswith(typed)
        if not goes_on and time.monotonic() - last.answered >= READING_SECONDS / self._speed:
            self._tell("rejected")

    def _tell(self, name: str, **params: Any) -> None:
        self._editor.client.protocol.notify(f"lacuna/{name}", {"textDocument": {"uri": self._uri}} | params)

    def _change(self, state: State, start: int, end: int, text: str) -> None:
        places = types.Range(*(types.Position(*state.place(offset)) for offset in (start, end)))
        self._version += 1
        identifier = types.VersionedTextDocumentIdentifier(self._version, self._uri)
        change = types.TextDocumentContentChangePartial(places, text)
        self._editor.client.text_document_did_change(types.DidChangeTextDocumentParams(identifier, [change]))

    def _ask(self) -> None:
        number = len(self.requests)
        if self._cancels and self.requests and self.requests[-1].answered is None:
            self._editor.client.cancel_request(types.CancelParams(str(number - 1)))
        request = Request(self._state, time.monotonic())
        self.requests.append(request)
        self._tasks.append(asyncio.create_task(self._receive(request, str(number))))

    async def _receive(self, request: Request, identity: str) -> None:
        params = inline_completion(types.Position(*request.state.place(request.state.cursor)), self._uri)
        protocol: Any = self._editor.client.protocol  # the typed client cannot name its requests
        try:
            items = await protocol.send_request_async(types.TEXT_DOCUMENT_INLINE_COMPLETION, params, msg_id=identity)
        except JsonRpcRequestCancelled:
            items, request.reason = [], "cancelled"
        request.answered = time.monotonic()
        request.items = tuple(items)
        if items and request is self.requests[-1]:
            self._tell("shown")
        elif not items and request.reason is None:  # the server tells reasons in the order of its answers
            request.reason = self._editor.reasons[self._num_reasons]
            self._num_reasons += 1


def _beginnings(text: str) -> list[str]:
    """A text and its beginnings that end with a word or a mark, the longest first."""
    return [text[: match.end()] for match in reversed(list(_WORD_END.finditer(text)))]


def _num_events_to(state: State, wanted: State, events: tuple[Mapping[str, Any], ...]) -> int:
    """How many events it takes to get to a state without going elsewhere; 0 if they do not get there."""
    for number, event in enumerate(events, start=1):
        if "move" in event:
            return 0
        state = state.after(event)
        if state == wanted:
            return number
    return 0
