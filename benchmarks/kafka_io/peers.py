"""Other Python clients, each as its own documentation has it, with acks=all and without compression. Stands alone: run by an
interpreter that has the clients and need not have framehop.

    python benchmarks/kafka_io/peers.py CLIENT produce BOOTSTRAP TOPIC SIZE COUNT
    python benchmarks/kafka_io/peers.py CLIENT consume BOOTSTRAP TOPIC COUNT
    python benchmarks/kafka_io/peers.py raw send BOOTSTRAP TOPIC SIZE RATE COUNT
    python benchmarks/kafka_io/peers.py raw receive BOOTSTRAP TOPIC COUNT
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

POOL = 16
LIMIT = 8_388_608
LONG_S = 600.0


def payloads(size: int) -> list[bytes]:
    source = random.Random(size)
    return [source.randbytes(size) for _ in range(POOL)]


def used() -> tuple[float, float]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return time.monotonic(), usage.ru_utime + usage.ru_stime


def say(began: tuple[float, float], messages: int, size: int) -> None:
    wall, cpu = used()
    print(json.dumps({"wall_s": wall - began[0], "cpu_s": cpu - began[1], "messages": messages, "bytes": size}))


def raw_produce(bootstrap: str, topic: str, size: int, count: int) -> None:
    from confluent_kafka import Producer

    pool = payloads(size)
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "acks": "all",
            "message.max.bytes": LIMIT,
            "queue.buffering.max.kbytes": 65536,
            "linger.ms": 1,
        }
    )
    began = used()
    for seq in range(count):
        while True:
            try:
                producer.produce(topic, value=pool[seq % POOL], key="cam", partition=0)
            except BufferError:
                producer.poll(0.01)
            else:
                break
        producer.poll(0)
    producer.flush(LONG_S)
    say(began, count, count * size)


def raw_consume(bootstrap: str, topic: str, count: int) -> None:
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": str(uuid.uuid4()),
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 50,
        }
    )
    began = used()
    consumer.assign([TopicPartition(topic, 0, 0)])
    got = total = 0
    while got < count:
        for message in consumer.consume(64, 0.1):
            got += 1
            total += len(message.value() or b"")
    say(began, got, total)
    consumer.close()


async def aiokafka_produce(bootstrap: str, topic: str, size: int, count: int) -> None:
    from aiokafka import AIOKafkaProducer

    pool = payloads(size)
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, max_request_size=LIMIT, max_batch_size=1 << 20
    )
    await producer.start()
    began = used()
    waiting = [await producer.send(topic, pool[seq % POOL], key=b"cam", partition=0) for seq in range(count)]
    await asyncio.gather(*waiting)
    say(began, count, count * size)
    await producer.stop()


async def aiokafka_consume(bootstrap: str, topic: str, count: int) -> None:
    from aiokafka import AIOKafkaConsumer, TopicPartition

    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=LIMIT,
    )
    await consumer.start()
    began = used()
    consumer.assign([TopicPartition(topic, 0)])
    got = total = 0
    while got < count:
        for messages in (await consumer.getmany(timeout_ms=1000, max_records=64)).values():
            got += len(messages)
            total += sum(len(message.value) for message in messages)
    say(began, got, total)
    await consumer.stop()


def kafka_python_produce(bootstrap: str, topic: str, size: int, count: int) -> None:
    from kafka import KafkaProducer

    pool = payloads(size)
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", max_request_size=LIMIT, batch_size=1 << 20)
    began = used()
    for seq in range(count):
        producer.send(topic, pool[seq % POOL], key=b"cam", partition=0)
    producer.flush(LONG_S)
    say(began, count, count * size)
    producer.close()


def kafka_python_consume(bootstrap: str, topic: str, count: int) -> None:
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=LIMIT,
    )
    began = used()
    consumer.assign([TopicPartition(topic, 0)])
    got = total = 0
    while got < count:
        for messages in consumer.poll(timeout_ms=1000, max_records=64).values():
            got += len(messages)
            total += sum(len(message.value) for message in messages)
    say(began, got, total)
    consumer.close()


async def faststream_produce(bootstrap: str, topic: str, size: int, count: int) -> None:
    from faststream.confluent import KafkaBroker

    pool = payloads(size)
    async with KafkaBroker(bootstrap, acks="all", enable_idempotence=True, max_request_size=LIMIT) as broker:
        await broker.start()
        began = used()
        for seq in range(count):
            await broker.publish(pool[seq % POOL], topic, key=b"cam", partition=0, no_confirm=True)
        await broker.stop()
        say(began, count, count * size)


async def faststream_consume(bootstrap: str, topic: str, count: int) -> None:
    from faststream import FastStream
    from faststream.confluent import KafkaBroker

    broker = KafkaBroker(bootstrap, logger=None)
    app = FastStream(broker, logger=None)
    got = total = 0

    @broker.subscriber(  # type: ignore[untyped-decorator]
        topic, group_id=str(uuid.uuid4()), auto_offset_reset="earliest", decoder=lambda message: message.body
    )
    async def handle(body: bytes) -> None:
        nonlocal got, total
        got += 1
        total += len(body)
        if got >= count:
            app.exit()

    began = used()
    await app.run()
    say(began, got, total)


def quixstreams_produce(bootstrap: str, topic: str, size: int, count: int) -> None:
    from quixstreams import Application

    pool = payloads(size)
    app = Application(
        broker_address=bootstrap,
        loglevel="WARNING",
        producer_extra_config={"acks": "all", "message.max.bytes": LIMIT, "enable.idempotence": True},
    )
    with app.get_producer() as producer:
        began = used()
        for seq in range(count):
            producer.produce(topic, pool[seq % POOL], key=b"cam", partition=0)
        producer.flush(LONG_S)
        say(began, count, count * size)


def quixstreams_consume(bootstrap: str, topic: str, count: int) -> None:
    from quixstreams import Application

    app = Application(
        broker_address=bootstrap, loglevel="WARNING", consumer_group=str(uuid.uuid4()), auto_offset_reset="earliest"
    )
    with app.get_consumer(auto_commit_enable=False) as consumer:
        consumer.subscribe([topic])
        began = used()
        got = total = 0
        while got < count:
            message = consumer.poll(1.0)
            if message is not None and message.error() is None:
                got += 1
                total += len(message.value())
        say(began, got, total)


def raw_send(bootstrap: str, topic: str, size: int, rate: float, count: int) -> None:
    from confluent_kafka import Producer

    pool = payloads(size)
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "acks": "all",
            "message.max.bytes": LIMIT,
            "linger.ms": 1,
        }
    )
    start = time.time() + 0.5
    for seq in range(count):
        due = start + seq / rate
        producer.poll(max(0.0, due - time.time()))
        time.sleep(max(0.0, due - time.time()))
        producer.produce(topic, value=pool[seq % POOL], key=str(int(due * 1e6)), partition=0)
    producer.flush(LONG_S)


def raw_receive(bootstrap: str, topic: str, count: int) -> None:
    from confluent_kafka import OFFSET_END, Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": str(uuid.uuid4()), "fetch.wait.max.ms": 50})
    consumer.get_watermark_offsets(TopicPartition(topic, 0))
    consumer.assign([TopicPartition(topic, 0, OFFSET_END)])
    consumer.poll(0.5)
    print("ready", flush=True)
    late: list[float] = []
    while len(late) < count:
        message = consumer.poll(1.0)
        if message is not None and message.error() is None:
            late.append((time.time() * 1e6 - int(message.key() or b"0")) / 1000)
    print(json.dumps(late))
    consumer.close()


CLIENTS: dict[str, dict[str, Callable[..., Any]]] = {
    "confluent-kafka": {"produce": raw_produce, "consume": raw_consume},
    "aiokafka": {"produce": aiokafka_produce, "consume": aiokafka_consume},
    "kafka-python": {"produce": kafka_python_produce, "consume": kafka_python_consume},
    "faststream": {"produce": faststream_produce, "consume": faststream_consume},
    "quixstreams": {"produce": quixstreams_produce, "consume": quixstreams_consume},
}


def main() -> None:
    client, what, bootstrap, topic, *rest = sys.argv[1:]
    if what == "send":
        raw_send(bootstrap, topic, int(rest[0]), float(rest[1]), int(rest[2]))
    elif what == "receive":
        raw_receive(bootstrap, topic, int(rest[0]))
    else:
        done = CLIENTS[client][what](bootstrap, topic, *map(int, rest))
        if asyncio.iscoroutine(done):
            asyncio.run(done)


if __name__ == "__main__":
    main()
