"""The OpenAPI 3.1 document, written from the operations, and the page that shows it."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from schemas.api.feed import TOLD, message_of
from schemas.api.problem import Problem
from worker.api import idempotency
from worker.api.operation import JSON, Operation, pattern_of
from worker.problems import TITLES

Schema = dict[str, Any]
Model = type[BaseModel]
_ABOUT = (
    "Orders that webhooks keep true, and the events they came in. Amounts are integers of the currency's minor unit; "
    "times are RFC 3339 in UTC; ids are opaque. Errors are problem details (RFC 9457): `detail` says what to do."
)
_HEADERS = {
    "ETag": "The version, quoted: send it as `If-Match` to change only what you have seen.",
    "Location": "Where the new one is.",
    "Content-Location": "Where this is; another id than was asked for, when that order was merged into this one.",
    idempotency.REPLAYED: "`true` where this is the answer that the same request got before.",
}
_KEY = (
    "Any text of your own, such as a UUID: for 24 hours the same request with the same key is worked once and answered "
    "alike. With another path or body: 422 `idempotency_key_reused`. While the first is under way: 409 "
    "`idempotency_key_in_flight`."
)
_TOLD = (
    "Sent to each subscriber that has chosen this type, as Standard Webhooks: verify the signature first, note the "
    "`webhook-id`, answer within 15 s, work afterwards."
)
_SIGNED = {
    "webhook-id": "The id of the event: every attempt has the same.",
    "webhook-timestamp": "When this attempt was made, in unix seconds.",
    "webhook-signature": "`v1,` and the base64 of the HMAC-SHA256 of `id.timestamp.body`; for a day after the "
    "secret was replaced two of them, with a blank between.",
}
SCRIPTS = {
    "swagger_bundle.js": "text/javascript",
    "swagger_preset.js": "text/javascript",
    "swagger_style.css": "text/css",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""For the page at /api/docs alone: Swagger UI writes styles of its own."""


def document(operations: Sequence[Operation]) -> Schema:
    """The whole document."""
    models: list[tuple[Model, JsonSchemaMode]] = [(Problem, "serialization")]
    models += [(message_of(type_), "serialization") for type_ in TOLD]
    for operation in operations:
        models += [(model, "validation") for model in (operation.query, operation.body) if model]
        if isinstance(operation.answer, type):
            models.append((operation.answer, "serialization"))
        models += [(model, "serialization") for model in operation.answers.values()]
    keys, found = models_json_schema(list(dict.fromkeys(models)), ref_template="#/components/schemas/{model}")
    schemas: Schema = dict(found.get("$defs", {}))
    queries = {model: schemas.pop(_name(keys[(model, mode)])) for model, mode in keys if model in _queries(operations)}
    refs: dict[Any, Schema] = {model: ref for (model, _), ref in keys.items()}
    paths: Schema = {}
    for operation in operations:
        entry = _operation(operation, refs, queries.get(operation.query) if operation.query else None)
        paths.setdefault(operation.path, {})[operation.method.lower()] = entry
    errors = sorted({status for operation in operations for status in operation.all_errors})
    return {
        "openapi": "3.1.0",
        "info": {"title": "Daybook", "version": version("daybook"), "description": _ABOUT, "license": {"name": "MIT"}},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in operations)],
        "paths": paths,
        "webhooks": {
            str(type_): {"post": _message(type_, told, refs[message_of(type_)])} for type_, told in TOLD.items()
        },
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A token from /api/v1/tokens."}
            },
            "responses": {f"E{status}": _problem(status, refs[Problem]) for status in errors},
        },
    }


def _message(type_: str, told: str, ref: Schema) -> Schema:
    """A message of the outgoing feed."""
    return {
        "operationId": f"on_{type_.replace('.', '_')}",
        "summary": told,
        "description": _TOLD,
        "tags": ["subscribers"],
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": about, "schema": {"type": "string"}}
            for name, about in _SIGNED.items()
        ],
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": {"allOf": [ref, {"properties": {"type": {"const": str(type_)}}}]}}},
        },
        "responses": {
            "2XX": {"description": "You have it: it is not sent again."},
            "410": {"description": "You want no more: the subscriber is disabled."},
            "default": {"description": "It is sent again later, ten times within about three days."},
        },
    }


def _queries(operations: Sequence[Operation]) -> set[type[BaseModel]]:
    return {operation.query for operation in operations if operation.query}


def _name(ref: Schema) -> str:
    return str(ref["$ref"]).rsplit("/", 1)[-1]


