"""Opening a log: what is made, what is refused, and what the message says to do."""

from __future__ import annotations

import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import apsw
import pytest

from framehop.errors import (
    ClosedError,
    ConfigError,
    InvalidArgumentError,
    LogBusyError,
    LogCorruptError,
    LogError,
    LogNotFoundError,
    LogVersionError,
    NotALogError,
)
from framehop.log import LogAt, LogOptions, open_log
from framehop.log.embedded.layout import LogPaths, refuse_remote
from framehop.log.sqlite import check_sqlite, connect
from framehop.protocols import FrameLog
from tests.logs import partitions, write


def test_a_log_is_made_with_its_partitions_for_good(tmp_path: Path) -> None:
    root = tmp_path / "deep" / "log"
    with open_log(root, options=LogOptions(partitions=3)) as log:
        assert log.partitions == 3
        assert log.url == str(root)
        assert set(log.end_offsets()) == partitions({0, 1, 2})
    with open_log(str(root), create=False, options=LogOptions(partitions=8)) as log:
        assert log.partitions == 3
    assert root.stat().st_mode & 0o077 == 0


def test_a_log_of_the_time_before_frames_had_errors_goes_on(tmp_path: Path) -> None:
    with open_log(tmp_path / "log") as log, log.writer() as writer:
        write(writer, "a", 2)
    old = connect(tmp_path / "log" / "index.db")
    old.execute("ALTER TABLE frames DROP COLUMN error")
    old.close()
    with open_log(tmp_path / "log") as log, log.writer() as writer:
        write(writer, "b", 1)
        assert sorted((meta.key.stream, meta.error) for meta in log.scan_frames()) == [("a", ""), ("a", ""), ("b", "")]


def test_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with open_log("log") as log:
        monkeypatch.chdir("/")
        with log.writer() as writer:
            writer.open_stream("a", source="test:", finite=False)
    assert (tmp_path / "log" / "index.db").exists()


def test_a_relative_place_is_told_from_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert LogAt.of("data/log") == LogAt.of(Path("data/log")) == LogAt(url=str(tmp_path / "data" / "log"))
    assert LogAt.of("kafka://here:9092").url == "kafka://here:9092"


def test_a_relative_place_in_a_directory_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert LogAt.of(tmp_path / "log").url == str(tmp_path / "log")
    with pytest.raises(ConfigError, match="which was removed"):
        open_log("log")


