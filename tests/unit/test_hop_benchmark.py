"""`framehop bench hop`: what it makes of its figures. Never: how fast anything is."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from framehop.bench.hop import measure
from framehop.bench.machine import Load, Machine
from framehop.bench.one_run import main as one_run
from framehop.bench.results import Result, Round, WayRun, result_of, run_of
from framehop.bench.trips import SlotTrips
from framehop.bench.works import (
    BELLS,
    COPIED,
    HAND_OFF,
    IN_PLACE,
    MEMCPY,
    SEND,
    SENDER,
    SENT_COPIED,
    SHM,
    SHM_CPP,
    TRIP,
    WORKS,
    ZMQ,
    missing,
    ways_of,
)
from framehop.cli.bench import print_result
from framehop.errors import ProcessError
from tests.commands import framehop

MACHINE = Machine(cpu="x", cores=2, memory_bytes=1, kernel="6", python="3", versions={}, commit="")


def run(p50_us: float, cpu_us: float) -> WayRun:
    return WayRun(trips=10, p50_us=p50_us, cpu_us=cpu_us, near_cpu_us=cpu_us / 2)


def result(*rounds: dict[str, dict[str, WayRun]]) -> Result:
    taken = [Round(load=Load(average=0, busy_cores=0), order=[], runs=runs, others_busy_cores=0) for runs in rounds]
    return result_of(started_at="2026", machine=MACHINE, warnings=[], missing={"iceoryx2": "pip"}, rounds=taken)


def trips(shm: float, pyzmq: float) -> dict[str, dict[str, WayRun]]:
    return {
        TRIP: {
            SHM: run(shm, 40),
            ZMQ: run(120, 150),
            SHM_CPP: run(18, 20),
            BELLS: run(10, 10),
            "pyzmq": run(pyzmq, 80),
        }
    }


def test_ratios_are_of_the_same_round() -> None:
    found = result(trips(30, 60), trips(60, 240), trips(40, 100)).ratios[TRIP]
    assert (found[SHM]["pyzmq"].p50.lowest, found[SHM]["pyzmq"].p50.highest) == (0.25, 0.5)
    assert found[SHM]["pyzmq"].p50.median == 0.4
    assert found[SHM]["pyzmq"].cpu.median == 0.5
    assert found[SHM][ZMQ].p50.median == pytest.approx(1 / 3, abs=1e-3)


def test_a_target_is_held_missed_or_not_measured() -> None:
    held = {(each.ours, each.other): each.held for each in result(trips(30, 60)).targets}
    assert held[SHM_CPP, BELLS] is False
    assert held[SHM, "iceoryx2"] is None
    better = {TRIP: trips(30, 60)[TRIP] | {SHM_CPP: run(15, 20)}}
    assert [each.held for each in result(better).targets if each.ours == SHM_CPP] == [True]


def test_where_a_peer_wins_it_is_said() -> None:
    lost = result(trips(30, 60)).lost
    assert lost == [
        f"{TRIP}: pyzmq takes less time than {ZMQ}, which has 2 times as much",
        f"{TRIP}: pyzmq takes less CPU time than {ZMQ}, which has 1.88 times as much",
    ]


def test_what_copies_is_not_compared_with_what_does_not() -> None:
    runs = {IN_PLACE: run(50, 90), COPIED: run(900, 900), MEMCPY: run(500, 500), "iceoryx2, in place": run(60, 80)}
    assert result({HAND_OFF: runs}).lost == [
        f"{HAND_OFF}: iceoryx2, in place takes less CPU time than {IN_PLACE}, which has 1.12 times as much"
    ]


def test_a_trip_has_its_median_and_its_share_of_the_cpu() -> None:
    found = run_of([1000, 9000, 2000], near_cpu_s=0.0015, cpu_s=0.003, copies=None)
    assert found == WayRun(trips=3, p50_us=2.0, cpu_us=1000.0, near_cpu_us=500.0)


def test_copies_are_the_most_of_all_rounds() -> None:
    def of(copies: int) -> dict[str, dict[str, WayRun]]:
        runs = {SENDER: run(900, 900), SENT_COPIED: run(1500, 2000)}
        return {SEND: {who: msgspec.structs.replace(each, copies=copies) for who, each in runs.items()}}

    found = result(of(0), of(1), of(0))
    assert found.copies == {SENDER: 1, SENT_COPIED: 1}
    (target,) = found.targets
    assert (target.what, target.ratio, target.held) == ("near_cpu", 0.45, True)
    assert result(trips(30, 60)).copies == {}


def test_a_message_seen_in_its_slot_is_no_copy() -> None:
    for seen, copies in (([False, False], 1), ([False, True], 0), ([True, False], 0)):
        found = SlotTrips(iter(seen).__next__)
        assert len(found(2)) == 2
        assert found.copies == copies


def test_what_is_not_installed_is_left_out() -> None:
    lacking = {"iceoryx2": "", "imagezmq": "", "bare TurboJPEG": ""}
    assert not [who for work in WORKS for who in ways_of(work, lacking) if who.startswith(tuple(lacking))]
    assert {"pyzmq", SHM} < set(ways_of(TRIP, missing()))


def test_the_report_names_all(capsys: pytest.CaptureFixture[str]) -> None:
    print_result(result(trips(30, 60)))
    printed = capsys.readouterr().out
    print_result(
        result({SEND: {SENDER: msgspec.structs.replace(run(900, 900), copies=0), SENT_COPIED: run(1500, 2000)}})
    )
    printed += capsys.readouterr().out
    for text in ("pyzmq", f"{BELLS} (limit)", "missed", "lost: ", "not measured: iceoryx2 (pip)", f"{SENDER} 0"):
        assert text in printed


@pytest.mark.parametrize(("work", "who"), [(TRIP, SHM), (TRIP, BELLS), (HAND_OFF, MEMCPY)])
def test_one_way_in_processes_of_its_own(
    work: str, who: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    tmp_path.chmod(0o700)
    assert one_run([work, who, str(tmp_path), "20"]) == 0
    found = msgspec.json.decode(capfdbinary.readouterr().out, type=WayRun)
    assert found.trips == 20
    assert found.p50_us > 0


def test_a_way_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framehop.bench.hop.MODULE", "framehop.no_such_module")
    with pytest.raises(ProcessError, match=f"{TRIP}: {SHM} ended with status 1: .*no_such_module"):
        measure(1, lambda _text: None)


def test_a_file_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    done = framehop("bench", "hop", "--json", tmp_path / "missing" / "x.json")
    assert (done.status, "cannot be written" in done.stderr) == (1, True)
