"""What an engine counts, for Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from lacuna_server.engine.protocol import Refusal, ResultEvent

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The figures of one application, in a registry of its own."""

    def __init__(self, loaded_bytes: Callable[[], float], num_queued: Callable[[], float]) -> None:
        """Makes figures that are zero, besides those that are asked for whenever somebody looks.

        Args:
            loaded_bytes: bytes of the checkpoint that have been read.
            num_queued: calls that wait for their turn.
        """
        self.registry = CollectorRegistry()
        self._fills = self._counter("fills", "Fills that were run, by why they stopped.", "stop_reason")
        self._refusals = self._counter("refused", "Calls that were refused, by the kind of the refusal.", "kind")
        self._forwards = self._counter("forwards", "Passes through the denoiser after the prefix.")
        self._prefix_tokens = self._counter("prefix_tokens", "Tokens of the prefixes of fills.")
        self._cached_tokens = self._counter("cached_tokens", "Tokens of these prefixes that were not encoded anew.")
        self._queue = self._histogram("queue_seconds", "What a fill waited for its turn.")
        self._total = self._histogram("total_seconds", "From a fill's arrival to its end.")
        self._gauge("model_loaded_bytes", "Bytes of the checkpoint that have been read.", loaded_bytes)
        self._gauge("queued", "Calls that wait for their turn.", num_queued)

    def count_result(self, result: ResultEvent) -> None:
        """Counts a fill, be it cancelled."""
        self._fills.labels(result.stop_reason).inc()
        self._forwards.inc(result.num_forwards)
        self._prefix_tokens.inc(result.num_prefix_tokens)
        self._cached_tokens.inc(result.num_cached_tokens)
        self._queue.observe(result.queue_ms / 1000)
        self._total.observe(result.total_ms / 1000)

    def count_refusal(self, refusal: Refusal) -> None:
        """Counts a call that got no result."""
        self._refusals.labels(refusal.kind).inc()

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, description: str, *labels: str) -> Counter:
        return Counter(f"lacuna_{name}", description, labels, registry=self.registry)

    def _histogram(self, name: str, description: str) -> Histogram:
        return Histogram(f"lacuna_{name}", description, buckets=SECONDS, registry=self.registry)

    def _gauge(self, name: str, description: str, ask: Callable[[], float]) -> None:
        Gauge(f"lacuna_{name}", description, registry=self.registry).set_function(ask)
