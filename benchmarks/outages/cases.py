"""The faults. Each begins in a steady flow, on a log of its own."""

from __future__ import annotations

import os
import random
import select
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import msgspec
from confluent_kafka.admin import AdminClient

from benchmarks.harness.brokers import Brokers
from benchmarks.harness.processes import BenchmarkError
from benchmarks.outages.reader import Seen
from benchmarks.outages.site import START_S, Host, Site, Workload, kill_9

BACK_S = 90.0
# The transactions of one worker begin 0.1 s after each other at the earliest: these come when the flow has long been steady.
NTH, NTH_WITH_ANOTHER = 60, 150


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """`seconds`: from the fault to the first new event, by stream. `notes`: what else took how long."""

    seconds: dict[str, float]
    notes: dict[str, float] = {}

    @property
    def last(self) -> float:
        """The seconds until every stream was back."""
        return max(self.seconds.values())


class Fault(NamedTuple):
    """`at_s`, `wall_s`: when it was brought about, by either clock."""

    at_s: float
    wall_s: float

    @classmethod
    def now(cls) -> Fault:
        return cls(time.monotonic(), time.time())


def worker(brokers: Brokers, load: Workload, chance: random.Random) -> Taken:
    with Site(brokers, load) as site:
        host = site.start_host()
        _steady(site, chance, host)
        fault = Fault.now()
        kill_9(host.worker)
        return _taken(site, site.streams, fault, _by_others(host.worker))


def host(brokers: Brokers, load: Workload, chance: random.Random) -> Taken:
    with Site(brokers, load) as site:
        first = site.start_host()
        _steady(site, chance, first)
        second = site.start_host()
        _steady(site, chance, first, second)
        streams = site.reader.streams_of(first.worker)
        fault = Fault.now()
        first.kill()
        return _taken(site, streams, fault, _by_others(first.worker))


def transaction(brokers: Brokers, load: Workload, chance: random.Random) -> Taken:
    with Site(brokers, load, delivery="exactly-once") as site:
        host = site.start_host(fail_at=f"offsets.stored@{NTH + chance.randrange(10)}")
        _steady(site, None, host)
        fault = _end_of(host.worker)
        return _taken(site, site.streams, fault, _by_others(host.worker))


def transaction_host(brokers: Brokers, load: Workload, chance: random.Random) -> Taken:
    with Site(brokers, load, delivery="exactly-once") as site:
        first = site.start_host(fail_at=f"offsets.stored@{NTH_WITH_ANOTHER + chance.randrange(10)}")
        _steady(site, None, first)
        second = site.start_host()
        _steady(site, None, first, second)
        streams = site.reader.streams_of(first.worker)
        fault = _end_of(first.worker)
        first.kill()
        return _taken(site, streams, fault, _by_others(first.worker))


def broker(brokers: Brokers, load: Workload, chance: random.Random, *, delivery: str = "at-least-once") -> Taken:
    with Site(brokers, load, delivery=delivery) as site:
        _steady(site, chance, site.start_host())
        pid = brokers.pid(1)
        fault = Fault.now()
        kill_9(pid)
        _end_of(pid)
        brokers.start()
        ready_s = time.monotonic() - fault.at_s
        taken = _taken(site, site.streams, fault, _taken_after(fault))
        return Taken(seconds=taken.seconds, notes={"until the broker was ready": round(ready_s, 4)})


def leader(brokers: Brokers, load: Workload, chance: random.Random) -> Taken:
    """Return the broker that leads the first partition of the frames."""
    with Site(brokers, load) as site:
        _steady(site, chance, site.start_host())
        topic = f"{site.prefix}.frames"
        admin = AdminClient({"bootstrap.servers": brokers.bootstrap})
        pid = brokers.pid(admin.list_topics(topic, timeout=30).topics[topic].partitions[0].leader)
        fault = Fault.now()
        kill_9(pid)
        try:
            return _taken(site, site.streams, fault, _taken_after(fault))
        finally:
            brokers.start()


class Case(NamedTuple):
    """`aim`: seconds, for a session of so many; None where there is none."""

    title: str
    run: Callable[[Brokers, Workload, random.Random], Taken]
    aim: Callable[[float], float] | None = None
    brokers: int = 1


CASES = {
    "worker": Case("worker killed, its supervisor starts it again", worker, lambda _session_s: 1.0),
    "host": Case("host gone for good, another takes over", host, lambda session_s: session_s + 1.0),
    "transaction": Case("exactly-once: worker killed in a transaction, started again", transaction),
    "transaction-host": Case("exactly-once: host gone for good in a transaction, another takes over", transaction_host),
    "broker": Case("the only broker killed, started again", broker),
    "transaction-broker": Case(
        "exactly-once: the only broker killed, started again", partial(broker, delivery="exactly-once")
    ),
    "leader": Case("one of three brokers killed, a leader", leader, brokers=3),
}


# ---------------------------------------------------------------- pieces


def _steady(site: Site, chance: random.Random | None, *hosts: Host) -> None:
    """Wait until all work, and then a random moment, so that nothing is in step with heartbeats and commits."""
    site.wait_steady(*hosts)
    if chance is not None:
        time.sleep(chance.uniform(0.5, 2.0))


def _end_of(pid: int) -> Fault:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        raise BenchmarkError("a process died before the flow was steady: is the machine very busy?") from None
    try:
        ended = select.select([handle], [], [], START_S)[0]
    finally:
        os.close(handle)
    if not ended:
        raise BenchmarkError(f"process {pid} did not end within {START_S:.0f} s")
    return Fault.now()


def _by_others(pid: int) -> Callable[[Seen], bool]:
    return lambda seen: seen.pid != pid


def _taken_after(fault: Fault) -> Callable[[Seen], bool]:
    """Tell when events count as new: those in flight at the broker's death may still come of frames that it had given out."""
    return lambda seen: seen.taken_s > fault.wall_s


def _taken(site: Site, streams: Sequence[str], fault: Fault, is_new: Callable[[Seen], bool]) -> Taken:
    return Taken(seconds=site.reader.wait_new(streams, fault.at_s, is_new, BACK_S))
