"""A Stripe that opens Checkout Sessions and does nothing else, and that a test tells when to fail and how."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from tests.world import NOW


class Till:
    """`sessions` by id, and `kept` answers by idempotency key. `script`: what befalls the next requests: `cut` (done, and
    the line is cut), `lost` (cut before it is done), `refuse`, `limit`; nothing: it is done and answered."""

    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.kept: dict[str, bytes] = {}
        self.script: list[str] = []
        self.asked: list[tuple[str, str]] = []
        self.forms: list[dict[str, str]] = []
        self.base = ""

    async def create(self, request: web.Request) -> web.StreamResponse:
        key = request.headers["Idempotency-Key"]
        form = dict(parse_qsl(await request.text(), keep_blank_values=True))
        befalls = self.script.pop(0) if self.script else ""
        self.asked.append(("create", key))
        if befalls == "lost":
            return self._cut(request)
        if befalls == "limit":
            return _error(429, "rate_limit_error", "Too many requests.")
        if befalls == "refuse":
            return _error(400, "invalid_request_error", "The amount is too small.", param="line_items")
        if befalls == "key":
            return _error(401, "invalid_request_error", "Invalid API Key provided.")
        if key not in self.kept:
            self.kept[key] = json.dumps(self._made(form)).encode()
            self.forms.append(form)
        return self._cut(request) if befalls == "cut" else _answer(self.kept[key])

    def _made(self, form: dict[str, str]) -> dict[str, Any]:
        items: dict[str, dict[str, str]] = {}
        for name, value in form.items():
            if name.startswith("line_items["):
                items.setdefault(name.split("]")[0], {})[name.rsplit("[", 1)[1].rstrip("]")] = value
        total = sum(int(item["unit_amount"]) * int(item["quantity"]) for item in items.values())
        id_ = f"cs_test_{len(self.sessions) + 1}"
        session = {
            "id": id_, "object": "checkout.session", "mode": "payment", "status": "open", "payment_status": "unpaid",
            "created": int(NOW) + 3, "expires_at": int(form["expires_at"]), "livemode": False, "url": f"https://pay.example/{id_}",
            "amount_total": total, "amount_subtotal": total, "currency": next(iter(items.values()))["currency"],
            "client_reference_id": form.get("client_reference_id"), "customer": None, "payment_intent": None,
            "metadata": {name[9:-1]: value for name, value in form.items() if name.startswith("metadata[")},
            "customer_email": form.get("customer_email"),
        }  # fmt: skip
        self.sessions[id_] = session
        return session

    async def expire(self, request: web.Request) -> web.StreamResponse:
        session = self.sessions[request.match_info["id"]]
        self.asked.append(("expire", session["id"]))
        if self.script and self.script.pop(0) == "cut":
            return self._cut(request)
        if session["status"] != "open":
            return _error(400, "invalid_request_error", f"It is {session['status']}.")
        session["status"], session["url"] = "expired", None
        return _answer(json.dumps(session).encode())

    async def list(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(("list", request.query_string))
        listed = list(self.sessions.values())[::-1]
        after = request.query.get("starting_after")
        start = next((place + 1 for place, one in enumerate(listed) if one["id"] == after), 0)
        page = listed[start : start + 2]
        more = len(listed) > start + 2
        return _answer(json.dumps({"object": "list", "data": page, "has_more": more, "url": "/"}).encode())

    @staticmethod
    def _cut(request: web.Request) -> web.StreamResponse:
        if request.transport:
            request.transport.close()
        return web.Response()


def _answer(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json", headers={"Request-Id": "req_1"})


def _error(status: int, kind: str, message: str, **more: str) -> web.Response:
    body = json.dumps({"error": {"type": kind, "message": message, **more}}).encode()
    return web.Response(body=body, status=status, content_type="application/json", headers={"Request-Id": "req_1"})


@asynccontextmanager
async def till() -> AsyncIterator[Till]:
    made, app = Till(), web.Application()
    app.router.add_post("/v1/checkout/sessions", made.create)
    app.router.add_post("/v1/checkout/sessions/{id}/expire", made.expire)
    app.router.add_get("/v1/checkout/sessions", made.list)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.base = "http://{}:{}".format(*runner.addresses[0][:2])
    try:
        yield made
    finally:
        await runner.cleanup()
