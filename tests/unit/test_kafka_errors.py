"""Tests of how Kafka's errors are explained to whoever has to act on them."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError

from framehop.log.kafka.errors import explain
from framehop.log.kafka.url import KafkaUrl


@pytest.mark.parametrize("code", [KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, KafkaError.UNKNOWN_PRODUCER_ID])
def test_a_broker_that_does_not_know_what_it_acknowledged_has_lost_it(code: int) -> None:
    error = explain(KafkaError(code), KafkaUrl.parse("kafka://broker:9092"), "framehop.frames")
    assert "topic framehop.frames: " in str(error)
    assert "a broker has lost records that it had acknowledged, as after an unclean restart: start again" in str(error)
