"""An operation of the API, declared once: from it the request is admitted, validated and dispatched, and the document
at /api/openapi.json is written.

A handler is called with `ask` and, by name, the path's ids, `query` and `body` where the operation has them.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ValidationError

from handlers import access
from handlers.errors import Refused
from schemas.account import Actor, Permission, Reach
from schemas.api.fields import SLUG, UUID
from schemas.provider import Lane
from worker.api import audited
from worker.api.bodies import read, unambiguous
from worker.api.guard import admit
from worker.api.idempotency import HEADER, once
from worker.api.refusals import invalid
from worker.context import CONTEXT, Context
from worker.problems import problem

PREFIX = "/api/v1"
JSON = "application/json"
_PARAMETER = re.compile(r"\{(\w+)\}")
_PATTERNS = {"slug": SLUG, "lane": f"^(?:{'|'.join(Lane)})$"}


@dataclass(frozen=True)
class Ask:
    """One admitted request. Whatever is written belongs to `actor.account_id`; what is read is within `reach`."""

    ctx: Context
    actor: Actor
    request: web.Request

    @property
    def reach(self) -> Reach:
        return access.reach(self.actor)

    def expected(self, version: int) -> int | None:
        """The version that a change of a row, which is at this one, is for: None without `If-Match`, where any will do.
        Raises Refused (`version`) where `If-Match` asks for another."""
        tags = [tag.strip() for header in self.request.headers.getall("If-Match", []) for tag in header.split(",")]
        if not tags:
            return None
        if "*" not in tags and f'"{version}"' not in tags:
            raise Refused(
                "version",
                f"It is at version {version} now.",
                remedy="Get it again and repeat the change with its ETag.",
            )
        return version


Handler = Callable[..., Awaitable[web.Response]]


def pattern_of(parameter: str) -> str:
    """What a parameter of a path looks like: an id, unless its name says otherwise."""
    return _PATTERNS.get(parameter, UUID)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """`answer` is the model of the good answer, or a media type, or None for an empty one; `answers` are those of
    statuses that answer with another; `statuses` are the good statuses with what each means; `body_optional`: no body
    is as good as an empty object; `errors` are those beyond what the declaration implies. `registry`: it is about what
    the order registry holds, and refused while that is off (O13); `secret`: its good answer holds a secret."""

    method: str
    path: str
    name: str
    summary: str
    description: str
    tag: str
    handler: Handler
    permission: Permission | None
    query: type[BaseModel] | None
    body: type[BaseModel] | None
    body_optional: bool
    answer: type[BaseModel] | str | None
    answers: Mapping[int, type[BaseModel]]
    statuses: Mapping[int, str]
    errors: tuple[int, ...]
    headers: tuple[str, ...]
    registry: bool
    secret: bool

    @property
    def parameters(self) -> list[str]:
        return _PARAMETER.findall(self.path)

    @property
    def route(self) -> str:
        """The path as aiohttp matches it. Only an id stands where an id belongs, so `/orders/bulk` is one thing."""
        return _PARAMETER.sub(lambda found: f"{{{found[1]}:{pattern_of(found[1]).strip('^$')}}}", self.path)

    @property
    def all_errors(self) -> list[int]:
        """Every error that it may answer with."""
        implied = {401, 429, 500, 503, *self.errors}
        if self.permission or self.registry:
            implied.add(403)
        if self.parameters:
            implied.add(404)
        if self.query:
            implied.add(422)
        if self.body:
            implied |= {400, 408, 413, 415, 422}
        if self.method == "POST":  # it may carry an Idempotency-Key, whose body is looked at whatever it is
            implied |= {400, 408, 409, 413, 415, 422}
        return sorted(implied)

    async def dispatch(self, request: web.Request) -> web.Response:
        actor = await admit(request, self.permission)
        if isinstance(actor, web.Response):
            return actor
        if self.registry:
            access.check_registry(actor)
        if self.method != "POST" or HEADER not in request.headers:
            return await self._work(request, actor)
        return await once(request, actor, await read(request), lambda: self._work(request, actor), secret=self.secret)

    async def _work(self, request: web.Request, actor: Actor) -> web.Response:
        given: dict[str, Any] = dict(request.match_info)
        refused = self._read_query(request, given) or await self._read_body(request, given)
        if refused is not None:
            return refused
        response = await self.handler(Ask(request.app[CONTEXT], actor, request), **given)
        response.headers.setdefault("Cache-Control", "no-store")
        await audited.keep(request, actor, self, given.get("body"), response)
        return response

    def _read_query(self, request: web.Request, given: dict[str, Any]) -> web.Response | None:
        repeated = sorted(name for name in set(request.query) if len(request.query.getall(name)) > 1)
        if repeated:
            error = {"field": repeated[0][:200], "in": "query", "message": "given more than once"}
            return problem(422, "A parameter of the query was given more than once.", code="invalid", errors=[error])
        if self.query is None:
            return None
        try:
            given["query"] = self.query.model_validate_strings(dict(request.query))
        except ValidationError as error:
            return invalid(error, "query")
        except UnicodeEncodeError:
            return problem(422, "The query is not UTF-8. Percent-encode it as UTF-8.", code="invalid")
        return None

    async def _read_body(self, request: web.Request, given: dict[str, Any]) -> web.Response | None:
        if self.body is None:
            return None
        content = await read(request)
        if self.body_optional and not content:
            given["body"] = self.body()
            return None
        if not _is_json(request):
            return problem(415, "Send application/json, without Content-Encoding.")
        try:
            given["body"] = self.body.model_validate_json(content, strict=True)
        except ValidationError as error:
            return invalid(error, "body")
        return unambiguous(content)


def _is_json(request: web.Request) -> bool:
    """Whether the body says that it is JSON, or says nothing."""
    if "Content-Type" not in request.headers:
        return True
    media = request.content_type.lower()
    return media == JSON or (media.startswith("application/") and media.endswith("+json"))


def missing(noun: str) -> web.Response:
    """The 404 for what is not there, or is another account's: the two look alike."""
    return problem(404, f"There is nothing of this id among your {noun}.", code="not_found")


