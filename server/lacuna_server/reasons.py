"""Why nothing was suggested."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a request brought nothing: a word for programs, and for people `description`, which says what can be done."""

    def __new__(cls, value: str, description: str) -> "Reason":
        """A member is written as its word and its description."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.description = description
        return member

    description: str

    # The request was not worth answering any more.
    SUPERSEDED = "superseded", "a newer request for the same document came; wait for its answer"
    CANCELLED = "cancelled", "the editor took the request back, as it does while you type; stop for a moment"
    DEADLINE = "deadline", "no fill was ready in time; raise lacuna.deadline_ms, or ask for a suggestion"

    # The file shall be left alone.
    DISABLED = "disabled", "completion is off for this language; lacuna.enable turns it on"
    ON_DEMAND = "on-demand", "suggestions are made only when asked for; ask for one, or turn lacuna.automatic on"
    SECRET_FILE = "secret-file", "the file's name says that it holds secrets; lacuna.secret_files lists such names"
    IGNORED_FILE = "ignored-file", "git ignores the file; take it out of .gitignore to have it completed"

    # Not a place to ask: automatic requests only.
    SHORT_DOCUMENT = (
        "short-document",
        "the document is too short to say what belongs there; write more, or ask for a suggestion",
    )
    SEVERAL_CURSORS = "several-cursors", "there are several cursors; keep one, or ask for a suggestion"
    DELETION = "deletion", "the last edit only deleted text; type something, or ask for a suggestion"
    INSIDE_WORD = "inside-word", "the cursor is inside a word; go to its end, or ask for a suggestion"
    TEXT_AFTER_CURSOR = (
        "text-after-cursor",
        "there is more than closing brackets to the right of the cursor; ask for a suggestion, or select it and fill",
    )
    STATEMENT_DONE = (
        "statement-done",
        "the statement before the cursor is complete; begin another line, or ask for a suggestion",
    )

    # The engine gave none.
    ENGINE_LOADING = "engine-loading", "the model is being loaded; wait until the editor shows that it is ready"
    ENGINE_DOWN = "engine-down", "the engine cannot be reached or has no model; run `lacuna doctor` to see why"
    ENGINE_BUSY = "engine-busy", "the engine has too many requests to answer; try again in a moment"
    ENGINE_ERROR = "engine-error", "the engine failed to answer; its log says why, restart it if it happens again"

    # The fill was not worth showing.
    EMPTY = "empty", "the denoiser found that nothing belongs there; write how it begins"
    LOW_CONFIDENCE = (
        "low-confidence",
        "the denoiser is not sure; ask for a suggestion, or lower lacuna.min_confidence",
    )
    REPEATS_ITSELF = "repeats-itself", "the fill repeats itself; write how it should begin"
    REPEATS_PREFIX = "repeats-prefix", "the fill repeats the lines before the cursor; write how it should begin"
    REPEATS_SUFFIX = "repeats-suffix", "the fill repeats the lines after the cursor; write how it should begin"
    BREAKS_OFF = "breaks-off", "the fill breaks off in front of the text after the cursor; select that text and fill"
