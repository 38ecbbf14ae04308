"""The turn to join anew: whose it is, and when."""

from __future__ import annotations

import itertools

from framehop.log.kafka.coverage import LONGEST_S, ORPHANED_S, TURN_S, Coverage, listed
from framehop.log.kafka.groups import GroupMember, GroupView
from framehop.types import Partition

PLACES = [Partition("frames", number) for number in range(4)]


def view(stable: bool = True, **owned: list[int]) -> GroupView:
    """Members a, b, c… are called by other names, in the opposite order, than the broker's ids of them."""
    members = [
        GroupMember(member_id=f"id-{name}", name=name, partitions=frozenset(PLACES[number] for number in numbers))
        for name, numbers in owned.items()
    ]
    return GroupView(stable=stable, members=tuple(reversed(members)))


def due(coverage: Coverage, now_s: float, *names: str) -> set[str]:
    return {name for name in names if coverage.due(now_s, f"id-{name}")}


def test_nobody_joins_anew_while_all_is_covered() -> None:
    coverage = Coverage()
    for second in range(100):
        coverage.note(second, view(a=[0, 1], b=[2, 3]), PLACES)
    assert not due(coverage, 100, "a", "b")
    assert not coverage.orphans


def test_who_has_the_fewest_joins_anew_after_a_while() -> None:
    coverage = Coverage()
    coverage.note(10, view(a=[0, 1], b=[]), PLACES)
    assert not due(coverage, 10 + ORPHANED_S - 0.1, "a", "b")
    assert due(coverage, 10 + ORPHANED_S, "a", "b") == {"b"}
    assert coverage.due(10 + ORPHANED_S, "id-b") == {PLACES[2], PLACES[3]}


def test_among_equals_the_lowest_name_is_first_and_the_others_follow_if_it_does_nothing() -> None:
    coverage = Coverage()
    coverage.note(0, view(c=[0], a=[1], b=[2]), PLACES)
    assert due(coverage, ORPHANED_S, "a", "b", "c") == {"a"}
    assert due(coverage, ORPHANED_S + TURN_S, "a", "b", "c") == {"a", "b"}
    assert due(coverage, ORPHANED_S + 2 * TURN_S, "a", "b", "c") == {"a", "b", "c"}


def test_a_partition_that_changes_hands_starts_no_rejoin() -> None:
    coverage = Coverage()
    for second in range(0, 100, 4):
        coverage.note(second, view(a=[0, 1, 2], b=[]), PLACES)
        coverage.note(second + 2, view(a=[0, 1], b=[2, 3]), PLACES)
        assert not due(coverage, second + 4, "a", "b")


def test_a_group_that_is_being_balanced_is_left_alone() -> None:
    coverage = Coverage()
    coverage.note(0, view(a=[0, 1], b=[]), PLACES)
    coverage.note(4, view(stable=False, a=[], b=[]), PLACES)
    coverage.note(5, view(a=[0, 1], b=[]), PLACES)
    assert not due(coverage, 4 + ORPHANED_S - 0.1, "a", "b")
    assert due(coverage, 4 + ORPHANED_S, "a", "b") == {"b"}


def test_what_was_added_later_has_its_own_time() -> None:
    coverage = Coverage()
    coverage.note(0, view(a=[0, 1]), PLACES[:3])
    coverage.note(3, view(a=[0, 1]), PLACES)
    assert coverage.due(ORPHANED_S, "id-a") == {PLACES[2]}
    assert coverage.due(3 + ORPHANED_S, "id-a") == {PLACES[2], PLACES[3]}


def test_tries_that_do_not_help_become_rare() -> None:
    coverage, tries = Coverage(), list[int]()
    for second in range(10_000):
        coverage.note(second, view(a=[0, 1], b=[2]), PLACES)
        if coverage.due(second, "id-a") or coverage.due(second, "id-b"):
            tries.append(second)
            coverage.moved(second)
    pauses = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert tries[0] == ORPHANED_S
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_S
    assert len(tries) < 50


def test_a_cure_begins_the_count_anew() -> None:
    coverage = Coverage()
    coverage.note(0, view(a=[0, 1]), PLACES)
    coverage.moved(1000)
    coverage.note(1001, view(a=[0, 1, 2, 3]), PLACES)
    coverage.note(2000, view(a=[0, 1]), PLACES)
    assert due(coverage, 2000 + ORPHANED_S, "a") == {"a"}


def test_who_is_not_in_the_group_does_nothing() -> None:
    coverage = Coverage()
    coverage.note(0, view(a=[0, 1]), PLACES)
    assert not due(coverage, 1000, "z")
    coverage.note(2000, GroupView(stable=False, members=()), PLACES)
    assert not due(coverage, 2000, "a")


def test_a_message_names_some_and_counts_the_rest() -> None:
    partitions = [Partition("frames", number) for number in range(10)]
    assert listed(reversed(partitions[:2])) == "frames/0, frames/1"
    assert listed(partitions).endswith("frames/7 and 2 more")
