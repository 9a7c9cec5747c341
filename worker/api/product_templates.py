"""Product templates over the API: extra columns and formulas."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from schemas.account import Permission
from schemas.api.product_template import (
    ProductTemplateBody,
    ProductTemplateCreate,
    ProductTemplatePage,
    ProductTemplatePatch,
    ProductTemplateQuery,
)
from worker.actions import records as actions
from worker.actions.product_templates import fit
from worker.api.operation import Ask, Operations
from worker.api.records import Resource, given, whole
from worker.store import product_templates

OPERATIONS = Operations("product-templates")
_RESOURCE = Resource(
    "product-templates", product_templates.RECORDS, lambda row: ProductTemplateBody(**row), ProductTemplatePage
)


@OPERATIONS.declare(
    "GET", "/product-templates", "List product templates", query=ProductTemplateQuery, answer=ProductTemplatePage
)
async def list_product_templates(ask: Ask, query: ProductTemplateQuery) -> web.Response:
    """Newest first. All filters given must hold."""
    return await _RESOURCE.list(ask, query)


@OPERATIONS.declare(
    "GET",
    "/product-templates/{product_template_id}",
    "Get a product template",
    answer=ProductTemplateBody,
    headers=("ETag",),
)
async def get_product_template(ask: Ask, product_template_id: str) -> web.Response:
    """The extra columns of a kind of products."""
    return await _RESOURCE.get(ask, product_template_id)


@OPERATIONS.declare(
    "POST",
    "/product-templates",
    "Create a product template",
    permission=Permission.SETTINGS_MANAGE,
    body=ProductTemplateCreate,
    answer=ProductTemplateBody,
    statuses={201: "Created."},
    errors=(409,),
    headers=("ETag", "Location"),
)
async def create_product_template(ask: Ask, body: ProductTemplateCreate) -> web.Response:
    """Formulas are checked here: one that cannot be read, speaks of what is not there, or needs itself is refused with
    422 that names the column (`columns.2.formula`).
    """
    product_template_id = await actions.create(
        ask.ctx, ask.actor.account_id, product_templates.RECORDS, whole(body), fit
    )
    return await _RESOURCE.get(ask, product_template_id, created=True)


@OPERATIONS.declare(
    "PATCH",
    "/product-templates/{product_template_id}",
    "Change a product template",
    permission=Permission.SETTINGS_MANAGE,
    body=ProductTemplatePatch,
    answer=ProductTemplateBody,
    errors=(409, 412),
    headers=("ETag",),
)
async def change_product_template(ask: Ask, product_template_id: str, body: ProductTemplatePatch) -> web.Response:
    """Only the fields given are changed; `columns` are checked as at first. Products keep their attributes, also
    those whose column went.
    """
    write = partial(
        actions.change,
        ask.ctx,
        ask.actor.account_id,
        product_templates.RECORDS,
        product_template_id,
        given(body),
        fit=fit,
    )
    return await _RESOURCE.change(ask, product_template_id, write)