def _operation(operation: Operation, refs: Mapping[Model, Schema], query: Schema | None) -> Schema:
    described: Schema = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": _described(operation),
        "tags": [operation.tag],
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": pattern_of(name)}}
            for name in operation.parameters
        ]
        + _query_parameters(query)
        + _header_parameters(operation),
        "responses": _responses(operation, refs),
    }
    if operation.body:
        required = not operation.body_optional
        described["requestBody"] = {"required": required, "content": {JSON: {"schema": refs[operation.body]}}}
    return {name: value for name, value in described.items() if value != []}


def _described(operation: Operation) -> str:
    needed = f"Needs the permission `{operation.permission}`." if operation.permission else ""
    return "\n\n".join(part for part in (operation.description, needed) if part)


def _query_parameters(query: Schema | None) -> list[Schema]:
    """One parameter for each field of the query's model. A query cannot carry null, so that is left out."""
    found = []
    for name, schema in (query or {}).get("properties", {}).items():
        kept = {key: value for key, value in schema.items() if key not in ("title", "description", "examples")}
        if "anyOf" in kept:
            [kept_type] = [option for option in kept.pop("anyOf") if option.get("type") != "null"]
            kept |= kept_type
        if kept.get("default", ...) is None:
            del kept["default"]
        entry: Schema = {"name": name, "in": "query", "required": False, "schema": kept}
        if "description" in schema:
            entry["description"] = schema["description"]
        if schema.get("examples"):
            entry["example"] = schema["examples"][0]
        found.append(entry)
    return found


def _header_parameters(operation: Operation) -> list[Schema]:
    found = []
    if 412 in operation.errors:
        told = (
            "The ETag that you have seen. If the version is another by now, nothing is changed and the answer is 412."
        )
        found.append(("If-Match", told, {"type": "string"}))
    if operation.method == "POST":
        found.append((idempotency.HEADER, _KEY, {"type": "string", "pattern": idempotency.SYNTAX}))
    return [
        {"name": name, "in": "header", "required": False, "description": told, "schema": schema}
        for name, told, schema in found
    ]


def _responses(operation: Operation, refs: Mapping[Model, Schema]) -> Schema:
    found: Schema = {}
    for status, told in operation.statuses.items():
        response: Schema = {"description": told}
        model = operation.answers.get(status, operation.answer)
        if isinstance(model, str):
            response["content"] = {model: {}}
        elif model is not None:
            response["content"] = {JSON: {"schema": refs[model]}}
        names = [name for name in operation.headers if name != "Location" or status == 201]
        if operation.method == "POST":
            names.append(idempotency.REPLAYED)
        if names:
            response["headers"] = {
                name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in names
            }
        found[str(status)] = response
    return found | {str(status): {"$ref": f"#/components/responses/E{status}"} for status in operation.all_errors}


def _problem(status: int, ref: Schema) -> Schema:
    response: Schema = {"description": TITLES[status], "content": {"application/problem+json": {"schema": ref}}}
    if status == 401:
        response["headers"] = {
            "WWW-Authenticate": {"description": "How to authenticate.", "schema": {"type": "string"}}
        }
    if status in (429, 503):
        response["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string"}}}
    if status == 409:
        told = "Seconds to wait, where the first request with this Idempotency-Key is under way."
        response["headers"] = {"Retry-After": {"description": told, "schema": {"type": "string"}}}
    return response


def add_document(app: web.Application, written: bytes) -> None:
    """The document as it is sent, the page, and the files that the page needs."""

    async def openapi(_request: web.Request) -> web.Response:
        return web.Response(body=written, content_type=JSON, headers={"Cache-Control": "no-cache"})

    app.router.add_get("/api/openapi.json", openapi)
    app.router.add_get("/api/docs", _page)
    app.router.add_get("/api/docs/{file}", _file)


@cache
def _swagger() -> Path:
    """Where the installed Swagger UI is. The package is found, not imported: importing it reads nine megabytes."""
    spec = importlib.util.find_spec("offapi")
    if spec is None or spec.origin is None:
        raise web.HTTPNotFound
    return Path(spec.origin).parent


async def _page(_request: web.Request) -> web.StreamResponse:
    page = Path(__file__).parent / "docs.html"
    return web.FileResponse(
        page, headers={"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": POLICY}
    )


async def _file(request: web.Request) -> web.StreamResponse:
    name = request.match_info["file"]
    if name == "docs.js":
        path, media = Path(__file__).parent / name, "text/javascript"
    elif name in SCRIPTS:
        path, media = _swagger() / name, SCRIPTS[name]
    else:
        raise web.HTTPNotFound
    headers = {
        "Content-Type": f"{media}; charset=utf-8",
        "Cache-Control": "no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    return web.FileResponse(path, headers=headers)
