"""Tests what a policy skips of films in Kafka: each frame has its event, and each picture is its own, also where a worker dies."""

from __future__ import annotations

import pytest

from framehop import _core
from framehop.ops.audit import audit
from tests.broker import Cluster
from tests.clips import BITS, write_film
from tests.system.film_policies import OF_A_FILM, check_film, words_for
from tests.system.harness import House
from tests.system.kafka_house import WINDOW, KafkaHouse, deaths
from tests.system.numbered_films import first_of_each
from tests.tiny_model import write_columns_model

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)


def test_what_is_skipped_of_films_is_accounted_for(house: House, kafka_cluster: Cluster) -> None:
    """Three streams of H.264 with B-frames share a partition. The worker dies in the middle of them."""
    film = write_film(house.path / "film.mp4", 75, params="keyint=25:min-keyint=25:scenecut=0", bframes=3)
    folder = house.path / "columns"
    folder.mkdir()
    sources, policies = words_for(film)
    with KafkaHouse(house, kafka_cluster, partitions=1) as kafka:
        kafka.model = write_columns_model(folder, BITS)
        kafka.fill([*sources, "--codec", "copy"])
        report = kafka.detect(*policies, fail_at="decode.mid@15")
        assert [each["signal"] for each in deaths(report, "worker-0")] == ["SIGKILL"]
        ledger = kafka.ledger()
        ledger.check(repeats=WINDOW)
        with kafka.open() as log:
            found = audit(log)
    assert found.ok, found.findings
    assert found.frames == 75 * len(OF_A_FILM) == sum(found.outcomes.values())
    check_film(list(first_of_each(ledger.events).values()), film)
