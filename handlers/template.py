"""Built-in order templates, and how a template names its orders (T1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter

from handlers.errors import Refused
from schemas.order import OrderType, Status
from schemas.template import Template

_LIVE = (Status.DRAFT, Status.NEW, Status.PROCESSING, Status.COMPLETED)
_AGREED = (Status.NEW, Status.PROCESSING, Status.COMPLETED)
_DONE = (Status.COMPLETED,)

CHILDREN: Mapping[OrderType, Mapping[OrderType, tuple[Status, ...]]] = {
    OrderType.OPPORTUNITY: {OrderType.QUOTE: _LIVE},
    OrderType.QUOTE: {OrderType.SALE: _LIVE},
    OrderType.CART: {OrderType.SALE: _LIVE},
    OrderType.SALE: {
        OrderType.INVOICE: _AGREED,
        OrderType.SHIPPING: _AGREED,
        OrderType.TRANSFER: (Status.NEW, Status.PROCESSING),
        OrderType.RETURN: _DONE,
    },
    OrderType.PURCHASE: {OrderType.INVOICE: _AGREED, OrderType.SHIPPING: _AGREED, OrderType.RETURN: _DONE},
    OrderType.TRANSFER: {OrderType.SHIPPING: _AGREED},
    OrderType.RETURN: {OrderType.INVOICE: _AGREED, OrderType.SHIPPING: _AGREED},
    OrderType.INVOICE: {},
    OrderType.SHIPPING: {},
}
"""Which children an order of each type may have, and in which of its statuses they may be made (T5)."""
ONLY_AS_CHILD = frozenset({OrderType.INVOICE, OrderType.SHIPPING, OrderType.RETURN})
_TITLES: Mapping[OrderType, str] = {
    OrderType.SALE: "Order {reference}",
    OrderType.INVOICE: "Invoice for {parent_title}",
    OrderType.SHIPPING: "Shipping of {parent_title}",
    OrderType.RETURN: "Return of {parent_title}",
}
BUILT_IN: Mapping[str, Template] = {
    type_.value: Template(
        slug=type_.value,
        name=type_.value.capitalize(),
        type=type_,
        title=_TITLES.get(type_, f"{type_.value.capitalize()} {{reference}}"),
        children=CHILDREN[type_],
        built_in=True,
    )
    for type_ in OrderType
}
"""One for each type, under the type's name. An account's own template of that slug takes its place."""

PLACEHOLDERS: Mapping[str, str] = {
    "type": "the order's type: `sale`, `invoice`, ...",
    "template": "the template's name",
    "external_id": "the external id that the order was made under",
    "reference": "the external id; where there is none, `for` and the parent's title, or `of` and the day",
    "contact": "the contact's name, else the e-mail address",
    "date": "the day of the order, as 2026-11-21, in the account's time zone",
    "year": "its year",
    "month": "its month, 01 to 12",
    "currency": "the order's currency",
    "parent_title": "the parent's title",
    "parent_number": "the parent's number",
    "sequence": "a serial number of the template's own, without gaps",
}
"""What a naming convention may hold in braces. What is not known of an order leaves nothing."""
PATTERN_LIMIT = 200
_BLANKS = re.compile(r"\s+")


def check_pattern(pattern: str, field: str, more: frozenset[str] = frozenset()) -> None:
    """Raise Refused unless the naming convention is plain text with known placeholders. `more`: further ones."""
    try:
        parts = list(Formatter().parse(pattern))
    except ValueError:
        raise Refused(
            "invalid", "The braces of the naming convention do not pair.", field=field,
            remedy="Write a placeholder as {date}; write {{ for a brace itself.",
        ) from None  # fmt: skip
    known = {*PLACEHOLDERS, *more}
    for _, name, spec, conversion in parts:
        if name is not None and (name not in known or spec or conversion):
            raise Refused(
                "invalid", f"The naming convention does not know {{{name[:40]}}}.", field=field,
                remedy=f"Use any of {', '.join('{' + known_ + '}' for known_ in sorted(known))}.",
            )  # fmt: skip
    if len(pattern) > PATTERN_LIMIT or not pattern.strip():
        raise Refused(
            "invalid", f"A naming convention has 1 to {PATTERN_LIMIT} characters.", field=field,
            remedy="Shorten it, or leave it out.",
        )  # fmt: skip


def uses(template: Template, placeholder: str) -> bool:
    """Whether the template's names hold this placeholder."""
    return any(
        name == placeholder
        for pattern in (template.title, template.slug_pattern)
        for _, name, _, _ in Formatter().parse(pattern)
    )


def named(pattern: str, names: Mapping[str, str | int | None]) -> str:
    """The naming convention with its placeholders filled in; runs of blanks become one, up to 255 characters."""
    text = "".join(
        literal + ("" if name is None else str(_known(names.get(name))))
        for literal, name, _, _ in Formatter().parse(pattern)
    )
    return _BLANKS.sub(" ", text).strip()[:255].strip()


def _known(value: str | int | None) -> str | int:
    return "" if value is None else value


def check(template: Template) -> None:
    """Raise Refused unless the template can be used: its names, and children that its type can have."""
    check_pattern(template.title, "title")
    check_pattern(template.slug_pattern, "slug_pattern", frozenset({"title"}))
    if template.slug in BUILT_IN and template.type != template.slug:
        raise Refused(
            "invalid", f"The slug {template.slug} is that of a type.", field="slug", remedy="Use another slug."
        )
    possible = CHILDREN[template.type]
    for type_, statuses in template.children.items():
        if type_ not in possible:
            raise Refused(
                "invalid", f"A {template.type} has no {type_} made from it.", field=f"children.{type_}",
                remedy=f"It may have: {', '.join(sorted(possible)) or 'no children'}.",
            )  # fmt: skip
        if Status.VOID in statuses or not statuses:
            raise Refused(
                "invalid", "A child needs statuses of its parent in which it may be made, and void is none.",
                field=f"children.{type_}", remedy="Name any of draft, new, processing, completed.",
            )  # fmt: skip
