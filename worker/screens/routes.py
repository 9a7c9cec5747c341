"""Where the screens are."""

from __future__ import annotations

from aiohttp import web

from worker.screens import assets, sign_in, stream
from worker.screens.front import overview_page
from worker.screens.pages import PAGES, environment
from worker.screens.security import harden


def add_routes(app: web.Application) -> None:
    """Put the screens into the application: pages, stream, assets, and the headers that guard every answer."""
    app[PAGES] = environment()
    app.on_response_prepare.append(harden)
    app.on_startup.append(_start)
    app.on_shutdown.append(stream.end_streams)
    app.router.add_get("/", overview_page)
    app.router.add_get("/sign-in", sign_in.show)
    app.router.add_post("/sign-in", sign_in.sign_in)
    app.router.add_post("/sign-out", sign_in.sign_out)
    app.router.add_get("/stream/overview", stream.overview_stream)
    app.router.add_get("/stream/session", stream.session_state)
    app.router.add_get("/static/{name}", assets.serve)
    app.router.add_get("/favicon.ico", assets.favicon)


async def _start(app: web.Application) -> None:
    """What the screens keep in memory, made once the clock and the pool are there."""
    sign_in.start(app)
    stream.start(app)
