"""Why the requests of editors brought nothing, as they told it last."""

from collections import Counter, OrderedDict

from lacuna_server.engine.protocol import ReasonCount, ReasonsCall

MAX_CLIENTS = 64


class ClientReasons:
    """The counts of the clients that told theirs last, of at most `MAX_CLIENTS`."""

    def __init__(self) -> None:
        self._of_client: OrderedDict[str, tuple[ReasonCount, ...]] = OrderedDict()

    def take(self, call: ReasonsCall) -> None:
        """Takes what a client tells in place of what it told before."""
        self._of_client[call.client] = call.reasons
        self._of_client.move_to_end(call.client)
        if len(self._of_client) > MAX_CLIENTS:
            self._of_client.popitem(last=False)

    def total(self) -> tuple[ReasonCount, ...]:
        """The counts of all clients together, the greatest first."""
        counts: Counter[str] = Counter()
        for reasons in self._of_client.values():
            for each in reasons:
                counts[each.reason] += each.count
        return tuple(ReasonCount(reason, count) for reason, count in counts.most_common())
