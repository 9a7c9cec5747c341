"""Product templates: the extra columns of products and of tables of lines."""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.catalog import Column
from worker.store.db import Pooled
from worker.store.records import Records, Row

RECORDS = Records("product_templates")


def columns(stored: Any) -> tuple[Column, ...]:
    """A template's columns from its row."""
    return msgspec.convert(stored, tuple[Column, ...])


async def of_slug(connection: Pooled, account_id: str, slug: str) -> Row | None:
    """`id`, `columns`, `archived` of the template of a slug."""
    return await connection.fetchrow(RECORDS.sql["of_slug"], account_id, slug)


async def columns_of(connection: Pooled, account_id: str, template_id: str) -> tuple[Column, ...]:
    """The columns of a template that there is."""
    return columns(await connection.fetchval(RECORDS.sql["columns_of"], account_id, template_id))