@pytest.mark.parametrize(
    ("name", "said"), [("caf\udce9", "not UTF-8"), ("a\0b", "null character"), ("ä" * 128, "256 bytes")]
)
def test_a_path_under_which_nothing_can_be_is_said_before_anything_is_made(
    tmp_path: Path, name: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        open_log(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_relative_path_below_such_a_directory_is_refused_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "caf\udce9"
    here.mkdir()
    monkeypatch.chdir(here)
    with pytest.raises(ConfigError, match="not UTF-8"):
        LogAt(url="log").open()
    assert not list(here.iterdir())


@pytest.mark.parametrize("attempt", range(20))
def test_many_may_make_the_same_log_at_once(tmp_path: Path, attempt: int) -> None:
    start = Barrier(8)

    def open_with_the_others(_: int) -> FrameLog:
        start.wait(timeout=30)
        return open_log(tmp_path / "log")

    with ThreadPoolExecutor(8) as pool:
        logs = list(pool.map(open_with_the_others, range(8)))
    assert {log.partitions for log in logs} == {8}
    for log in logs:
        log.close()


def test_who_holds_a_log_while_opening_it_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("framehop.log.embedded.layout.OPEN_S", 0.1)
    held = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(LogBusyError, match=r"end it if it is stopped \(state T in ps\)"):
            open_log(tmp_path)
    finally:
        os.close(held)
    open_log(tmp_path).close()


def test_a_missing_log_names_what_makes_one(tmp_path: Path) -> None:
    for missing in (tmp_path / "none", tmp_path):
        with pytest.raises(LogNotFoundError, match=rf"{missing}: `framehop ingest SOURCE --log {missing}`"):
            open_log(missing, create=False)
    assert list(tmp_path.iterdir()) == []


def test_another_directory_is_not_a_log(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(NotALogError, match=r"holiday\.jpg.*choose"):
        open_log(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["holiday.jpg"]


def test_a_file_is_not_a_log(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotALogError, match="is a file"):
        open_log(tmp_path / "file")


def test_another_programs_database_is_not_a_log(tmp_path: Path) -> None:
    db = apsw.Connection(str(tmp_path / "index.db"))
    db.execute("CREATE TABLE theirs(a)")
    db.close()
    with pytest.raises(NotALogError, match="another program"):
        open_log(tmp_path)


def test_an_index_that_is_no_database_is_not_a_log(tmp_path: Path) -> None:
    (tmp_path / "index.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(NotALogError, match="not a SQLite file"):
        open_log(tmp_path)


def test_an_index_that_was_never_finished_is_made_again(tmp_path: Path) -> None:
    apsw.Connection(str(tmp_path / "index.db")).execute("PRAGMA journal_mode=WAL")
    with open_log(tmp_path) as log:
        assert log.partitions == 8


def test_frames_without_their_index_are_not_overwritten(tmp_path: Path) -> None:
    with open_log(tmp_path / "log") as log, log.writer() as writer:
        writer.open_stream("a", source="test:", finite=False)
    (tmp_path / "log" / "frames" / "1.seg").write_bytes(b"x")
    for index in (tmp_path / "log").glob("index.db*"):
        index.unlink()
    with pytest.raises(LogCorruptError, match=r"no index\.db"):
        open_log(tmp_path / "log")


def test_a_newer_log_is_refused(tmp_path: Path) -> None:
    open_log(tmp_path).close()
    db = connect(tmp_path / "index.db")
    db.execute("PRAGMA user_version=2")
    db.close()
    with pytest.raises(LogVersionError, match=r"newer framehop \(log version 2, this one knows 1\): upgrade"):
        open_log(tmp_path)


def test_a_damaged_index_is_an_error_of_its_own(tmp_path: Path) -> None:
    open_log(tmp_path).close()
    with (tmp_path / "index.db").open("r+b") as index:
        index.seek(100)
        index.write(os.urandom(4000))
    with pytest.raises(LogCorruptError, match="damaged"):
        open_log(tmp_path)


@pytest.mark.parametrize("url", ["", "s3://bucket/log"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="directory"):
        open_log(url)


MOUNTS = """\
22 1 8:1 / / rw - ext4 /dev/sda1 rw
30 22 0:40 / /mnt/nas rw - {kind} nas:/export rw
31 30 8:2 / /mnt/nas/local rw - ext4 /dev/sdb1 rw
32 22 0:41 / /mnt/with\\040space rw - {kind} nas:/b rw
"""


@pytest.mark.parametrize("kind", ["nfs4", "nfs", "cifs", "smb3", "9p", "fuse.sshfs", "ceph", "fuse.gcsfuse"])
def test_a_network_file_system_is_refused(kind: str) -> None:
    mounts = MOUNTS.format(kind=kind)
    for remote in ("/mnt/nas/log", "/mnt/nas", "/mnt/with space/log"):
        with pytest.raises(LogError, match=rf"network file system \({kind}\): put the log on a local disk"):
            refuse_remote(Path(remote), mounts)
    for local in ("/mnt/nas/local/log", "/mnt/nasty", "/data"):
        refuse_remote(Path(local), mounts)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "tmpfs", "overlay", "btrfs", "fuse.fuse-overlayfs"])
def test_a_local_file_system_is_not(kind: str) -> None:
    refuse_remote(Path("/mnt/nas/log"), MOUNTS.format(kind=kind))


def test_an_old_sqlite_is_refused() -> None:
    check_sqlite("3.51.3")
    check_sqlite("4.0.0")
    with pytest.raises(LogError, match="pip install -U apsw"):
        check_sqlite("3.40.1")


def test_connecting_never_creates(tmp_path: Path) -> None:
    with pytest.raises(LogError):
        connect(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"partitions": 0},
        {"durability": "none"},
        {"retain_bytes": -1},
        {"retain_age_s": 0},
        {"retain_event_age_s": 0},
        {"retain_disk_share": 0},
        {"retain_disk_share": 1.5},
        {"segment_bytes": 1},
        {"reserve_bytes": -1},
        {"session_timeout_s": 0},
        {"queue_bytes": 0},
    ],
)
def test_options_are_checked(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        LogOptions(**wrong)  # type: ignore[arg-type]


def test_names_of_groups_and_members_are_checked(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        with pytest.raises(InvalidArgumentError, match="group name"):
            log.consumer("../x", member="m")
        with pytest.raises(InvalidArgumentError, match="member name"):
            log.consumer("g", member="")


def test_a_closed_log_opens_nothing(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.close()
    with pytest.raises(ClosedError):
        log.writer()


def test_nothing_is_left_behind_by_a_clean_end(tmp_path: Path) -> None:
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    with open_log(tmp_path) as log, log.writer() as writer, log.consumer("g", member="m") as consumer:
        writer.open_stream("a", source="test:", finite=False)
        consumer.poll(1, 1.0)
    paths = LogPaths(tmp_path)
    assert {entry.name for entry in paths.locks.iterdir()} <= {"flusher", "s.a"}
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
