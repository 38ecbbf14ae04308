"""The things that the parts of one consumer share."""

from __future__ import annotations

from dataclasses import dataclass

from confluent_kafka import Consumer

from framehop.log.kafka.connection import Connection
from framehop.log.kafka.ending import Ending
from framehop.log.kafka.handoff import Handoff
from framehop.log.kafka.member_progress import MemberProgress
from framehop.log.kafka.output_records import Outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberClient:
    """A member of a group. `group`: the broker's name for it. `consumer`: the client, which only the consumer's thread calls. The
    other parts are thread-safe."""

    connection: Connection
    group: str
    consumer: Consumer
    progress: MemberProgress
    outputs: Outputs
    handoff: Handoff
    ending: Ending
