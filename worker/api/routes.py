"""Where the API is."""

from __future__ import annotations

from aiohttp import web

from worker.api import connections, contacts, events, orders, quarantine, subscribers, tokens
from worker.api.middleware import problems
from worker.api.openapi import add_document
from worker.api.operation import Operation

OPERATIONS: list[Operation] = [
    *orders.OPERATIONS,
    *contacts.OPERATIONS,
    *events.OPERATIONS,
    *connections.OPERATIONS,
    *quarantine.OPERATIONS,
    *subscribers.OPERATIONS,
    *tokens.OPERATIONS,
]


def add_routes(app: web.Application) -> None:
    """Put the API into the application: its operations, its document, and the shape of every error of every route."""
    app.middlewares.append(problems)
    for operation in OPERATIONS:
        if operation.method == "GET":
            app.router.add_get(operation.path, operation.dispatch)  # HEAD too
        else:
            app.router.add_route(operation.method, operation.path, operation.dispatch)
    add_document(app, OPERATIONS)
