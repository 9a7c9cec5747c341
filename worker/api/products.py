"""Products over the API."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from schemas.account import Permission
from schemas.api.product import ProductBody, ProductCreate, ProductPage, ProductPatch, ProductQuery
from worker.actions import records as actions
from worker.actions.products import fit
from worker.api.operation import Ask, Operations
from worker.api.records import Resource, given, whole
from worker.store import products
from worker.store.records import Row

OPERATIONS = Operations("products")


def _body(row: Row) -> ProductBody:
    return ProductBody(**{**row, "tax_rate": products.rate(row["tax_rate"])})


_RESOURCE = Resource("products", products.RECORDS, _body, ProductPage)


@OPERATIONS.declare("GET", "/products", "List products", query=ProductQuery, answer=ProductPage)
async def list_products(ask: Ask, query: ProductQuery) -> web.Response:
    """Newest first. All filters given must hold."""
    return await _RESOURCE.list(ask, query)


@OPERATIONS.declare("GET", "/products/{product_id}", "Get a product", answer=ProductBody, headers=("ETag",))
async def get_product(ask: Ask, product_id: str) -> web.Response:
    """One thing, or one kind of service, that is sold."""
    return await _RESOURCE.get(ask, product_id)


@OPERATIONS.declare(
    "POST",
    "/products",
    "Create a product",
    permission=Permission.CRM_MANAGE,
    body=ProductCreate,
    answer=ProductBody,
    statuses={201: "Created."},
    errors=(409,),
    headers=("ETag", "Location"),
)
async def create_product(ask: Ask, body: ProductCreate) -> web.Response:
    """A sku belongs to one product: 409 where one has it. Attributes are those that the product template asks for."""
    product_id = await actions.create(ask.ctx, ask.actor.account_id, products.RECORDS, whole(body), fit)
    return await _RESOURCE.get(ask, product_id, created=True)


@OPERATIONS.declare(
    "PATCH",
    "/products/{product_id}",
    "Change a product",
    permission=Permission.CRM_MANAGE,
    body=ProductPatch,
    answer=ProductBody,
    errors=(409, 412),
    headers=("ETag",),
)
async def change_product(ask: Ask, product_id: str, body: ProductPatch) -> web.Response:
    """Only the fields given are changed. Lines of orders are what they were when they were sold. A product is not
    deleted but archived: then it fills in no new lines.
    """
    write = partial(actions.change, ask.ctx, ask.actor.account_id, products.RECORDS, product_id, given(body), fit=fit)
    return await _RESOURCE.change(ask, product_id, write)
