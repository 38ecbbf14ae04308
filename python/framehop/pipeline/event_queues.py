"""Events that wait until a reader who is slower than they come has time for them."""

from __future__ import annotations

from collections import OrderedDict, deque

from framehop.types import Event

REMEMBERED = 1 << 16  # streams


class EveryEvent:
    """All events in their order. It is filled only when it is empty, so it holds no more than one poll's events. Use from one
    thread at a time."""

    dropped = 0

    def __init__(self) -> None:
        self._waiting: deque[Event] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, event: Event) -> None:
        self._waiting.append(event)

    def take(self) -> Event:
        """Return the oldest event. Raises IndexError when none waits."""
        return self._waiting.popleft()


class NewestEvents:
    """The newest event of each stream. Streams take turns: one that waits keeps its place when a newer event replaces its older
    one. `dropped`: number of events that were replaced, or came after one of a newer epoch. Use from one thread at a time."""

    def __init__(self) -> None:
        self.dropped = 0
        self._waiting: dict[str, Event] = {}
        self._newest: OrderedDict[str, tuple[int, int]] = OrderedDict()  # epoch and seq by stream

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, event: Event) -> None:
        """Take an event. One that came before, as after a crash, is passed over."""
        newest, found = self._newest.pop(event.stream, (0, -1)), (event.epoch, event.seq)
        self._newest[event.stream] = max(newest, found)
        if len(self._newest) > REMEMBERED:
            self._newest.popitem(last=False)
        if found > newest:
            self.dropped += event.stream in self._waiting
            self._waiting[event.stream] = event
        else:
            self.dropped += event.epoch < newest[0]

    def take(self) -> Event:
        """Return the event of the stream that has waited longest. Raises StopIteration when none waits."""
        return self._waiting.pop(next(iter(self._waiting)))
