"""The index of a log's events: what the page looks through, without reading the log.

It is filled from the log, so nothing is lost with it. Its oldest rows go when they are too old, too many, or too large.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import apsw

from framehop.errors import InvalidArgumentError, LogCorruptError, NotALogError
from framehop.log.sqlite import row, rows, transaction, translated, value
from framehop.types import Event, EventRecord, parse_rfc3339
from framehop.web.index_file import IndexFile
from framehop.web.index_query import EVERY, Page, Query, find

MAX_ROWS = 2_000_000
MAX_BYTES = 4 << 30
MAX_AGE_US = 7 * 86_400_000_000
LONGEST_NAME = 200  # of a label; what is longer is found by its beginning
MAX_LABELS = 64  # of one event
MAX_NAMES = 20_000  # labels that can be looked for; a log with more has hostile ones
READERS = 4
PRUNED = 512  # rows that go at a time
LISTED = 500

_INSERT = "INSERT OR IGNORE INTO events VALUES(NULL,?,?,?,?,?,?,?,?) RETURNING id"
_OLDEST = "SELECT id, captured_us, stream, lane, outcome, labels FROM events WHERE id<=? ORDER BY id LIMIT ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of an index: rows, bytes of its file, and microseconds between now and the oldest row."""

    rows: int = MAX_ROWS
    bytes: int = MAX_BYTES
    age_us: int = MAX_AGE_US


