"""Ingest's memory of its live streams: the epochs of a stream rise, and it has one writer on this host."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from framehop.errors import StreamBusyError
from framehop.log.kafka.book import KafkaBook
from framehop.log.kafka.options import KafkaOptions
from framehop.log.kafka.url import KafkaUrl


def book(directory: Path) -> KafkaBook:
    return KafkaBook(KafkaUrl.parse("kafka://nowhere:9092/x"), KafkaOptions(state_dir=str(directory)))


def test_each_epoch_is_later_than_the_last_and_the_stream_stays_ours(tmp_path: Path) -> None:
    with closing(book(tmp_path)) as first, closing(book(tmp_path)) as other:
        epochs = [first.begin("cam", "rtsp://cam/x"), first.next("cam"), first.next("cam")]
        with pytest.raises(StreamBusyError):
            other.begin("cam", "rtsp://cam/x")
        first.end("cam")
        epochs.append(other.begin("cam", "rtsp://cam/x"))
    assert epochs == sorted(set(epochs))
