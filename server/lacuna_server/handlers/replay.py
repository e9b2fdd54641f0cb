"""`lacuna/replay`: how the last fill came about, for a client that shows it once more."""

from lacuna_server.messages import Replay, ReplayParams, ReplayStep
from lacuna_server.replays import PastFill
from lacuna_server.session import Session

NUM_CONTEXT_LINES = 10
"""Lines told on either side of the gaps."""


def replay(session: Session, params: ReplayParams) -> Replay | None:
    """Tells of the last fill of a document, or of any; None where there was none since the document was opened."""
    wanted = params.text_document
    documents = [each for each in session.documents.values() if wanted is None or each.uri == wanted.uri]
    uris = {key: document.uri for document in documents for key in document.keys}
    fill = session.connection.replays.last(uris)
    return None if fill is None else _replay(uris[fill.call.document], fill)


def _replay(uri: str, fill: PastFill) -> Replay:
    before, *segments, after = fill.call.segments
    best, result = fill.result.fills[0], fill.result
    return Replay(
        uri=uri,
        language=fill.call.language,
        before="\n".join(before.split("\n")[-NUM_CONTEXT_LINES:]),
        after="\n".join(after.split("\n")[:NUM_CONTEXT_LINES]),
        segments=segments,
        steps=[ReplayStep(step.step, step.elapsed_ms, step.gaps) for step in fill.steps],
        tokens=best.tokens,
        texts=best.texts,
        stop_reason=result.stop_reason,
        num_steps=result.num_steps,
        num_forwards=result.num_forwards,
        num_prefix_tokens=result.num_prefix_tokens,
        num_cached_tokens=result.num_cached_tokens,
        queue_ms=result.queue_ms,
        encode_ms=result.encode_ms,
        denoise_ms=result.denoise_ms,
        rank_ms=result.rank_ms,
        total_ms=result.total_ms,
    )
