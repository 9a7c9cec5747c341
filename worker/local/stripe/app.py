"""The stand-in over HTTP: `/v1/...` as Stripe answers it, with idempotency keys and the trouble that was scripted."""

from __future__ import annotations

import asyncio
import base64
import re
from collections import deque
from typing import Any

import msgspec
from aiohttp import web

from worker.local.stripe.books import Books
from worker.local.stripe.form import Params, nested, pairs
from worker.local.stripe.keys import Answer, Keys
from worker.local.stripe.operations import OPERATIONS, Operation
from worker.local.stripe.problem import Problem, broken, invalid, limited, unauthorized
from worker.local.stripe.trouble import Trouble

REQUESTS = 100_000
BODY_BYTES = 1024**2
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(\.[a-z]+)?")
_TEST_KEY = re.compile(r"(sk|rk)_test_\S+")


class Request(msgspec.Struct):
    """A request that came, for tests to look at. `status` is None while it hangs and where the line was cut."""

    id: str
    operation: str
    method: str
    path: str
    params: dict[str, Any]
    idempotency_key: str | None
    trouble: str | None = None
    status: int | None = None
    replayed: bool = False


class Api:
    """Stripe's API. `troubles` are used up in their order."""

    def __init__(self, books: Books, keys: Keys) -> None:
        self.books, self.keys = books, keys
        self.troubles: list[Trouble] = []
        self.requests: deque[Request] = deque(maxlen=REQUESTS)
        self.hanging = asyncio.Event()
        """Set: whoever hangs goes on. A new one is there for the next."""

    def routes(self) -> list[web.RouteDef]:
        found = [web.route(one.method, one.path, self._handler(one), allow_head=False) if one.method == "GET"
                 else web.route(one.method, one.path, self._handler(one)) for one in OPERATIONS]  # fmt: skip
        return [*found, web.route("*", "/v1{rest:.*}", self._unplayed)]

    def let_go(self) -> None:
        """End the hanging of all requests that hang now."""
        self.hanging.set()
        self.hanging = asyncio.Event()

    async def _unplayed(self, request: web.Request) -> web.StreamResponse:
        message = f"Unrecognized request URL ({request.method}: {request.path})."
        return self._problem(Problem(404, {"message": message, "type": "invalid_request_error"}), self._new_id())

    def _handler(self, operation: Operation) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            id_ = self._new_id()
            try:
                return await self._serve(operation, request, id_)
            except Problem as problem:
                if self.requests and self.requests[-1].id == id_:
                    self.requests[-1].status = problem.status
                return self._problem(problem, id_)

        return handle

    async def _serve(self, operation: Operation, request: web.Request, id_: str) -> web.StreamResponse:
        api_key = _api_key(request)
        version = request.headers.get("Stripe-Version", self.books.version)
        if not _VERSION.fullmatch(version):
            raise invalid(f"Invalid Stripe API version: {version}")
        in_address = request.method in ("GET", "DELETE")
        text = request.query_string if in_address else (await request.read()).decode("utf-8", "replace")
        given = pairs(text)
        params = Params(nested(given))
        key = request.headers.get("Idempotency-Key") if operation.writes else None
        heard = Request(id_, operation.name, request.method, request.path, params.values, key)
        self.requests.append(heard)
        ids = list(request.match_info.values())
        trouble = self._trouble(operation, params, ids)
        if trouble:
            heard.trouble = trouble.kind
            if trouble.kind in ("rate_limit", "lock_timeout"):
                raise limited(trouble.kind, trouble.retry_after_s)
            if trouble.kind == "cut_before":
                return _cut(request)
        asked = msgspec.json.encode([request.method, request.path, sorted(given)])
        kept = self.keys.begin(api_key, key, asked) if key else None
        if kept is None:
            if trouble and trouble.kind == "hang_before":
                await self.hanging.wait()
            answer = self._work(operation, params, ids, id_, key, api_key, trouble)
        else:
            answer, heard.replayed = kept, True
        return await self._send(request, answer, heard, trouble)

    def _work(
        self, operation: Operation, params: Params, ids: list[str], id_: str, key: str | None, api_key: str,
        trouble: Trouble | None,
    ) -> Answer:  # fmt: skip
        """Do it, and settle what the key remembers. Raises Problem for what a key does not remember."""
        self.books.request = {"id": id_, "idempotency_key": key}
        answer: Answer | None = None
        try:
            if trouble and trouble.kind == "error_before":
                raise broken()
            found = operation.answer(self.books, params, ids)
            if trouble and trouble.kind == "error_after":
                raise broken()
            answer = Answer(200, _encoded(found), id_)
        except Problem as problem:
            if not problem.kept:
                raise
            answer = Answer(problem.status, _encoded({"error": problem.error}), id_)
        finally:
            self.books.request = {"id": None, "idempotency_key": None}
            if key:
                self.keys.end(api_key, key, answer)
        return answer

    async def _send(
        self, request: web.Request, answer: Answer, heard: Request, trouble: Trouble | None
    ) -> web.StreamResponse:
        kind = trouble.kind if trouble else None
        if kind == "cut_after":
            return _cut(request)
        if kind == "hang_after":
            await self.hanging.wait()
        if kind == "gateway":
            heard.status = 502
            return web.Response(status=502, text="<html><h1>Bad Gateway</h1></html>", content_type="text/html")
        headers = self._headers(heard.id, heard.idempotency_key)
        if heard.replayed:
            headers |= {"Idempotent-Replayed": "true", "Original-Request": answer.request_id}
        if kind == "cut_body":
            return await _cut_body(request, answer, headers)
        heard.status = answer.status
        return web.Response(status=answer.status, body=answer.body, headers=headers)

    def _trouble(self, operation: Operation, params: Params, ids: list[str]) -> Trouble | None:
        """The first that was scripted for a request like this one."""
        known = self.books.known(ids[0]) if ids else None
        intent = known if known and known["object"] == "payment_intent" else {}
        customer = params.values.get("customer") or intent.get("customer")
        method = params.values.get("payment_method") or intent.get("payment_method")
        for trouble in self.troubles:
            if trouble.fits(operation.name, operation.writes, customer, method):
                trouble.times -= 1
                return trouble
        return None

    def _problem(self, problem: Problem, id_: str) -> web.Response:
        headers = self._headers(id_, None) | problem.headers
        return web.Response(status=problem.status, body=_encoded({"error": problem.error}), headers=headers)

    def _headers(self, id_: str, key: str | None) -> dict[str, str]:
        found = {"Content-Type": "application/json", "Request-Id": id_, "Stripe-Version": self.books.version}
        return found | ({"Idempotency-Key": key} if key else {})

    def _new_id(self) -> str:
        return self.books.new_id("req")


