"""The hop when its other side is another process that is killed, stopped or interrupted (faults 4 and 17)."""

from __future__ import annotations

import signal
from pathlib import Path

from framehop._core import HopClient, HopServer
from tests.core.hop_peers import DETECTOR, address, greet, process, refs, sizes, take_replies, take_requests
from tests.waiting import until

WORKER = """
import sys
from framehop._core import HopClient
from tests.core.hop_peers import refs, sizes
from tests.waiting import until
client = HopClient(sys.argv[1], ring_path="/ring", ring_id=7)
print("begun", flush=True)
until(lambda: client.poll(0.1) and client.credits, what="no welcome")
assert client.send(refs(1, 2), sizes(2))
client.poll(600)
"""


INTERRUPTED = """
import sys
from framehop._core import HopClient, HopServer
end = HopServer(sys.argv[1]) if sys.argv[2] == "server" else HopClient(sys.argv[1], ring_path="/ring", ring_id=7)
print("polling", flush=True)
try:
    end.poll(600)
except KeyboardInterrupt:
    end.close()
    print("interrupted", flush=True)
"""


def is_asleep(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


def poll_until_lost(client: HopClient) -> None:
    until(lambda: client.poll(0.1) and client.lost, what="the loss was not noticed")


def test_a_killed_workers_replies_say_so(tmp_path: Path) -> None:
    with HopServer(address(tmp_path)) as server:
        with process(WORKER, address(tmp_path), first_line="begun") as worker:
            requests = take_requests(server, 2)
            worker.send_signal(signal.SIGKILL)
            worker.wait()
            until(lambda: server.poll(0.01) and not server.reply(requests[0]), what="the reply never failed")
        assert not server.reply(requests[1])
        with HopClient(address(tmp_path), ring_path="/ring", ring_id=7) as successor:
            greet(server, successor)


def test_a_killed_detector_blocks_nobody_and_its_successor_gets_the_rest(tmp_path: Path) -> None:
    with HopClient(address(tmp_path), ring_path="/ring", ring_id=7) as client:
        with process(DETECTOR, address(tmp_path), first_line="bound") as detector:
            until(lambda: client.poll(0.1) and client.credits, what="no welcome")
            assert client.send(refs(1, 2), sizes(2))
            detector.send_signal(signal.SIGKILL)
            detector.wait()
            poll_until_lost(client)
        assert (client.credits, client.unanswered) == (0, 2)
        assert not client.send(refs(3), sizes(1))
        assert client.poll(0) == ([], [])
        assert (tmp_path / "hop").exists(), "a killed process leaves its socket file"
        with (
            HopServer(address(tmp_path)) as successor,
            HopClient(address(tmp_path), ring_path="/ring", ring_id=7) as second,
        ):
            greet(successor, second)
            assert second.detector_id not in {0, client.detector_id}
            assert second.send(refs(1, 2), sizes(2))
            assert all(successor.reply(request) for request in take_requests(successor, 2))
            assert {reply.slot for reply in take_replies(second, 2)} == {1, 2}


def test_a_stopped_detector_is_noticed_by_its_silence(tmp_path: Path) -> None:
    with (
        process(DETECTOR, address(tmp_path), first_line="bound") as detector,
        HopClient(address(tmp_path), ring_path="/ring", ring_id=7) as client,
    ):
        until(lambda: client.poll(0.1) and client.credits, what="no welcome")
        detector.send_signal(signal.SIGSTOP)
        poll_until_lost(client)


def interrupt(tmp_path: Path, end: str) -> None:
    with process(INTERRUPTED, address(tmp_path), end, first_line="polling") as child:
        until(lambda: is_asleep(child.pid), what="it never waited")
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate()
        assert (out.strip(), child.returncode) == ("interrupted", 0)
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_ends_a_servers_poll(tmp_path: Path) -> None:
    interrupt(tmp_path, "server")


def test_ctrl_c_ends_a_clients_poll(tmp_path: Path) -> None:
    interrupt(tmp_path, "client")
