"""A waiting line for several clients."""

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Line(Generic[T]):
    """Clients take turns, first come, first served within one; a newer item takes the place of an older one.

    Attributes:
        max_items: most that may wait.
        max_items_of_client: most of one client, so that it cannot fill the line alone.
    """

    def __init__(self, max_items: int, max_items_of_client: int) -> None:
        self.max_items = max_items
        self.max_items_of_client = max_items_of_client
        self._clients: dict[str, dict[Hashable, T]] = {}  # whose turn is next comes first

    def __len__(self) -> int:
        return sum(map(len, self._clients.values()))

    def __iter__(self) -> Iterator[T]:
        return (item for items in self._clients.values() for item in items.values())

    def has_room(self, client: str, place: Hashable) -> bool:
        """Whether an item may join; where another one waits already, it always may."""
        own = self._clients.get(client, {})
        return place in own or (len(own) < self.max_items_of_client and len(self) < self.max_items)

    def join(self, client: str, place: Hashable, item: T) -> T | None:
        """Adds an item and returns the one whose place it takes, if there is one."""
        own = self._clients.setdefault(client, {})
        replaced = own.get(place)
        own[place] = item
        return replaced

    def leave(self, client: str, place: Hashable) -> T | None:
        """Takes out and returns what waits there, if anything does."""
        own = self._clients.get(client, {})
        item = own.pop(place, None)
        if item is not None and not own:
            del self._clients[client]
        return item

    def next(self) -> T | None:
        """Takes out and returns the item whose turn it is; None if nobody waits."""
        if not self._clients:
            return None
        client, own = next(iter(self._clients.items()))
        item = own.pop(next(iter(own)))
        del self._clients[client]
        if own:
            self._clients[client] = own  # behind all others
        return item
