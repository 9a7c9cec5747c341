"""Order templates: the built-in ones, and an account's own, which take the place of a built-in one of their slug."""

from __future__ import annotations

from asyncpg import Record

from handlers.errors import Refused
from handlers.template import BUILT_IN
from schemas.order import Order, OrderType, Status
from schemas.template import Template
from worker.ids import new_id
from worker.store.db import Pooled
from worker.store.statements import statements

_SQL = statements("templates")


async def find(connection: Pooled, account_id: str, slug: str, *, hold: bool = False) -> tuple[Template, int] | None:
    """The template of a slug and its version (0: built in); None where there is none. `hold`: until the transaction
    ends, nobody else changes it."""
    row = await connection.fetchrow(_SQL["hold_template" if hold else "get_template"], account_id, slug)
    if row is not None:
        return _template(row), row["version"]
    return (BUILT_IN[slug], 0) if slug in BUILT_IN else None


async def get(connection: Pooled, account_id: str, slug: str) -> Template:
    """As `find`; Refused where there is none."""
    found = await find(connection, account_id, slug)
    if found is None:
        raise unknown(slug)
    return found[0]


def unknown(slug: str) -> Refused:
    return Refused(
        "template_unknown", f"There is no order template {slug}.", field="template",
        remedy="See GET /api/v1/templates for those that there are.",
    )  # fmt: skip


async def of_order(connection: Pooled, account_id: str, order: Order) -> Template:
    """The template that an order was made from; its type's built-in one where that is gone."""
    found = await find(connection, account_id, order.template)
    return found[0] if found and found[0].type == order.type else BUILT_IN[order.type]


async def list_(connection: Pooled, account_id: str) -> list[tuple[Template, int]]:
    """Every template with its version, by slug."""
    own = {
        row["slug"]: (_template(row), row["version"])
        for row in await connection.fetch(_SQL["list_templates"], account_id)
    }
    built_in = {slug: (template, 0) for slug, template in BUILT_IN.items()}
    return [found for _, found in sorted({**built_in, **own}.items())]


async def add(connection: Pooled, account_id: str, template: Template) -> bool:
    """Whether it was added: its slug was free."""
    if template.slug in BUILT_IN:
        return False
    return bool(await connection.fetchval(_SQL["add_template"], *_row(account_id, template)))


async def put(connection: Pooled, account_id: str, template: Template) -> None:
    """Make it what the template of its slug is."""
    await connection.execute(_SQL["put_template"], *_row(account_id, template))


def _row(account_id: str, template: Template) -> list[object]:
    allowed = {type_: list(statuses) for type_, statuses in template.children.items()}
    return [
        account_id, new_id(), template.slug, template.name, template.type, template.title, template.slug_pattern,
        allowed, template.price_list, template.moves_stock,
    ]  # fmt: skip


async def delete(connection: Pooled, account_id: str, slug: str) -> bool:
    return bool(await connection.fetchval(_SQL["delete_template"], account_id, slug))


async def next_number(connection: Pooled, account_id: str, slug: str) -> int:
    """The next serial number of a template. Without gaps: it is given back if the transaction is."""
    number: int = await connection.fetchval(_SQL["next_number"], account_id, slug)
    return number


def _template(row: Record) -> Template:
    return Template(
        slug=row["slug"],
        name=row["name"],
        type=OrderType(row["type"]),
        title=row["title"],
        slug_pattern=row["slug_pattern"],
        children={OrderType(type_): tuple(map(Status, statuses)) for type_, statuses in row["children"].items()},
        price_list=row["price_list"],
        moves_stock=row["moves_stock"],
    )
