"""Prints the commands' results: as JSON for programs, as text for people."""

from __future__ import annotations

from pathlib import Path

from scripts.kafka_cluster import process, tls
from scripts.kafka_cluster.layout import Cluster


def is_running(cluster: Cluster) -> bool:
    """Every broker runs. Told by their processes: that they are ready is what start waits for."""
    return all(process.pid_of(broker) is not None for broker in cluster.brokers)


def as_json(cluster: Cluster | None, data: Path) -> dict[str, object]:
    if cluster is None:
        return {"running": False, "bootstrap": "", "data": str(data), "brokers": []}
    state: dict[str, object] = {
        "running": is_running(cluster),
        "bootstrap": cluster.bootstrap,
        "data": str(data),
        "brokers": [
            {"id": each.id, "address": each.address, "pid": process.pid_of(each), "log": str(each.log)}
            for each in cluster.brokers
        ],
    }
    if cluster.proxied:
        state["proxied"] = [{"port": each.proxied_port, "proxy_port": each.proxy_port} for each in cluster.brokers]
    if cluster.secure:
        state["secure"] = {
            "mtls_bootstrap": cluster.mtls_bootstrap,
            "ca": str(cluster.tls / "ca.pem"),
            "usernames": list(tls.USERS),
            "clients": str(cluster.clients),
        }
    return state


def as_text(cluster: Cluster | None, data: Path, naming: str) -> str:
    """`naming`: the options that name this cluster on the command line."""
    if cluster is None:
        return f"no cluster in {data}"
    lines = []
    for broker in cluster.brokers:
        pid = process.pid_of(broker)
        lines.append(f"broker {broker.id}    {broker.address}  {f'pid {pid}' if pid else 'not running'}")
    lines += [f"bootstrap   {cluster.bootstrap}", f"data        {data}"]
    for broker in cluster.brokers if cluster.proxied else ():
        lines.append(f"proxied     a proxy on {broker.proxy_port} reaches broker {broker.id} on {broker.proxied_port}")
    if cluster.secure:
        lines += [f"mTLS        {cluster.mtls_bootstrap}", f"users       {', '.join(tls.USERS)}"]
        lines += [f"their files {cluster.clients}/USER.conf, and USER-mtls.conf to come in by certificate"]
    if is_running(cluster):
        # By certificate: the distributions' kcat has a librdkafka before 2.6.1, whose SCRAM Kafka 4 refuses.
        reach = f"-F {cluster.clients}/admin-mtls.conf" if cluster.secure else f"-b {cluster.bootstrap}"
        lines += [f"look at it  kcat {reach} -L", f"stop it     scripts/kafka stop{naming}"]
    return "\n".join(lines)
