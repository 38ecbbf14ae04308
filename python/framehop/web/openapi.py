"""The OpenAPI document, made from the table of operations and the types of their answers."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from framehop._core import __version__
from framehop.types import Event
from framehop.web.answers import Answer, EventPage, Failure, Login, NewEvents, StreamChanges, StreamRow, UnitList
from framehop.web.operations import OPERATIONS, Body, Operation, Parameter

OF_EVERY = (400, 401, 403, 503)
NO_CONTENT = 204
_REF = "#/components/schemas/{name}"
_IN_PATH = re.compile(r"\{([a-z_]+)(?::path)?\}")


def document() -> bytes:
    """Return the document as JSON."""
    return json.dumps(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "framehop",
                "version": __version__,
                "summary": "What a log holds, and how its pipelines are.",
            },
            "paths": _paths(),
            "components": {
                "schemas": _schemas(),
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer"},
                    "cookie": {"type": "apiKey", "in": "cookie", "name": "framehop-PORT"},
                },
            },
            "security": [{}, {"bearer": []}, {"cookie": []}],
        }
    ).encode()


def _paths() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        path = _IN_PATH.sub(r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _operation(operation)
    return paths


def _operation(operation: Operation) -> dict[str, Any]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _IN_PATH.findall(operation.path)
    ]
    found = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": in_path + [_parameter(parameter) for parameter in operation.query],
        "responses": _responses(operation),
    }
    return found | ({"requestBody": {"required": True} | _content(Login)} if operation.name == "login" else {})


def _responses(operation: Operation) -> dict[str, Any]:
    """Return what may be answered, by status. `default` stands for what any request may get, as 421 under a foreign name."""
    refusal = {"description": "No answer, and why."} | _content(Failure)
    refusals = {str(status): refusal for status in (*OF_EVERY, *operation.errors)}
    answers = {operation.status: operation.summary} | dict(operation.also)
    described = {
        str(status): {"description": text} | _content(None if status == NO_CONTENT else operation.answer)
        for status, text in answers.items()
    }
    return refusals | described | {"default": refusal}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": parameter.kind}
    return {
        "name": parameter.name,
        "in": "query",
        "description": parameter.text,
        "schema": {"type": "array", "items": schema} if parameter.many else schema,
    }


def _content(body: Body) -> dict[str, Any]:
    if body is None:
        return {}
    if isinstance(body, str):
        return {"content": {body: {}}}
    return {"content": {"application/json": {"schema": {"$ref": _REF.format(name=body.__name__)}}}}


def _any(kind: type) -> dict[str, Any]:
    """Return the schema of a value whose type its field says."""
    if kind is object:
        return {"description": "As in a StreamRow."}
    raise NotImplementedError


def _schemas() -> dict[str, Any]:
    types: list[type[Answer] | type[Event]] = [Event, Failure, Login, NewEvents, StreamChanges, UnitList]
    types += [operation.answer for operation in OPERATIONS if isinstance(operation.answer, type)]
    _, found = msgspec.json.schema_components(list(dict.fromkeys(types)), schema_hook=_any, ref_template=_REF)
    event = {"$ref": _REF.format(name="Event")}  # kept as the log has it, and so of no type in the code
    for kind in (EventPage, NewEvents):
        found[kind.__name__]["properties"]["events"] = {"type": "array", "items": event}
    found[StreamRow.__name__]["properties"]["last_event"] = {"anyOf": [event, {"type": "null"}]}
    return found
