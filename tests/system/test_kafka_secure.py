"""TLS, users and rights on a real cluster: the documented ACLs are enough, each role is refused the rest, and whatever is wrong is
told in a line."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import yaml

from framehop import encode_jpeg
from framehop.errors import LogAccessError
from framehop.log import KafkaOptions, KafkaSecurity
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.topics import TopicPlan
from tests.acls import documented, granted
from tests.broker import Cluster
from tests.system.harness import House
from tests.tiny_model import write_model

pytestmark = pytest.mark.kafka

FRAMES = 5
SOON_S = 40.0
ACLS = "the ACLs that each role needs are in docs/kafka.md"


@dataclass(frozen=True, slots=True)
class Site:
    """A log of its own on the secure cluster, on which the documented ACLs are granted."""

    cluster: Cluster
    prefix: str

    def opened(self, user: str, state_dir: Path, **options: Any) -> KafkaLog:
        """Open the log in this process, as that user."""
        security = KafkaSecurity(
            username=user, password=self.password(user), ca=self.cluster.client()["ssl.ca.location"]
        )
        return KafkaLog(
            self.settings(user)["url"], options=KafkaOptions(security=security, state_dir=str(state_dir), **options)
        )

    def settings(self, user: str, *, mtls: bool = False) -> dict[str, Any]:
        """Return the user's settings as a configuration file has them, with the password in the environment."""
        client = self.cluster.client(user, mtls=mtls)
        security = {"ca": client["ssl.ca.location"]}
        if mtls:
            security |= {"certificate": client["ssl.certificate.location"], "key": client["ssl.key.location"]}
        else:
            security |= {"username": user, "password": {"env": "KAFKA_PASSWORD"}}
        return {"url": f"kafka://{client['bootstrap.servers']}/{self.prefix}", "kafka": {"security": security}}

    def password(self, user: str) -> str:
        return str(self.cluster.client(user)["sasl.password"])

    def framehop(
        self, house: House, user: str, command: str, *args: str | Path, settings: dict[str, Any] | None = None
    ) -> subprocess.CompletedProcess[str]:
        settings = settings or self.settings(user)
        settings["kafka"].setdefault("state_dir", "state")
        settings["kafka"].setdefault("connect_timeout_s", 2)
        file = house.path / f"{user}.yaml"
        file.write_text(yaml.safe_dump({"log": settings}))
        house.env.setdefault("KAFKA_PASSWORD", self.password(user))
        try:
            return house.framehop(command, *args, "--config", file, timeout_s=SOON_S)
        finally:
            house.env.pop("KAFKA_PASSWORD", None)


def pictures(house: House) -> Path:
    folder = house.path / "pictures"
    folder.mkdir(exist_ok=True)
    for shade in range(FRAMES):
        (folder / f"{shade}.jpg").write_bytes(encode_jpeg(np.full((32, 32, 3), shade * 20, np.uint8)))
    return folder


def model(house: House) -> Path:
    folder = house.path / "model"
    folder.mkdir(exist_ok=True)
    return write_model(folder)


def assert_refused(done: subprocess.CompletedProcess[str], *says: str) -> None:
    """An error in one line, which says these, behind at most one note or warning."""
    assert done.returncode == 1, done
    lines = done.stderr.splitlines()
    assert "Traceback" not in done.stderr, done.stderr
    assert len(lines) <= 2, done.stderr
    assert lines[-1].startswith("error: "), done.stderr
    assert [each for each in says if each not in lines[-1]] == [], lines[-1]