class EventIndex:
    """Events by stream, label, outcome, lane, confidence and time. One thread writes, any may read. `damaged`: nothing can be
    relied on before `clear`."""

    def __init__(self, url: str, limits: Limits = Limits()) -> None:
        self.damaged = False
        self._added = False  # since it was last complete
        self._file = IndexFile(url)
        self._limits = limits
        self._db = self._file.connect()
        self._idle: list[apsw.Connection] = []
        self._lent = 0
        self._lending = threading.Condition()
        self._lock = threading.Lock()
        self._names: dict[tuple[str, str], int] = {}
        try:
            self._load()
        except LogCorruptError:
            self.clear()

    @contextmanager
    def _noticed(self) -> Iterator[None]:
        """Turn SQLite's errors into framehop's, and take note of damage."""
        try:
            with translated(self._file.path):
                yield
        except (LogCorruptError, NotALogError) as error:
            self.damaged = True
            raise LogCorruptError(f"{self._file.path} is damaged: it is made anew from the log") from error

    def _load(self) -> None:
        with self._noticed():
            found = rows(self._db, "SELECT kind, name, id FROM names")
            self._names = {(kind, name): number for kind, name, number in found}
            self._count = int(value(self._db, "SELECT count(*) FROM events"))

    # ---- writing, from one thread

    def complete_to(self) -> tuple[int, str] | None:
        """Return when the log took the event to which all is here, and its id; None if the log was never read to its end. Later
        events may be here too: a log in Kafka is read partition by partition."""
        with self._noticed():
            return row(self._db, "SELECT appended_us, event_id FROM complete")

    def mark_complete(self) -> None:
        """Note that all is here that the log has. Raises LogError."""
        if not self._added:
            return
        with self._noticed(), transaction(self._db, self._file.path):
            rows(self._db, "DELETE FROM complete")
            newest = "SELECT appended_us, event_id FROM events ORDER BY appended_us DESC, id DESC LIMIT 1"
            rows(self._db, f"INSERT INTO complete {newest}")
        self._added = False

    def add(self, records: Sequence[EventRecord], now_us: int) -> None:
        """Take events in the order of the log; of an id that is known, the first one counts. Raises LogError."""
        try:
            with self._noticed(), transaction(self._db, self._file.path):
                for record in records:
                    self._add(record)
                self._prune(now_us)
            self._added = True
        except BaseException:
            self._load()  # names that were given in this transaction are not there
            raise

    def _add(self, record: EventRecord) -> None:
        event, captured_us = record.event, captured_of(record)
        stream, lane = self._name("stream", event.stream), self._name("lane", event.lane)
        outcome = self._name("outcome", event.outcome)
        labels = self._labels(event)
        listed = ",".join(map(str, labels))
        args = (event.event_id, captured_us, record.appended_us, stream, lane, outcome, listed, bytes(record.raw))
        if not (found := rows(self._db, _INSERT, args)):
            return
        (number,) = found[0]
        best = max(labels.values(), default=0.0)
        facets = dict.fromkeys((EVERY, stream, lane, outcome), best) | labels
        self._db.executemany(
            "INSERT INTO facets VALUES(?,?,?,?)",
            [(name, captured_us, number, confidence) for name, confidence in facets.items()],
        )
        self._count += 1

    def _labels(self, event: Event) -> dict[int, float]:
        """Return the largest confidence of each label, by the label's number."""
        best: dict[str, float] = {}
        for found in event.objects:
            label = found.label[:LONGEST_NAME]
            if label in best or len(best) < MAX_LABELS:
                best[label] = max(best.get(label, 0.0), found.confidence)
        return {
            self._name("label", label): confidence
            for label, confidence in best.items()
            if ("label", label) in self._names or len(self._names) < MAX_NAMES
        }

    def _name(self, kind: str, name: str) -> int:
        """Return the number of a name, and give it one if it is new."""
        if (kind, name) not in self._names:
            rows(self._db, "INSERT OR IGNORE INTO names(kind, name) VALUES(?,?)", (kind, name))
            found = value(self._db, "SELECT id FROM names WHERE kind=? AND name=?", (kind, name))
            with self._lock:
                self._names[kind, name] = found
        return self._names[kind, name]

    def _prune(self, now_us: int) -> None:
        """Remove the oldest rows that are over a limit, a few at a time and more than come."""
        last = self._last_over(now_us)
        if last is None:
            return
        gone = rows(self._db, _OLDEST, (last, PRUNED))
        for number, captured_us, stream, lane, outcome, labels in gone:
            names = {EVERY, stream, lane, outcome, *(int(label) for label in labels.split(",") if label)}
            self._db.executemany(
                "DELETE FROM facets WHERE name=? AND captured_us=? AND event=?",
                [(name, captured_us, number) for name in names],
            )
        self._db.executemany("DELETE FROM events WHERE id=?", [(each[0],) for each in gone])
        self._count -= len(gone)

    def _last_over(self, now_us: int) -> int | None:
        """Return the newest row that has to go; None if none has."""
        first = row(self._db, "SELECT id, appended_us FROM events ORDER BY id LIMIT 1")
        if first is None:
            return None
        over = self._count - self._limits.rows
        pages, free = value(self._db, "PRAGMA page_count"), value(self._db, "PRAGMA freelist_count")
        if (pages - free) * value(self._db, "PRAGMA page_size") > self._limits.bytes:
            over = max(over, PRUNED)
        if over > 0:
            return int(value(self._db, "SELECT id FROM events ORDER BY id LIMIT 1 OFFSET ?", (min(over, PRUNED) - 1,)))
        if first[1] >= now_us - self._limits.age_us:
            return None
        old = row(
            self._db,
            "SELECT max(id) FROM (SELECT id, appended_us FROM events ORDER BY id LIMIT ?) WHERE appended_us<?",
            (PRUNED, now_us - self._limits.age_us),
        )
        return int(old[0]) if old and old[0] is not None else None

    def clear(self) -> None:
        """Forget everything, as the rows are damaged, or of another log. Raises LogError."""
        self.damaged = True  # until all of this is done
        with self._lending:
            self._lending.wait_for(lambda: not self._lent)
            self._close_all()
            self._file.make_anew()
            self._db = self._file.connect()
        self._load()
        self.damaged = False

    # ---- reading, from any thread

    def page(self, query: Query) -> Page:
        """Return the newest events that fit, and where the next page begins. Raises InvalidArgumentError, LogError."""
        with self._lock:
            names = dict(self._names)
        with self._reader() as db:
            return find(db, query, names)

    def event(self, event_id: str) -> bytes | None:
        """Return the JSON of an event as the log has it; None if the index does not have it."""
        with self._reader() as db:
            found = row(db, "SELECT json FROM events WHERE event_id=?", (event_id,))
        return None if found is None else bytes(found[0])

    def names(self, kind: str) -> list[str]:
        """Return up to LISTED streams, labels, lanes or outcomes that were seen, in order."""
        with self._lock:
            return sorted(name for of, name in self._names if of == kind)[:LISTED]

    def bounds(self) -> tuple[int, int, int]:
        """Return how many events there are, and when the oldest and the newest were captured, 0 if there are none."""
        sql = "SELECT captured_us FROM facets WHERE name=? ORDER BY captured_us"
        with self._reader() as db:
            oldest, newest = row(db, f"{sql} LIMIT 1", (EVERY,)), row(db, f"{sql} DESC LIMIT 1", (EVERY,))
        return self._count, oldest[0] if oldest else 0, newest[0] if newest else 0

    @contextmanager
    def _reader(self) -> Iterator[apsw.Connection]:
        """Lend a connection that nobody else uses meanwhile."""
        with self._lending:
            self._lending.wait_for(lambda: self._lent < READERS)
            self._lent += 1
        db = None
        try:
            with self._noticed():
                db = self._idle.pop() if self._idle else self._file.connect()
                yield db
        finally:
            with self._lending:
                self._lent -= 1
                if db is not None:
                    self._idle.append(db)
                self._lending.notify_all()

    def _close_all(self) -> None:
        self._db.close()
        while self._idle:
            self._idle.pop().close()

    def close(self) -> None:
        """Close the file. Raises LogError if somebody is at it, and then it stays locked until the process ends."""
        with self._lending, translated(self._file.path):
            self._close_all()
            self._file.close()


def captured_of(record: EventRecord) -> int:
    """Return when the frame was captured, microseconds since 1970; where the event does not tell, when the log took it."""
    try:
        return parse_rfc3339(record.event.captured_at)
    except InvalidArgumentError:
        return record.appended_us
