from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest

from tests.broker import Cluster
from tests.private_places import private_places

# How long an example takes says something of the machine, and nothing of what is tested.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")

CLUSTERS = {"kafka_cluster", "three_brokers", "secure_cluster"}
SYSTEM = Path(__file__).parent / "system"
PAGE = SYSTEM / "page"

# A shell that starts us in the background has SIGINT ignored, and so would every program that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run the long soaks too: hundreds of rounds of random kills")
    parser.addoption(
        "--rounds", type=int, help="so many rounds of random kills, in place of a test's few, or of a soak's 100"
    )
    parser.addoption(
        "--screenshots", action="store_true", help="write the page's pictures of docs/ anew, by a browser test"
    )


@pytest.hookimpl(tryfirst=True)  # before -m looks at the markers
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests with a cluster are marked so; those of whole pipelines and of the page by their folder. Soak-marked tests are left out,
    not skipped, unless asked for."""
    for item in items:
        if isinstance(item, pytest.Function) and CLUSTERS.intersection(item.fixturenames):
            item.add_marker(pytest.mark.kafka)
        if SYSTEM in item.path.parents:
            item.add_marker(pytest.mark.system)
        if PAGE in item.path.parents:
            item.add_marker(pytest.mark.browser)
    if config.getoption("--soak"):
        return
    kept = [item for item in items if not item.get_closest_marker("soak")]
    config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("soak")])
    items[:] = kept


@pytest.fixture(scope="session", autouse=True)
def own_places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give the tests of this process private places. Pytest's own directories are made before, and stay where they are looked for
    after a failure."""
    tmp_path_factory.getbasetemp()
    with private_places():
        yield


# ---------------------------------------------------------------- Kafka, started by the first test that asks for it
#
# One for the whole session each: use topics and groups of your own, and start again whatever you stopped or killed.


@pytest.fixture(scope="session")
def kafka_cluster() -> Iterator[Cluster]:
    """One broker, which can be reached through a proxy too."""
    with _directory() as data, Cluster(data, proxied=True) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def three_brokers() -> Iterator[Cluster]:
    """Three brokers; topics have three replicas, of which two must have an acknowledged record."""
    with _directory() as data, Cluster(data, brokers=3) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def secure_cluster() -> Iterator[Cluster]:
    """One broker with TLS and the users admin, ingest, worker and reader, of whom only admin may do anything."""
    with _directory() as data, Cluster(data, secure=True) as cluster:
        yield cluster


@contextmanager
def _directory() -> Iterator[Path]:
    """Make a directory that goes at the end. Pytest would keep its own for three sessions, and records are large."""
    with tempfile.TemporaryDirectory(prefix="fh-kafka-") as name:
        yield Path(name)
