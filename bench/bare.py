"""The floor: an aiohttp handler on uvloop that reads the body and answers 200. `python -m bench.bare FD`."""

from __future__ import annotations

import asyncio
import socket
import sys

import uvloop
from aiohttp import web


async def answer(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(body=b'{"status":"bare"}', content_type="application/json")


async def main(descriptor: int) -> None:
    app = web.Application()
    app.router.add_post("/webhooks/{connection}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.SockSite(runner, socket.socket(fileno=descriptor), backlog=1024).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
