"""Lists by cursor, the newest first, and `expand`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

from worker.local.stripe.books import Books
from worker.local.stripe.form import Params
from worker.local.stripe.objects import Object
from worker.local.stripe.problem import invalid, missing
from worker.local.stripe.sessions import line_items

EXPANDABLE = frozenset({
    "balance_transaction", "charge", "customer", "failure_balance_transaction", "latest_charge", "payment_intent",
    "payment_method",
})  # fmt: skip
PAGING = ("created", "ending_before", "expand", "limit", "starting_after")
_DEEP = 4


def page(url: str, newest_last: Iterable[Object], params: Params) -> Object:
    """A page of what is given oldest first. `starting_after` goes on to older ones, `ending_before` to newer."""
    created = params.part("created")
    limits = [(name, created.integer(name, high=10**11)) for name in created.values] if created else []
    exact = params.text("created") if isinstance(params.values.get("created"), str) else None
    rows = [
        row
        for row in newest_last
        if all(_TESTS[name](row["created"], bound) for name, bound in limits if name in _TESTS and bound is not None)
        and exact in (None, str(row["created"]))
    ]
    rows.reverse()
    limit = params.integer("limit", 10, low=1, high=100) or 10
    after, before = params.text("starting_after"), params.text("ending_before")
    ids = [row["id"] for row in rows]
    for name, cursor in (("starting_after", after), ("ending_before", before)):
        if cursor is not None and cursor not in ids:
            raise missing("object", cursor, name)
    if before is not None:
        newer = rows[: ids.index(before)]
        return _list(url, newer[-limit:], more=len(newer) > limit)
    older = rows[ids.index(after) + 1 :] if after is not None else rows
    return _list(url, older[:limit], more=len(older) > limit)


_TESTS: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda value, bound: value > bound,
    "gte": lambda value, bound: value >= bound,
    "lt": lambda value, bound: value < bound,
    "lte": lambda value, bound: value <= bound,
}


def _list(url: str, rows: list[Object], *, more: bool) -> Object:
    return {"object": "list", "data": rows, "has_more": more, "url": url}


def shown(books: Books, made: Object, params: Params) -> Object:
    """A copy of an answer, with what was asked for put in the place of its id."""
    found = copy.deepcopy(made)
    for path in params.texts("expand"):
        parts = path.split(".")
        if len(parts) > _DEEP:
            raise invalid("You cannot expand more than 4 levels of a property.", "expand")
        _expand(books, found, parts, path)
    return found


def _expand(books: Books, place: Any, parts: list[str], path: str) -> None:
    if isinstance(place, list):
        for item in place:
            _expand(books, item, parts, path)
        return
    first, *others = parts
    if not isinstance(place, dict) or (first not in place and first != "line_items"):
        raise invalid(f"This property cannot be expanded ({path}).", "expand")
    if first == "line_items" and place.get("object") == "checkout.session":
        id_ = place["id"]
        place[first] = _list(f"/v1/checkout/sessions/{id_}/line_items", line_items(books, id_), more=False)
    elif isinstance(place[first], str):
        known = books.known(place[first]) if first in EXPANDABLE else None
        if known is None:
            raise invalid(f"This property cannot be expanded ({path}).", "expand")
        place[first] = copy.deepcopy(known)
    if others and place[first] is not None:
        _expand(books, place[first], others, path)