def _encoded(body: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(body), indent=2)


def _api_key(request: web.Request) -> str:
    """The key of `Authorization`: a bearer token, or a user name as curl's -u sends it. Raises Problem (401)."""
    header = request.headers.get("Authorization", "")
    if header.startswith("Basic "):
        try:
            told = base64.b64decode(header.removeprefix("Basic "), validate=True).decode()
            header = f"Bearer {told.partition(':')[0]}"
        except ValueError:
            header = ""
    key = header.removeprefix("Bearer ").strip()
    if not key or not header.startswith("Bearer "):
        raise unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
    if "_live_" in key:
        raise unauthorized("This is a stand-in for Stripe: it takes no live key. Use any that begins with sk_test_.")
    if not _TEST_KEY.fullmatch(key):
        raise unauthorized(f"Invalid API Key provided: {key[:7]}{'*' * 8}")
    return key


def _cut(request: web.Request) -> web.Response:
    """End the connection without a byte of an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _cut_body(request: web.Request, answer: Answer, headers: dict[str, str]) -> web.StreamResponse:
    """Promise the whole answer, send half of it."""
    half = web.StreamResponse(status=answer.status, headers=headers | {"Content-Length": str(len(answer.body))})
    await half.prepare(request)
    await half.write(answer.body[: len(answer.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return half
