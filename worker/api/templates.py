"""Order templates over the API (T1)."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from handlers import template as rules
from handlers.errors import Refused
from schemas.account import Permission
from schemas.api.template import Children, TemplateBody, TemplateCreate, TemplateList, TemplatePatch
from schemas.order import OrderType, Status
from schemas.template import Template
from worker.api.operation import Ask, Operations, answer, missing
from worker.store import templates
from worker.store.db import acquire, transaction

OPERATIONS = Operations("templates")
_BY_SLUG: dict[str, Any] = {"answer": TemplateBody, "headers": ("ETag",)}


@OPERATIONS.declare("GET", "/templates", "List order templates", answer=TemplateList)
async def list_templates(ask: Ask) -> web.Response:
    """The built-in ones, one for each type, and the account's own."""
    async with acquire(ask.ctx.pool) as connection:
        found = await templates.list_(connection, ask.actor.account_id)
    return answer(TemplateList(items=[_body(*one) for one in found]))


@OPERATIONS.declare("GET", "/templates/{slug}", "Get an order template", **_BY_SLUG)
async def get_template(ask: Ask, slug: str) -> web.Response:
    """By its slug."""
    async with acquire(ask.ctx.pool) as connection:
        found = await templates.find(connection, ask.actor.account_id, slug)
    return _shown(*found) if found else missing("templates")


@OPERATIONS.declare(
    "POST",
    "/templates",
    "Create an order template",
    permission=Permission.SETTINGS_MANAGE,
    body=TemplateCreate,
    answer=TemplateBody,
    statuses={201: "Created."},
    errors=(409,),
    headers=("ETag", "Location"),
)
async def create_template(ask: Ask, body: TemplateCreate) -> web.Response:
    """A built-in template is changed with PATCH; its slug is taken."""
    base = rules.BUILT_IN[body.type]
    made = Template(
        slug=body.slug,
        name=body.name,
        type=body.type,
        title=body.title or base.title,
        slug_pattern=body.slug_pattern or base.slug_pattern,
        children=base.children if body.children is None else _children(body.children),
        price_list=body.price_list,
        moves_stock=body.moves_stock,
    )
    rules.check(made)
    async with transaction(ask.ctx.pool) as connection:
        if not await templates.add(connection, ask.actor.account_id, made):
            raise Refused(
                "slug_taken", f"There is a template {body.slug} already.", field="slug",
                remedy="Use another slug, or PATCH that template.",
            )  # fmt: skip
    response = _shown(made, 1, status=201)
    response.headers["Location"] = f"/api/v1/templates/{body.slug}"
    return response


@OPERATIONS.declare(
    "PATCH",
    "/templates/{slug}",
    "Change an order template",
    permission=Permission.SETTINGS_MANAGE,
    body=TemplatePatch,
    errors=(412,),
    **_BY_SLUG,
)
async def change_template(ask: Ask, slug: str, body: TemplatePatch) -> web.Response:
    """Orders that exist keep their names. A built-in template becomes the account's own by it; DELETE brings the
    built-in one back."""
    async with transaction(ask.ctx.pool) as connection:
        found = await templates.find(connection, ask.actor.account_id, slug, hold=True)
        if found is None:
            return missing("templates")
        held, version = found
        ask.expected(version)
        given = body.model_dump(exclude_unset=True)
        if "children" in given:
            given["children"] = _children(given["children"])
        changed = msgspec.structs.replace(held, built_in=False, **given)
        rules.check(changed)
        await templates.put(connection, ask.actor.account_id, changed)
    return _shown(changed, version + 1)


@OPERATIONS.declare(
    "DELETE",
    "/templates/{slug}",
    "Delete an order template",
    permission=Permission.SETTINGS_MANAGE,
    statuses={204: "It is gone, or a built-in one is as it was."},
)
async def delete_template(ask: Ask, slug: str) -> web.Response:
    """Orders that were made from it keep its slug; which children they may have is then their type's built-in rule."""
    async with transaction(ask.ctx.pool) as connection:
        gone = await templates.delete(connection, ask.actor.account_id, slug)
    return web.Response(status=204) if gone or slug in rules.BUILT_IN else missing("templates")


def _children(given: Children) -> dict[OrderType, tuple[Status, ...]]:
    return {OrderType(type_): tuple(map(Status, statuses)) for type_, statuses in given.items()}


def _body(template: Template, version: int) -> TemplateBody:
    return TemplateBody.model_validate({**msgspec.to_builtins(template), "version": version})


def _shown(template: Template, version: int, *, status: int = 200) -> web.Response:
    return answer(_body(template, version), status, ETag=f'"{version}"')
