"""Why nothing was suggested."""

from enum import StrEnum


class Reason(StrEnum):
    """Why an automatic request got an empty answer: a word for programs, `description` for people."""

    def __new__(cls, value: str, description: str) -> "Reason":
        """A member is written as its word and its description."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.description = description
        return member

    description: str

    # The request was not worth answering any more.
    SUPERSEDED = "superseded", "a newer request for the same document came"
    CANCELLED = "cancelled", "the editor cancelled the request"
    DEADLINE = "deadline", "no fill was ready within the deadline"

    # The file shall be left alone.
    DISABLED = "disabled", "completion is off for this language"
    ON_DEMAND = "on-demand", "suggestions are made only when asked for"
    SECRET_FILE = "secret-file", "the file's name says that it holds secrets"
    IGNORED_FILE = "ignored-file", "git ignores the file"

    # Not a place to ask: automatic requests only.
    SHORT_DOCUMENT = "short-document", "the document is too short to say what belongs there"
    SEVERAL_CURSORS = "several-cursors", "there are several cursors"
    DELETION = "deletion", "the last edit only deleted text"
    INSIDE_WORD = "inside-word", "the cursor is inside a word"
    TEXT_AFTER_CURSOR = "text-after-cursor", "there is more than closing brackets to the right of the cursor"
    STATEMENT_DONE = "statement-done", "the statement before the cursor is complete"

    # The engine gave none.
    ENGINE_LOADING = "engine-loading", "the model is being loaded"
    ENGINE_DOWN = "engine-down", "the engine cannot be reached or has no model"
    ENGINE_BUSY = "engine-busy", "the engine has too many requests to answer"
    ENGINE_ERROR = "engine-error", "the engine failed to answer"

    # The fill was not worth showing.
    EMPTY = "empty", "nothing belongs there"
    LOW_CONFIDENCE = "low-confidence", "the denoiser is not sure enough"
    REPEATS_ITSELF = "repeats-itself", "the fill repeats itself"
    REPEATS_PREFIX = "repeats-prefix", "the fill repeats the lines before the cursor"
    REPEATS_SUFFIX = "repeats-suffix", "the fill repeats the lines after the cursor"
    BREAKS_OFF = "breaks-off", "the fill breaks off in front of the text after the cursor"
