"""Where the screens are."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from worker.context import CONTEXT
from worker.screens import assets, sign_in, stream
from worker.screens.ops import (
    audit,
    connection,
    connections,
    dead_letters,
    event,
    events,
    lanes,
    overview,
    retention,
    workers,
)
from worker.screens.ops.counts import COUNTS, Counts
from worker.screens.ops.looks import LOOKS, Looks
from worker.screens.pages import PAGES, environment
from worker.screens.sales import (
    checkouts,
    customers,
    deals,
    find,
    order,
    order_form,
    orders,
    payments,
    recurring_order,
    recurring_orders,
    reports,
)
from worker.screens.sales.funnel import FUNNELS, Funnels
from worker.screens.screen import STREAM, Screen
from worker.screens.security import harden

SCREENS: tuple[Screen, ...] = (
    *overview.SCREENS,
    *events.SCREENS,
    *event.SCREENS,
    *dead_letters.SCREENS,
    *orders.SCREENS,
    *payments.SCREENS,
    *order.SCREENS,
    *order_form.SCREENS,
    *customers.SCREENS,
    *deals.SCREENS,
    *reports.SCREENS,
    *find.SCREENS,
    *recurring_orders.SCREENS,
    *recurring_order.SCREENS,
    *checkouts.SCREENS,
    *lanes.SCREENS,
    *workers.SCREENS,
    *connections.SCREENS,
    *connection.SCREENS,
    *audit.SCREENS,
    *retention.SCREENS,
)


def add_routes(app: web.Application) -> None:
    """Put the screens into the application: pages, streams, assets, and the headers that guard every answer."""
    app[PAGES] = environment()
    app.on_response_prepare.append(harden)
    app.on_startup.append(_start)
    app.on_shutdown.append(stream.end_streams)
    app.router.add_get("/sign-in", sign_in.show)
    app.router.add_post("/sign-in", sign_in.sign_in)
    app.router.add_post("/sign-out", sign_in.sign_out)
    app.router.add_get("/stream-session", stream.session_state)
    app.router.add_get("/static/{name}", assets.serve)
    app.router.add_get("/favicon.ico", assets.favicon)
    for screen in SCREENS:
        app.router.add_get(screen.route, screen.page)
        if screen.live:
            app.router.add_get(f"{STREAM}{screen.route}", partial(stream.stream, screen=screen))


async def _start(app: web.Application) -> None:
    """What the screens keep in memory, made once the clock and the pool are there."""
    sign_in.start(app)
    stream.start(app)
    app[LOOKS] = Looks(app[CONTEXT].pool, app[CONTEXT].clock)
    app[COUNTS] = Counts(app[CONTEXT].pool, app[CONTEXT].clock)
    app[events.GIVEN_UP] = {}
    app[FUNNELS] = Funnels(app[CONTEXT].pool)