@pytest.fixture(scope="module")
def site(secure_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(secure_cluster, f"s-{uuid4().hex[:8]}")
    with made.opened("admin", tmp_path_factory.mktemp("state")) as log:
        log.create_topics(TopicPlan(partitions=2))
    with granted(secure_cluster, documented(made.prefix)):
        yield made


@pytest.fixture
def halls(secure_cluster: Cluster, tmp_path: Path) -> Iterator[Site]:
    """Its frames lie in topics by a template."""
    made = Site(secure_cluster, f"s-{uuid4().hex[:8]}")
    template = f"{made.prefix}-cams.{{site}}"
    with made.opened("admin", tmp_path / "admin", frames_topic=template) as log:
        log.create_topics(TopicPlan(partitions=2), frames=[f"{made.prefix}-cams.hall-3"])
    with granted(secure_cluster, documented(made.prefix)):
        yield made


# ---------------------------------------------------------------- what each role may do


@pytest.mark.parametrize(
    ("mtls", "kafka"),
    [
        (False, {}),
        (True, {"delivery": "exactly-once"}),
    ],
    ids=["password", "certificate-exactly-once"],
)
def test_the_documented_acls_are_enough(site: Site, house: House, mtls: bool, kafka: dict[str, Any]) -> None:
    _work_and_read(site, house, mtls=mtls, **kafka)


def test_the_documented_acls_are_enough_for_topics_by_a_template(halls: Site, house: House) -> None:
    _work_and_read(halls, house, frames_topic=f"{halls.prefix}-cams.{{site}}", labels={"site": "hall-3"})


def _work_and_read(site: Site, house: House, *, mtls: bool = False, **kafka: Any) -> None:
    def run(user: str, command: str, *args: str | Path) -> str:
        settings = site.settings(user, mtls=mtls)
        settings["kafka"] |= kafka
        done = site.framehop(house, user, command, *args, settings=settings)
        assert done.returncode == 0, done.stderr
        return done.stdout

    stream = f"cam-{uuid4().hex[:8]}"  # other tests have written to the same topics
    run("ingest", "ingest", f"{stream}={pictures(house)}", "--rate", "max")
    behind = json.loads(run("reader", "lag", "--json"))
    run("worker", "detect", "--model", model(house), "--until-idle", "0.5")
    assert json.loads(run("reader", "lag", "--json")) != behind
    events = run("reader", "tail", "--from", "beginning", "--no-follow", "--stream", stream, "--json")
    assert len(events.splitlines()) == FRAMES
    assert "nothing lost, nothing doubled" in run("reader", "audit")
    assert run("reader", "deadletter", "list", "--json") == ""


def test_an_interrupted_ingest_finds_what_it_left(site: Site, house: House) -> None:
    """It reads its partition for that, as the user ingest."""
    folder, settings = pictures(house), site.settings("ingest")
    settings["kafka"]["state_dir"] = "state"
    file = house.path / "cut.yaml"
    file.write_text(yaml.safe_dump({"log": settings}))
    house.env["KAFKA_PASSWORD"] = site.password("ingest")
    cut = house.framehop("ingest", f"cut={folder}", "--rate", "max", "--config", file, fail_at="ingest.appended@3")
    assert cut.returncode == -9
    assert site.framehop(house, "ingest", "ingest", f"cut={folder}", "--rate", "max").returncode == 0
    house.env.pop("KAFKA_PASSWORD", None)
    assert site.framehop(house, "worker", "detect", "--model", model(house), "--until-idle", "0.5").returncode == 0
    audit = site.framehop(house, "reader", "audit", "--json")
    assert audit.returncode == 0, audit.stdout + audit.stderr
    assert f'"cut":{{"frames":{FRAMES},"events":{FRAMES},' in audit.stdout


def test_a_reader_does_not_write(site: Site, house: House) -> None:
    done = site.framehop(house, "reader", "ingest", f"cam={pictures(house)}", "--rate", "max")
    assert_refused(done, f"{site.prefix}.frames", "authorization failed", ACLS)


def test_a_worker_writes_no_frames(site: Site, house: House) -> None:
    done = site.framehop(house, "worker", "ingest", f"cam={pictures(house)}", "--rate", "max")
    assert_refused(done, f"{site.prefix}.frames", "authorization failed", ACLS)


@pytest.mark.parametrize("user", ["ingest", "reader"])
@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
def test_only_a_worker_detects(site: Site, house: House, user: str, delivery: str) -> None:
    """The idle time is long: who only looks at the group would end as idle before the worker is refused."""
    settings = site.settings(user)
    settings["kafka"]["delivery"] = delivery
    done = site.framehop(house, user, "detect", "--model", model(house), "--until-idle", "20", settings=settings)
    assert_refused(done, "authorization failed", ACLS)


def test_only_a_reader_reads_events(site: Site, house: House) -> None:
    """A worker reads them too, to find out how far it had come when its offsets are gone. Whoever writes gap records learns how
    many events there are, and reads none of them."""
    _work_and_read(site, house, mtls=False)
    done = site.framehop(house, "ingest", "audit")
    assert_refused(done, f"{site.prefix}.detections", "authorization failed", ACLS)


def test_a_worker_that_may_not_read_events_says_what_that_costs(
    secure_cluster: Cluster, house: House, tmp_path: Path
) -> None:
    """Its offsets are gone: it begins anew, and works."""
    other = Site(secure_cluster, f"m-{uuid4().hex[:8]}")
    client = secure_cluster.client()
    security = KafkaSecurity(username="admin", password=other.password("admin"), ca=client["ssl.ca.location"])
    options = KafkaOptions(security=security, state_dir=str(tmp_path))

    def kept(binding: Any) -> bool:
        reads_events = ("User:worker", "READ", f"{other.prefix}.detections")
        return (binding.principal, binding.operation.name, binding.name) != reads_events

    rights = [binding for binding in documented(other.prefix) if kept(binding)]
    assert len(rights) == len(documented(other.prefix)) - 1
    settings = other.settings("worker")
    settings["kafka"]["membership"] = "dynamic"
    args = ("detect", "--model", model(house), "--until-idle", "0.5")
    with (
        KafkaLog(other.settings("admin")["url"], options=options) as log,
        granted(secure_cluster, rights),
    ):
        log.create_topics(TopicPlan(partitions=1))
        assert other.framehop(house, "ingest", "ingest", f"cam={pictures(house)}", "--rate", "max").returncode == 0
        first = other.framehop(house, "worker", *args, settings=settings)
        assert (first.returncode, "may be detected again" in first.stderr) == (0, False), first.stderr
        log.forget_group("detect-main")
        again = other.framehop(house, "worker", *args, settings=settings)
        assert again.returncode == 0, again.stderr
        assert "frames that have events may be detected again" in again.stderr
        with log.events() as reader:
            assert sum(1 for _ in reader) == 2 * FRAMES


@pytest.mark.parametrize("missing", ["group", "transactional", "frames", "deadletter", "write"])
def test_a_right_that_is_missing_is_named(
    secure_cluster: Cluster, house: House, tmp_path: Path, missing: str, site: Site
) -> None:
    """Grants a worker all rights but one, on a log of its own."""
    other = Site(secure_cluster, f"m-{uuid4().hex[:8]}")
    with other.opened("admin", tmp_path) as log:
        log.create_topics(TopicPlan(partitions=1))

    def kept(binding: Any) -> bool:
        match missing:
            case "group" | "transactional":
                return missing not in binding.restype.name.lower()
            case "write":
                return not (binding.operation.name == "WRITE" and binding.restype.name == "TOPIC") or (
                    binding.principal != "User:worker"
                )
        return binding.principal != "User:worker" or not binding.name.endswith(f".{missing}")

    rights = [binding for binding in documented(other.prefix) if kept(binding)]
    assert len(rights) < len(documented(other.prefix))
    with granted(secure_cluster, rights):
        assert other.framehop(house, "ingest", "ingest", f"cam={pictures(house)}", "--rate", "max").returncode == 0
        settings = other.settings("worker")
        settings["kafka"]["delivery"] = "exactly-once" if missing == "transactional" else "at-least-once"
        args = ("detect", "--model", model(house), "--until-idle", "0.5")
        assert_refused(other.framehop(house, "worker", *args, settings=settings), "uthorization failed", ACLS)


def test_a_group_that_is_refused_is_named_at_each_look(secure_cluster: Cluster, tmp_path: Path, site: Site) -> None:
    """Looks at a group twice without the right to it, and once with it."""
    other = Site(secure_cluster, f"m-{uuid4().hex[:8]}")
    with other.opened("admin", tmp_path) as log:
        log.create_topics(TopicPlan(partitions=1))
    bindings: list[Any] = documented(other.prefix)
    of_groups = [binding for binding in bindings if binding.restype.name == "GROUP"]
    others = [binding for binding in bindings if binding not in of_groups]
    with granted(secure_cluster, others), other.opened("worker", tmp_path) as log:
        for _ in range(2):
            with pytest.raises(LogAccessError, match="Group authorization failed"):
                log.committed("detect-main")
        with granted(secure_cluster, of_groups):
            assert log.committed("detect-main") == {}


# ---------------------------------------------------------------- what can be wrong at the start


def _with(site: Site, user: str = "reader", *, mtls: bool = False, **security: Any) -> dict[str, Any]:
    settings = site.settings(user, mtls=mtls)
    settings["kafka"]["security"] |= security
    return settings


def test_a_wrong_password(site: Site, house: House) -> None:
    house.env["KAFKA_PASSWORD"] = "wrong-4711"
    done = site.framehop(house, "reader", "-vv", "tail", "--no-follow")
    assert done.returncode == 1
    assert "the broker refused who we are" in done.stderr
    assert "log.kafka.security: username, password" in done.stderr
    assert "wrong-4711" not in done.stdout + done.stderr


def test_a_ca_that_signed_something_else(site: Site, house: House) -> None:
    subprocess.run(
        shlex.split(
            "openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -days 2 -subj /CN=other"
        ),
        cwd=house.path,
        check=True,
        capture_output=True,
        timeout=60,
    )
    done = site.framehop(house, "reader", "tail", "--no-follow", settings=_with(site, ca="other.pem"))
    assert_refused(done, "TLS failed", "certificate verify failed", "look at log.kafka.security: ca")


def test_a_certificate_for_another_name(site: Site, house: House) -> None:
    """The address is the broker's, written in a way that its certificate does not have."""
    settings = _with(site)
    settings["url"] = settings["url"].replace("127.0.0.1", "127.1")
    done = site.framehop(house, "reader", "tail", "--no-follow", settings=settings)
    assert_refused(done, "certificate is for localhost, 127.0.0.1, and the address says 127.1")


@pytest.mark.parametrize("name", ["ca", "certificate", "key"])
def test_a_file_that_is_not_there(site: Site, house: House, name: str) -> None:
    settings = _with(site, mtls=True, **{name: "none.pem"})
    done = site.framehop(house, "reader", "tail", "--no-follow", settings=settings)
    assert_refused(done, f"log.kafka.security.{name}: ", "none.pem", "cannot be read: No such file")


def test_a_file_that_is_no_certificate(site: Site, house: House) -> None:
    (house.path / "junk.pem").write_text("junk")
    done = site.framehop(house, "reader", "tail", "--no-follow", settings=_with(site, ca="junk.pem"))
    assert_refused(done, "ssl.ca.location failed", "log.kafka.security")


def test_a_client_without_tls(site: Site, house: House) -> None:
    settings = site.settings("reader")
    del settings["kafka"]["security"]
    done = site.framehop(house, "reader", "tail", "--no-follow", settings=settings)
    assert_refused(done, "no broker answers", "they may want TLS: set log.kafka.security")


def test_tls_where_the_broker_has_none(site: Site, kafka_cluster: Cluster, house: House) -> None:
    settings = _with(site)
    settings["url"] = f"kafka://{kafka_cluster.bootstrap}"
    settings["kafka"]["connect_timeout_s"] = (
        6  # the broker takes the connection and says nothing: its reason comes late
    )
    done = site.framehop(house, "reader", "tail", "--no-follow", settings=settings)
    assert_refused(done, "no broker answers", "it may have no TLS: then leave out log.kafka.security")


def test_a_certificate_the_broker_does_not_know(site: Site, house: House) -> None:
    """The door for passwords opens neither to a certificate nor to nothing."""
    settings = _with(site, mtls=True)
    settings["url"] = site.settings("reader")["url"]
    done = site.framehop(house, "reader", "tail", "--no-follow", settings=settings)
    assert_refused(done, "no broker answers", f"{site.prefix}")


def test_topics_that_are_not_there(site: Site, house: House) -> None:
    settings = site.settings("admin")
    settings["url"] += "-none"
    done = site.framehop(house, "admin", "tail", "--no-follow", settings=settings)
    assert_refused(done, f"has no topic {site.prefix}-none.", "topics create --log kafka://")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("kafka://127.0.0.1:1", ["no broker answers", "Connection refused"]),
        ("kafka://no-such-host.invalid:9092", ["no broker answers", "no-such-host.invalid", "resolve"]),
    ],
    ids=["nobody listens", "unknown host"],
)
def test_a_broker_that_is_not_there_is_waited_for(site: Site, house: House, url: str, says: list[str]) -> None:
    done = site.framehop(house, "reader", "tail", "--no-follow", settings={"url": url, "kafka": {}})
    assert_refused(done, *says)
    assert "WARNING" in done.stderr
    assert "yet" in done.stderr.splitlines()[0]


# ---------------------------------------------------------------- secrets


def test_passwords_are_never_shown(site: Site, house: House) -> None:
    """Whatever is said, at the loudest: by each program of the pipeline, and when it cannot begin."""
    said = [
        site.framehop(house, "ingest", "-vv", "ingest", f"quiet={pictures(house)}", "--rate", "max"),
        site.framehop(house, "worker", "-vv", "detect", "--model", model(house), "--until-idle", "0.5"),
        site.framehop(house, "reader", "-vv", "audit"),
        site.framehop(house, "reader", "-vv", "ingest", f"quiet={pictures(house)}"),
        house.framehop("ingest", "--help"),
    ]
    assert [done.returncode for done in said] == [0, 0, 0, 1, 0]
    text = "".join(done.stdout + done.stderr for done in said)
    assert "DEBUG framehop" in text
    for user in ("ingest", "worker", "reader"):
        assert site.password(user) not in text
