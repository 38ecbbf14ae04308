"""Find out why a broker's certificate is not trusted. The client's own message always blames the authority."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence

from framehop.timing import Deadline

CERTIFICATE_S = 3.0  # for all brokers together, since the connection has failed already and only the reason is sought

Certificate = Mapping[str, object]


def wrong_name(bootstrap: str, ca: str) -> str:
    """Describe the first broker of `bootstrap` whose certificate is good but made for another name; empty when there is none, or
    none answers. `ca`: PEM file of the authority; empty for the system's own."""
    deadline = Deadline.after(CERTIFICATE_S)
    for address in bootstrap.split(","):
        try:
            certificate = _certificate_of(address, ca, deadline.remaining_s)
        except (OSError, ValueError):  # away or not trusted at all; the client has said so
            continue
        names, host = list(names_in(certificate)), _host_and_port(address)[0]
        if certificate and not fits(host, names):
            listed = ", ".join(names) or "no name"
            return f"the broker's certificate is for {listed}, and the address says {host}"
    return ""


def _certificate_of(address: str, ca: str, timeout_s: float) -> Certificate:
    """Fetch a broker's certificate if the authority signed it, whatever names it has."""
    context = ssl.create_default_context(cafile=ca or None)
    context.check_hostname = False
    with (
        socket.create_connection(_host_and_port(address), timeout=max(0.1, timeout_s)) as plain,
        context.wrap_socket(plain, server_hostname=_host_and_port(address)[0]) as secure,
    ):
        return secure.getpeercert() or {}


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def names_in(certificate: Certificate) -> Iterator[str]:
    """Iterate over the host names and addresses that the certificate is for."""
    alternatives = certificate.get("subjectAltName")
    if isinstance(alternatives, Sequence):
        yield from (value for kind, value in alternatives if kind in {"DNS", "IP Address"})


def fits(host: str, names: Sequence[str]) -> bool:
    """Return whether a certificate for `names` is valid for `host`: the same address, the same name, or one label in place of
    `*`."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return any(_fits_name(host.lower().rstrip("."), name.lower()) for name in names)
    return any(_is_address(name, address) for name in names)


def _fits_name(host: str, name: str) -> bool:
    first, _, rest = host.partition(".")
    return host == name or (name.startswith("*.") and bool(first) and bool(rest) and name[2:] == rest)


def _is_address(name: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return ipaddress.ip_address(name) == address
    except ValueError:
        return False
