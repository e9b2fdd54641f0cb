from lacuna_server.engine.client_reasons import MAX_CLIENTS, ClientReasons
from lacuna_server.engine.protocol import ReasonCount, ReasonsCall


def call(client: str, **counts: int) -> ReasonsCall:
    return ReasonsCall(client, tuple(ReasonCount(reason, count) for reason, count in counts.items()))


def test_the_last_word_of_every_client_counts() -> None:
    reasons = ClientReasons()
    assert reasons.total() == ()
    reasons.take(call("a", empty=1, deadline=2))
    reasons.take(call("b", empty=4))
    reasons.take(call("a", empty=2, deadline=2))
    assert reasons.total() == (ReasonCount("empty", 6), ReasonCount("deadline", 2))


def test_clients_that_told_nothing_for_longest_are_forgotten() -> None:
    reasons = ClientReasons()
    for number in range(MAX_CLIENTS + 1):
        reasons.take(call(str(number), empty=1))
    assert reasons.total() == (ReasonCount("empty", MAX_CLIENTS),)
