"""framehop's own way in and out, in a process of its own: python -m benchmarks.kafka_io.ours produce|consume|send|receive …"""

from __future__ import annotations

import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable

from framehop.log import KafkaOptions
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.timing import now_us
from framehop.types import Frame, FrameKey, FrameRecord

POOL = 16
BATCH = 64


def payloads(size: int) -> list[bytes]:
    source = random.Random(size)
    return [source.randbytes(size) for _ in range(POOL)]


def used() -> tuple[float, float]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return time.monotonic(), usage.ru_utime + usage.ru_stime


def say(began: tuple[float, float], messages: int, size: int) -> None:
    wall, cpu = used()
    print(json.dumps({"wall_s": wall - began[0], "cpu_s": cpu - began[1], "messages": messages, "bytes": size}))


def frame_of(stream: str, epoch: int, seq: int, payload: bytes) -> Frame:
    now = now_us()
    return Frame(
        key=FrameKey(stream, epoch, seq),
        payload=payload,
        captured_us=now,
        received_us=now,
        width=1920,
        height=1080,
        traceparent="00-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
    )


def produce(log: KafkaLog, size: int, count: int) -> None:
    pool = payloads(size)
    with log.writer() as writer:
        state = writer.open_stream("cam", source="benchmark:", finite=False)
        began = used()
        for seq in range(count):
            writer.append(frame_of("cam", state.epoch, seq, pool[seq % POOL]))
        assert writer.flush(600)
        say(began, count, count * size)


def consume(log: KafkaLog, count: int) -> None:
    with log.consumer(f"bench-{now_us()}", member="m") as consumer:
        while not consumer.assignment:  # joining a group is not what is measured here
            consumer.poll(0, 0.01)
        began = used()
        got = size = seen = 0
        while got < count:
            for record in consumer.poll(BATCH, 1.0):
                assert record.payload is not None
                got += 1
                size += len(record.payload)
                seen ^= record.payload[len(record.payload) // 2]
        say(began, got, size)


# ---------------------------------------------------------------- latency, open loop


def send(log: KafkaLog, size: int, rate: float, count: int) -> None:
    """One frame per period, however late the ones before are; each says in `captured_us` when it was due."""
    pool = payloads(size)
    with log.writer() as writer:
        state = writer.open_stream(f"cam-{now_us()}", source="benchmark:", finite=False)

        def at(seq: int, due_us: int) -> None:
            frame = frame_of(state.stream, state.epoch, seq, pool[seq % POOL])
            writer.append(Frame(key=frame.key, payload=frame.payload, captured_us=due_us, received_us=due_us))

        on_schedule(rate, count, at)
        assert writer.flush(60)


def on_schedule(rate: float, count: int, send_one: Callable[[int, int], None]) -> None:
    start = time.time() + 0.5
    for seq in range(count):
        due = start + seq / rate
        time.sleep(max(0.0, due - time.time()))
        send_one(seq, int(due * 1e6))


def receive(log: KafkaLog, count: int) -> None:
    """Milliseconds from due to polled, of each frame."""
    with log.consumer(f"bench-{now_us()}", member="m", start="latest") as consumer:
        while not consumer.assignment:
            consumer.poll(0, 0.01)
        print("ready", flush=True)
        late: list[float] = []
        while len(late) < count:
            found: list[FrameRecord] = consumer.poll(BATCH, 1.0)
            now = now_us()
            late += [(now - record.meta.captured_us) / 1000 for record in found]
        print(json.dumps(late))


def main() -> None:
    what, url, *rest = sys.argv[1:]
    with (
        tempfile.TemporaryDirectory() as state,
        KafkaLog(url, options=KafkaOptions(state_dir=state, membership="dynamic")) as log,
    ):
        match what:
            case "produce":
                produce(log, int(rest[0]), int(rest[1]))
            case "consume":
                consume(log, int(rest[0]))
            case "send":
                send(log, int(rest[0]), float(rest[1]), int(rest[2]))
            case "receive":
                receive(log, int(rest[0]))


if __name__ == "__main__":
    main()
