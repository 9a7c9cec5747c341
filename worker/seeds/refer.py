"""What the helpers of entries stand for: looked up together for many entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from handlers import seed
from handlers.errors import Refused
from handlers.seed import Reference
from schemas.seed import SeedType
from worker.seeds.problems import Problems
from worker.seeds.spool import Checked
from worker.store import seeds, templates
from worker.store.db import Pooled

_ALSO = {"identifiers": "identifier", "email": "identifier", "item_code": "sku", "title": "name"}
"""Other words for what records are found by."""
_PARENT = ("parent_id",)


async def resolved(
    connection: Pooled, account_id: str, batch: Sequence[Checked], problems: Problems
) -> tuple[list[tuple[Checked, dict[str, Any]]], list[Checked]]:
    """The entries with what their helpers stand for, and those whose parent is not there (yet). What names something
    else that is not there goes to `problems`."""
    wanted = {found for checked in batch for _, found in seed.references(checked.fields)}
    known = await _look_up(connection, account_id, wanted)
    ready: list[tuple[Checked, dict[str, Any]]] = []
    waiting: list[Checked] = []
    for checked in batch:
        named = list(seed.references(checked.fields))
        refused = [(path, found, why) for path, found in named if isinstance(why := known[found], Refused)]
        parent = next((found for path, found in named if path == _PARENT), None)
        if not refused:
            ready.append((checked, seed.replaced(checked.fields, lambda found: str(known[found]))))
        elif all(found == parent and why.code == "unknown" for _, found, why in refused):
            waiting.append(checked)
        else:
            for path, _, why in refused:
                field = ".".join(map(str, path))
                problems.refused(checked.entry, Refused(why.code, why.message, field=field, remedy=why.remedy))
    return ready, waiting


async def _look_up(connection: Pooled, account_id: str, wanted: set[Reference]) -> Mapping[Reference, str | Refused]:
    """What each stands for, or why nothing."""
    found: dict[Reference, str | Refused] = {}
    by_type: dict[str, list[Reference]] = {}
    for reference in wanted:
        by_type.setdefault(seed.plural(reference.type), []).append(reference)
    for type_, references in sorted(by_type.items()):
        if type_ == "templates":
            found.update(await _templates(connection, account_id, references))
            continue
        known = seeds.attributes(type_)
        for reference in references:
            attribute = _attribute(reference, known)
            if reference.attribute is not None and attribute is None:
                what = f"{reference.attribute} of {type_}" if known else reference.type
                remedy = f"Use {', '.join((*known, 'external_id'))}." if known else "See docs/seeds.md."
                found[reference] = Refused("invalid", f"Nothing is found by {what}.", remedy=remedy)
        open_ = [reference for reference in references if reference not in found]
        for attribute in ("external_id", *known) if type_ != "orders" else known:
            asked = [r for r in open_ if _attribute(r, known) in (attribute, None) and r not in found]
            if asked:
                found.update(await _of(connection, account_id, type_, attribute, asked))
        for reference in open_:
            found.setdefault(
                reference,
                Refused(
                    "unknown",
                    f"None of the {type_} here has {reference}.",
                    remedy="Put it into the file, or make it first.",
                ),
            )
    return found


def _attribute(reference: Reference, known: Sequence[str]) -> str | None:
    name = reference.attribute
    if name is None or name in known or name == "external_id":
        return name
    other = _ALSO.get(name)
    return other if other in known else None


async def _of(
    connection: Pooled, account_id: str, type_: str, attribute: str, asked: Sequence[Reference]
) -> dict[Reference, str | Refused]:
    values = [reference.value for reference in asked]
    if attribute == "external_id" and type_ != "orders":
        if type_[:-1] not in set(SeedType):
            return {}
        rows = await seeds.find(connection, account_id, SeedType(type_[:-1]), [f"external_id::{v}" for v in values])
        ids = {key.removeprefix("external_id::"): {id_} for key, (id_, _) in rows.items()}
    else:
        ids = await seeds.look_up(connection, account_id, type_, attribute, values)
    names = await seeds.names_of(connection, account_id, type_, (id_ for some in ids.values() for id_ in some))
    found: dict[Reference, str | Refused] = {}
    for reference in asked:
        of = ids.get(reference.value, set())
        if len(of) > 1:
            found[reference] = Refused(
                "ambiguous", f"More than one of the {type_} has {reference}.", remedy="Refer to it by what only it has."
            )
        elif of:
            found[reference] = names[next(iter(of))]
    return found


async def _templates(
    connection: Pooled, account_id: str, references: Sequence[Reference]
) -> dict[Reference, str | Refused]:
    there = [one for one, _ in await templates.list_(connection, account_id)]
    known = {name: one.slug for one in there for name in (one.name, one.slug)}
    return {
        reference: known.get(reference.value)
        or Refused(
            "unknown", f"No order template has {reference}.", remedy="GET /api/v1/templates lists those that there are."
        )
        for reference in references
    }
