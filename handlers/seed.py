"""Entries of seed files (T7): what they are called, what they refer to, and which entry is the same as one before."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from handlers.errors import Refused
from schemas.order import OrderType
from schemas.seed import SeedType

_TYPES = {name: type_ for type_ in SeedType for name in (type_.value, type_.plural, type_.plural.replace("_", "-"))}
_TYPES |= {"order_template": SeedType.TEMPLATE, "order_templates": SeedType.TEMPLATE, "sales_order": SeedType.ORDER}
GROUPS = frozenset(_TYPES)
"""The names that a list of entries may have."""
_NAMES = {"contact": "contact_id", "deal": "deal_id", "offer": "offer_id", "parent": "parent_id", "owner": "owner_id",
          "manager": "manager_id", "location": "location_id", "destination_location": "destination_location_id",
          "template_id": "template", "order_template": "template", "line_items": "items"}  # fmt: skip
_ITEM_NAMES = {"item_code": "sku", "line_qty": "quantity", "unit_price_cents": "unit_price"}
"""Other words for what a line says (T7, settled question 15)."""
_OTHER_TYPES = {"users": "tokens", "user": "tokens", "token": "tokens", "offer_category": "offer_categories"}
_COMPUTED = frozenset({"number", "amount", "amount_refunded", "shipping_amount", "summary", "is_paid", "payment_type"})
"""What is computed on import. An entry with items may say it all the same; it does not count."""
_COMPUTED_OF_ITEMS = frozenset({"subtotal", "tax", "total", "position", "id"})


class Reference(msgspec.Struct, frozen=True):
    """What a helper asks for: the record of this type that has this value. `attribute`: where it has it; None for
    wherever records of the type are known by."""

    type: str
    attribute: str | None
    value: str

    def __str__(self) -> str:
        return f"{self.attribute} {self.value!r}" if self.attribute else repr(self.value)


_HELPER = re.compile(
    r"\s*\{\{\s*(?P<name>getRecordAttribute|getContentInstance)\s*\((?P<given>.*)\)\s*\}\}\s*", re.DOTALL
)
_GIVEN = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*(,|$)""", re.DOTALL)


def plural(name: str) -> str:
    """The type that a helper names, as the plural that the API has for it."""
    known = name.strip().lower().replace("-", "_")
    return _TYPES[known].plural if known in _TYPES else _OTHER_TYPES.get(known, known)


def reference(text: str) -> Reference | None:
    """What a helper asks for; None for text that is none. Refused for a helper that cannot be read."""
    match = _HELPER.fullmatch(text)
    if match is None:
        return None
    given = [re.sub(r"\\(.)", r"\1", one or other) for one, other, _ in _GIVEN.findall(match["given"])]
    read = sum(len(found.group()) for found in _GIVEN.finditer(match["given"]))
    least = 3 if match["name"] == "getRecordAttribute" else 2
    if read < len(match["given"]) or not least <= len(given) <= 3:
        raise Refused(
            "invalid", f"the helper {text.strip()[:80]} cannot be read.",
            remedy="Write {{getRecordAttribute('contacts','identifiers','a@b.c')}} or "
            "{{getContentInstance('products','COF-1')}}.",
        )  # fmt: skip
    return Reference(given[0], given[1] if len(given) == 3 else None, given[-1])


def helper(type_: str, attribute: str, value: str) -> str:
    """A helper that refers to a record."""
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{{{{getRecordAttribute('{type_}','{attribute}','{quoted}')}}}}"


def references(values: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Reference]]:
    """Every helper in an entry, with where it stands. Raises Refused, with `field` set, for one that cannot be read."""
    if isinstance(values, str):
        try:
            found = reference(values) if "{{" in values else None
        except Refused as error:
            raise Refused(error.code, error.message, field=".".join(map(str, path)), remedy=error.remedy) from None
        if found:
            yield path, found
    elif isinstance(values, Mapping):
        for name, value in values.items():
            yield from references(value, (*path, name))
    elif isinstance(values, list):
        for position, value in enumerate(values):
            yield from references(value, (*path, position))


def replaced(values: Any, of: Callable[[Reference], str]) -> Any:
    """The entry with what each helper stands for."""
    if isinstance(values, str):
        found = reference(values) if "{{" in values else None
        return of(found) if found else values
    if isinstance(values, Mapping):
        return {name: replaced(value, of) for name, value in values.items()}
    if isinstance(values, list):
        return [replaced(value, of) for value in values]
    return values


def typed(values: Mapping[str, Any], group: str | None) -> tuple[SeedType, dict[str, Any]]:
    """What an entry makes, and its fields under the names that the API gives them.

    An `object_type` that is an order's type makes an order of the built-in template of that name.
    """
    fields = {_NAMES.get(name, name): value for name, value in values.items()}
    if len(fields) < len(values):
        twice = next(name for name in values if _NAMES.get(name, name) != name and _NAMES[name] in values)
        raise Refused("invalid", f"{twice} and {_NAMES[twice]} are one field.", field=twice, remedy="Give one of them.")
    name = fields.pop("object_type", group)
    name = name.strip().lower() if isinstance(name, str) else name
    if isinstance(name, str) and name in set(OrderType) and name not in _TYPES:
        fields.setdefault("template", name)
        name = SeedType.ORDER
    if not isinstance(name, str) or name not in _TYPES:
        raise Refused(
            "invalid", "object_type is missing." if name is None else f"{json.dumps(name)} is no object_type.",
            field="object_type", remedy=f"Use any of {', '.join(SeedType)}.",
        )  # fmt: skip
    type_ = _TYPES[name]
    if type_ is SeedType.DEAL:
        fields = {("title" if name == "name" else name): value for name, value in fields.items()}
    if type_ is not SeedType.ORDER:
        return type_, {("contact_id" if name == "contact" else name): value for name, value in fields.items()}
    return type_, _order(fields)


def _order(fields: dict[str, Any]) -> dict[str, Any]:
    items = fields.get("items")
    if isinstance(items, list):
        fields["items"] = [_item(item) if isinstance(item, Mapping) else item for item in items]
    left = _COMPUTED if items else _COMPUTED - {"amount"}
    return {name: value for name, value in fields.items() if name not in left}


def _item(item: Mapping[str, Any]) -> dict[str, Any]:
    fields = {_ITEM_NAMES.get(name, name): value for name, value in item.items() if name not in _COMPUTED_OF_ITEMS}
    if fields.pop("object_type", "product") == "service":
        fields.setdefault("service", True)
    return fields


def key_of(type_: SeedType, fields: Mapping[str, Any]) -> str | None:
    """By what an entry is known, so that a file that is imported again makes nothing new: its id where it was exported,
    its external id, its slug or sku; None where it says none of these (then its content and place count)."""
    if fields.get("id"):
        return f"id:{fields['id']}"
    if fields.get("external_id"):
        origin = fields.get("origin") or "import" if type_ is SeedType.ORDER else ""
        return f"external_id:{origin}:{fields['external_id']}"
    known = fields.get("slug") or fields.get("sku")
    return f"slug:{fields.get('template') or 'sale' if type_ is SeedType.ORDER else ''}:{known}" if known else None


def digest(fields: Mapping[str, Any]) -> bytes:
    """The same for entries of the same content."""
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
