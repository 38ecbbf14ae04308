"""Certificates, passwords and client configurations of a --secure cluster."""

from __future__ import annotations

import secrets
import shutil
import ssl
import subprocess
from pathlib import Path

from scripts.kafka_cluster.errors import ClusterError
from scripts.kafka_cluster.layout import Cluster

USERS = ("admin", "ingest", "worker", "reader")
SUPER_USERS = ("admin", "broker")
DAYS = "3650"

# Without it openssl adds what the system's own configuration says, and the leaves become authorities.
OPENSSL_CONFIGURATION = "[req]\ndistinguished_name = name\n[name]\n"


def prepare(cluster: Cluster) -> dict[str, str]:
    """Make whatever is missing; returns the users' passwords."""
    if not cluster.tls.exists():
        making = cluster.tls.with_suffix(".part")
        shutil.rmtree(making, ignore_errors=True)
        _make_certificates(making)
        making.rename(cluster.tls)
    if not cluster.clients.exists():
        making = cluster.clients.with_suffix(".part")
        shutil.rmtree(making, ignore_errors=True)
        _write_client_configurations(cluster, making)
        making.rename(cluster.clients)
    return {user: _read_password(cluster, user) for user in USERS}


def admin_context(cluster: Cluster) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(cluster.tls / "ca.pem"))
    context.load_cert_chain(cluster.tls / "admin.pem", cluster.tls / "admin.key")
    return context


# ---------------------------------------------------------------- certificates


def _make_certificates(directory: Path) -> None:
    """An authority, the brokers' certificate and one per user, all by openssl."""
    directory.mkdir()
    (directory / "openssl.cnf").write_text(OPENSSL_CONFIGURATION)
    _certificate(
        directory, "ca", "framehop test authority", "basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"
    )
    for name in ("broker", *USERS):
        signed = ["-CA", "ca.pem", "-CAkey", "ca.key"]
        _certificate(
            directory, name, name, "basicConstraints=critical,CA:FALSE", "subjectAltName=DNS:localhost,IP:127.0.0.1",
            arguments=signed,
        )  # fmt: skip
    parts = ("broker.key", "broker.pem", "ca.pem")
    (directory / "broker-keystore.pem").write_text("".join((directory / part).read_text() for part in parts))


def _certificate(
    directory: Path, file: str, common_name: str, *extensions: str, arguments: list[str] | None = None
) -> None:
    command = [
        "openssl",
        "req",
        "-config",
        "openssl.cnf",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
    ]
    command += ["-nodes", "-days", DAYS, "-subj", f"/CN={common_name}", "-keyout", f"{file}.key", "-out", f"{file}.pem"]
    for extension in extensions:
        command += ["-addext", extension]
    done = subprocess.run(
        [*command, *(arguments or [])], cwd=directory, capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode:
        raise ClusterError(f"openssl could not make {directory / file}.pem:\n{done.stderr.strip()}")


# ---------------------------------------------------------------- clients


def _write_client_configurations(cluster: Cluster, directory: Path) -> None:
    """Per user one to come in by password and one by certificate: `name=value` lines as librdkafka and kcat -F take them."""
    directory.mkdir()
    for user in USERS:
        _write(directory / f"{user}.conf", _by_password(cluster, user, secrets.token_urlsafe(24)))
        _write(directory / f"{user}-mtls.conf", _by_certificate(cluster, user))


def _read_password(cluster: Cluster, user: str) -> str:
    lines = (cluster.clients / f"{user}.conf").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)["sasl.password"]


def _by_password(cluster: Cluster, user: str, password: str) -> dict[str, str]:
    return {
        "bootstrap.servers": cluster.bootstrap,
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": str(cluster.tls / "ca.pem"),
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": user,
        "sasl.password": password,
    }


def _by_certificate(cluster: Cluster, user: str) -> dict[str, str]:
    return {
        "bootstrap.servers": cluster.mtls_bootstrap,
        "security.protocol": "SSL",
        "ssl.ca.location": str(cluster.tls / "ca.pem"),
        "ssl.certificate.location": str(cluster.tls / f"{user}.pem"),
        "ssl.key.location": str(cluster.tls / f"{user}.key"),
    }


def _write(file: Path, configuration: dict[str, str]) -> None:
    file.write_text("".join(f"{name}={value}\n" for name, value in configuration.items()))
