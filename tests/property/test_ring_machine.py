"""The real ring with reader processes that are killed at any step, against a small model of what each lease promises."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from framehop._core import FrameTag, Ring, RingHost, Slot, SlotRef
from tests.waiting import until

from ..ring_peer import Peer, colour

SLOTS = 3
QUOTA = 1
ROLES = st.sampled_from(["detector", "tap"])


class RingMachine(RuleBasedStateMachine):
    """The model: which slots are filling, which frame each published reference is, what each reader holds."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.path = str(self.directory / "ring.sock")
        self.host = RingHost(self.path, slots=SLOTS, slot_bytes=4096, tap_quota=QUOTA)
        self.ring = Ring.attach(self.path)
        self.peers: dict[str, Peer] = {}
        self.seq = 0
        self.filling: list[tuple[Slot, int]] = []  # with the frame's seq
        self.published: dict[SlotRef, int] = {}  # every reference ever given out -> seq
        self.ready: set[SlotRef] = set()
        self.held: dict[str, set[SlotRef]] = {"detector": set(), "tap": set()}

    @initialize()
    def start_readers(self) -> None:
        for role in self.held:
            self.peers[role] = Peer(self.path, role)

    def pinned(self) -> set[int]:
        refs = self.ready.union(*self.held.values())
        return {ref.slot for ref in refs} | {slot.index for slot, _ in self.filling}

    # ---- the writer

    @rule()
    def acquire(self) -> None:
        self.seq += 1
        pinned = self.pinned()
        slot = self.ring.try_acquire(FrameTag("cam", 1, self.seq))
        assert (slot is not None) == (len(pinned) < SLOTS + QUOTA)
        if slot is not None:
            assert slot.index not in pinned, "a slot in use was handed out"
            slot.array(4, 4)[:] = colour(self.seq)
            self.filling.append((slot, self.seq))

    @precondition(lambda self: self.filling)
    @rule(data=st.data())
    def publish(self, data: st.DataObject) -> None:
        slot, seq = self.filling.pop(data.draw(st.integers(0, len(self.filling) - 1)))
        ref = slot.publish()
        assert ref not in self.published, "a generation came back"
        self.published[ref] = seq
        self.ready.add(ref)

    @precondition(lambda self: self.filling)
    @rule()
    def abandon(self) -> None:
        slot, _ = self.filling.pop()
        slot.abandon()

    @precondition(lambda self: self.published)
    @rule(data=st.data())
    def retire(self, data: st.DataObject) -> None:
        ref = data.draw(st.sampled_from(list(self.published)))
        assert self.ring.retire(ref) == (ref in self.ready)
        self.ready.discard(ref)

    @rule()
    def replace_the_writer(self) -> None:
        incarnation = self.ring.incarnation
        for slot, _ in self.filling:
            slot.abandon()
        self.filling.clear()
        self.ring.close()
        self.ring = Ring.attach(self.path)
        assert self.ring.incarnation == incarnation + 1
        self.ready.clear()

    # ---- the readers

    @precondition(lambda self: self.published)
    @rule(data=st.data(), role=ROLES)
    def lease(self, data: st.DataObject, role: str) -> None:
        ref = data.draw(st.sampled_from(list(self.published)))
        held = self.held[role]
        granted = ref in self.ready and (role == "detector" or ref in held or len(held) < QUOTA)
        answer = self.peers[role].ask(f"lease {ref.slot} {ref.generation}")
        seq = self.published[ref]
        assert answer == ([str(seq), str(colour(seq))] if granted else ["none"])
        if granted:
            held.add(ref)

    @precondition(lambda self: any(self.held.values()))
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        role = data.draw(st.sampled_from([role for role, held in self.held.items() if held]))
        ref = data.draw(st.sampled_from(sorted(self.held[role], key=lambda ref: (ref.slot, ref.generation))))
        self.peers[role].ask(f"release {ref.slot} {ref.generation}")
        self.held[role].remove(ref)

    @precondition(lambda self: any(self.held.values()))
    @rule(data=st.data())
    def kill(self, data: st.DataObject) -> None:
        """kill -9 of a reader that holds leases; not reaped until the host has seen it."""
        role = data.draw(st.sampled_from([role for role, held in self.held.items() if held]))
        victim, lost = self.peers[role], self.host.reclaimed() + len(self.held[role])
        victim.kill()
        until(lambda: self.host.reclaimed() == lost, "the dead reader's leases taken back")
        victim.end()
        self.held[role].clear()
        self.peers[role] = Peer(self.path, role)

    # ---- what holds at every moment

    @invariant()
    def no_slot_is_lost_or_free_too_early(self) -> None:
        assert self.ring.free_slots() == SLOTS + QUOTA - len(self.pinned())

    @invariant()
    def leased_pixels_never_change(self) -> None:
        for role, held in self.held.items():
            for ref in held:
                seen = self.peers[role].ask(f"look {ref.slot} {ref.generation}")
                assert seen == [str(colour(self.published[ref]))]

    @invariant()
    def taps_stay_inside_their_quota(self) -> None:
        assert sum(holder.leases for holder in self.host.holders() if holder.role == "tap") <= QUOTA

    def teardown(self) -> None:
        for peer in self.peers.values():
            peer.end()
        self.ring.close()
        self.host.close()
        shutil.rmtree(self.directory)


TestRing = RingMachine.TestCase
TestRing.settings = settings(
    max_examples=12,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow],
)