def answer(model: BaseModel, status: int = 200, **headers: str) -> web.Response:
    """The model as JSON. Header names are given with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = model.model_dump_json(by_alias=True).encode()
    return web.Response(body=body, status=status, content_type=JSON, headers=named)


class Operations(list[Operation]):
    """The operations of one noun, in the order in which they are documented. `registry`: see Operation."""

    def __init__(self, tag: str, *, registry: bool = False) -> None:
        super().__init__()
        self.tag, self.registry = tag, registry

    def declare(
        self,
        method: str,
        path: str,
        summary: str,
        *,
        permission: Permission | None = None,
        query: type[BaseModel] | None = None,
        body: type[BaseModel] | None = None,
        body_optional: bool = False,
        answer: type[BaseModel] | str | None = None,
        answers: Mapping[int, type[BaseModel]] | None = None,
        statuses: Mapping[int, str] | None = None,
        errors: tuple[int, ...] = (),
        headers: tuple[str, ...] = (),
        registry: bool | None = None,
        secret: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Make the decorated function the handler of an operation, named after it and described by its docstring.
        `registry` is as for the noun, unless given."""

        def keep(handler: Handler) -> Handler:
            self.append(
                Operation(
                    method=method,
                    path=PREFIX + path,
                    name=handler.__name__,
                    summary=summary,
                    description=inspect.getdoc(handler) or "",
                    tag=self.tag,
                    handler=handler,
                    permission=permission,
                    query=query,
                    body=body,
                    body_optional=body_optional,
                    answer=answer,
                    answers=answers or {},
                    statuses=statuses or {200: "As asked."},
                    errors=errors,
                    headers=headers,
                    registry=self.registry if registry is None else registry,
                    secret=secret,
                )
            )
            return handler

        return keep
