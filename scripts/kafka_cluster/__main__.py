"""The command line of scripts/kafka."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from scripts.kafka_cluster import cluster as commands
from scripts.kafka_cluster import layout, report
from scripts.kafka_cluster.errors import ClusterError
from scripts.kafka_cluster.layout import Cluster

NOT_RUNNING = 3

DESCRIPTION = "Runs Apache Kafka (KRaft) on this machine's loopback, for trying things out and for tests."
EPILOG = """\
The same options name the same cluster: after `start --brokers 3` it is `stop --brokers 3`; one with --data DIR is known by its
directory alone. Records stay there after stop and kill; to be rid of them, stop the cluster and delete the directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    command: str
    jars: Path
    brokers: int | None
    secure: bool
    data: Path | None
    json: bool
    port: int | None = None
    proxied: bool = False
    broker: int | None = None

    @property
    def directory(self) -> Path:
        if self.data is not None:
            return self.data.resolve()
        state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state").resolve()
        return state / "framehop" / "kafka" / (f"{self.brokers or 1}-broker" + "-secure" * self.secure)

    @property
    def naming(self) -> str:
        if self.data is not None:
            return f" --data {shlex.quote(str(self.data))}"
        return f" --brokers {self.brokers}" * (self.brokers is not None) + " --secure" * self.secure


def main() -> int:
    options = Options(**vars(_parser().parse_args()))
    os.umask(0o077)  # keys, passwords and records are nobody else's
    try:
        cluster = _run(options)
    except (ClusterError, OSError) as error:  # OSError: a directory that is not ours, no java, a full disk
        print(f"kafka: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if options.json:
        print(json.dumps(report.as_json(cluster, options.directory), indent=2))
    else:
        print(report.as_text(cluster, options.directory, options.naming))
    if options.command == "status" and (cluster is None or not report.is_running(cluster)):
        return NOT_RUNNING
    return 0


def _run(options: Options) -> Cluster | None:
    if options.command == "start":
        if options.secure and options.proxied:
            raise ClusterError("--proxied is without TLS: leave out --secure")
        wanted = commands.Wanted(
            brokers=options.brokers, secure=options.secure, proxied=options.proxied, first_port=options.port
        )
        return commands.start(options.directory, options.jars, wanted)
    cluster = layout.load(options.directory)
    if cluster is not None and options.command == "stop":
        commands.stop(cluster, options.broker)
    elif cluster is not None and options.command == "kill":
        commands.kill(cluster, options.broker)
    return cluster


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/kafka", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("--jars", type=Path, required=True, help=argparse.SUPPRESS)
    known = parser.add_subparsers(dest="command", required=True, metavar="start|stop|status|kill")
    for command, text in (
        ("start", "start the brokers that do not run, and wait until they are ready"),
        ("stop", "SIGTERM, and SIGKILL to those that take too long"),
        ("status", "who runs; exit code 3 unless all do"),
        ("kill", "SIGKILL; start goes on with the same records and ports"),
    ):
        _add_options(known.add_parser(command, help=text, description=text), command)
    return parser


def _add_options(parser: argparse.ArgumentParser, command: str) -> None:
    parser.add_argument("--brokers", type=int, choices=(1, 3), help="how many (default 1)")
    parser.add_argument("--secure", action="store_true", help="TLS, users with passwords and certificates, ACLs")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="where it lives (default: in ~/.local/state/framehop/kafka)"
    )
    parser.add_argument("--json", action="store_true", help="print the state as JSON")
    if command == "start":
        parser.add_argument("--port", type=int, metavar="PORT", help="the first port (default 9092); 0 takes free ones")
        parser.add_argument(
            "--proxied", action="store_true", help="one more listener, for a proxy between it and its clients"
        )
    if command in ("stop", "kill"):
        parser.add_argument("--broker", type=int, metavar="ID", help="this one alone")


if __name__ == "__main__":
    sys.exit(main())
