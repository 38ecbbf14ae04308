"""The ACLs of docs/kafka.md, as `kafka-acls` lines there, granted to a test's cluster: the page and the test cannot part."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # they are public
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from tests.broker import Cluster

PAGE = Path(__file__).parents[1] / "docs" / "kafka.md"
TIMEOUT_S = 30.0


def documented(prefix: str) -> list[AclBinding]:
    """Every `kafka-acls.sh … --add` of the page, for the topics and groups of `prefix` instead of framehop's, and topics
    `PREFIX-cams.` instead of `cams.`."""
    text = PAGE.read_text().replace("\\\n", " ")
    lines = re.findall(r"^ *kafka-acls\.sh \$ADMIN --add (.*)$", text, re.MULTILINE)
    assert lines, f"{PAGE} has no ACLs"
    return [binding for line in lines for binding in _bindings(line, prefix)]


def _bindings(line: str, prefix: str) -> Iterator[AclBinding]:
    parser = argparse.ArgumentParser(allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--allow-principal", required=True)
    parser.add_argument("--operation", action="append", required=True)
    parser.add_argument("--topic", action="append", default=[])
    parser.add_argument("--group", action="append", default=[])
    parser.add_argument("--transactional-id", action="append", default=[])
    parser.add_argument("--resource-pattern-type", default="literal")
    found = parser.parse_args(shlex.split(line))
    resources = [
        *((ResourceType.TOPIC, name) for name in found.topic),
        *((ResourceType.GROUP, name) for name in found.group),
        *((ResourceType.TRANSACTIONAL_ID, name) for name in found.transactional_id),
    ]
    assert resources, line
    for kind, name in resources:
        assert name.startswith(("framehop.", "cams.")), f"{line}: not a name of framehop's"
        for operation in found.operation:
            yield AclBinding(
                kind,
                f"{prefix}-{name}" if name.startswith("cams.") else name.replace("framehop", prefix, 1),
                ResourcePatternType[found.resource_pattern_type.upper()],
                found.allow_principal,
                "*",
                AclOperation[re.sub(r"(?<=[a-z])(?=[A-Z])", "_", operation).upper()],
                AclPermissionType.ALLOW,
            )


@contextmanager
def granted(cluster: Cluster, bindings: Iterable[AclBinding]) -> Iterator[None]:
    """Grant `bindings`, and take them back at the end, so that other tests' users may do nothing."""
    admin, wanted = AdminClient(cluster.client()), list(bindings)
    for future in admin.create_acls(wanted).values():
        future.result(TIMEOUT_S)
    try:
        yield
    finally:
        filters = [
            AclBindingFilter(
                each.restype,
                each.name,
                each.resource_pattern_type,
                each.principal,
                each.host,
                each.operation,
                each.permission_type,
            )
            for each in wanted
        ]
        for future in admin.delete_acls(filters).values():
            future.result(TIMEOUT_S)
