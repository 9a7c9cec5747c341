"""Where the API is."""

from __future__ import annotations

from functools import cache

import msgspec
from aiohttp import web

from worker.api import (
    accounts,
    audit,
    checkouts,
    connections,
    contacts,
    deals,
    events,
    funnel,
    lanes,
    locations,
    offer_categories,
    offers,
    order_flow,
    order_lines,
    order_parts,
    order_preview,
    order_sales,
    orders,
    orders_bulk,
    payments,
    price_lists,
    product_templates,
    products,
    quarantine,
    reconciliations,
    recurring_orders,
    replays,
    retention,
    sales_plans,
    sales_report,
    stock,
    subscribers,
    templates,
    tokens,
    units,
)
from worker.api.idempotency import RUNNING
from worker.api.middleware import problems
from worker.api.openapi import add_document, document
from worker.api.operation import Operation
from worker.api.orders_bulk import LANE, BulkLane
from worker.api.rates import RATES, Rates
from worker.context import CONTEXT

OPERATIONS: list[Operation] = [
    *orders.OPERATIONS,
    *order_preview.OPERATIONS,
    *orders_bulk.OPERATIONS,
    *payments.OPERATIONS,
    *checkouts.OPERATIONS,
    *funnel.OPERATIONS,
    *sales_report.OPERATIONS,
    *recurring_orders.OPERATIONS,
    *order_parts.OPERATIONS,
    *order_flow.OPERATIONS,
    *order_sales.OPERATIONS,
    *templates.OPERATIONS,
    *contacts.OPERATIONS,
    *deals.OPERATIONS,
    *stock.OPERATIONS,
    *order_lines.OPERATIONS,
    *sales_plans.OPERATIONS,
    *offers.OPERATIONS,
    *offer_categories.OPERATIONS,
    *products.OPERATIONS,
    *product_templates.OPERATIONS,
    *price_lists.OPERATIONS,
    *units.OPERATIONS,
    *locations.OPERATIONS,
    *events.OPERATIONS,
    *lanes.OPERATIONS,
    *replays.OPERATIONS,
    *retention.OPERATIONS,
    *connections.OPERATIONS,
    *quarantine.OPERATIONS,
    *reconciliations.OPERATIONS,
    *subscribers.OPERATIONS,
    *tokens.OPERATIONS,
    *accounts.OPERATIONS,
    *audit.OPERATIONS,
]


@cache
def _document() -> bytes:
    """The OpenAPI document. It takes a fifth of a second, so a process makes it once."""
    return msgspec.json.encode(document(OPERATIONS))


def add_routes(app: web.Application) -> None:
    """Put the API into the application: its operations, its document, and the shape of every error of every route."""
    app.middlewares.append(problems)
    app[RUNNING] = {}
    app[LANE] = BulkLane()
    app[RATES] = Rates(app[CONTEXT].settings.api_rate)
    for operation in OPERATIONS:
        if operation.method == "GET":
            app.router.add_get(operation.route, operation.dispatch)  # HEAD too
        else:
            app.router.add_route(operation.method, operation.route, operation.dispatch)
    add_document(app, _document())
