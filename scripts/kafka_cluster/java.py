"""The Java programs: the broker, and Kafka's tool that prepares its data directory."""

from __future__ import annotations

import subprocess
from pathlib import Path

from scripts.kafka_cluster.errors import ClusterError
from scripts.kafka_cluster.layout import HOST, Broker, Cluster

FORMAT_TIMEOUT_S = 120.0
# These programs live for minutes. Java's second compiler and its other collectors would take cores from whoever they serve.
FRUGAL = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


def broker_command(cluster: Cluster, jars: Path) -> list[str]:
    heap = ["-Xms256m", "-Xmx1g"] if len(cluster.brokers) == 1 else ["-Xms128m", "-Xmx512m"]
    return ["java", *heap, "-XX:+ExitOnOutOfMemoryError", *FRUGAL, *_common(cluster, jars)]


def format_directories(cluster: Cluster, jars: Path, passwords: dict[str, str]) -> None:
    """Make the brokers' data directories what Kafka expects, all at once; the passwords become the users' credentials."""
    running = [
        (broker, _format(cluster, broker, jars, passwords))
        for broker in cluster.brokers
        if not (broker.home / "data" / "meta.properties").exists()
    ]
    for broker, process in running:
        try:
            said, _ = process.communicate(timeout=FORMAT_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
        _arguments(broker).unlink()
        if process.returncode:
            raise ClusterError(f"Kafka could not prepare {broker.home / 'data'}:\n{said.strip()}")


def _arguments(broker: Broker) -> Path:
    """A file with the arguments, passwords among them: everybody can see a command line."""
    return broker.home / "format.arguments"


def _format(cluster: Cluster, broker: Broker, jars: Path, passwords: dict[str, str]) -> subprocess.Popen[str]:
    options = [*FRUGAL, *_common(cluster, jars), "kafka.tools.StorageTool", "format"]
    options += ["--ignore-formatted", "-t", cluster.id, "-c", str(broker.properties)]
    options += ["--initial-controllers", _controllers(cluster)]
    for user, password in passwords.items():
        options += ["--add-scram", f"SCRAM-SHA-512=[name={user},password={password}]"]
    _arguments(broker).write_text("\n".join(map(_quoted, options)))
    return subprocess.Popen(
        ["java", f"@{_arguments(broker)}"],
        cwd=broker.home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _common(cluster: Cluster, jars: Path) -> list[str]:
    return [*_kept(jars), f"-Dlog4j2.configurationFile={cluster.data / 'log4j2.properties'}", "-cp", f"{jars}/*"]


def _kept(jars: Path) -> list[str]:
    """Return the option for the archive of classes that scripts/test has made beside the jars, if it has."""
    archive = jars / "classes.jsa"
    return [f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []


def _controllers(cluster: Cluster) -> str:
    return ",".join(f"{each.id}@{HOST}:{each.controller_port}:{each.directory_id}" for each in cluster.brokers)


def _quoted(argument: str) -> str:
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
