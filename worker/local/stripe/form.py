"""Form-encoded parameters with brackets, as the SDK sends them: `metadata[a]=b`, `expand[]=x`, `items[0][quantity]=1`.

An empty value unsets a field, as at Stripe, and is read as None.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import parse_qsl

from worker.local.stripe.problem import invalid

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")
_DEEP = 12


def pairs(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True)


def nested(given: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The parameters as dicts and lists of text."""
    root: dict[str, Any] = {}
    for name, value in given:
        match = _NAME.fullmatch(name)
        path = [match[1], *_PART.findall(match[2])] if match else []
        if not match or len(path) > _DEEP:
            raise invalid(f"Received unknown parameter: {name}", name, "parameter_unknown")
        place = root
        for part in path[:-1]:
            below = place.setdefault(part or str(len(place)), {})
            if not isinstance(below, dict):
                raise invalid(f"Invalid {path[0]}: it is given twice in different forms", path[0])
            place = below
        place[path[-1] or str(len(place))] = value or None
    return {name: _listed(name, value) for name, value in root.items()}


def _listed(name: str, value: Any) -> Any:
    """Dicts whose names are all numbers are lists; metadata is what it says."""
    if not isinstance(value, dict):
        return value
    inner = {key: _listed(key, part) for key, part in value.items()}
    if name != "metadata" and inner and all(key.isascii() and key.isdigit() for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner


class Params:
    """Typed reading. What is wrong is refused by Stripe's name for it."""

    def __init__(self, values: dict[str, Any], path: str = "") -> None:
        self.values, self._path = values, path

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def name(self, name: str) -> str:
        return f"{self._path}[{name}]" if self._path else name

    def only(self, known: Iterable[str]) -> None:
        """Refuse what this operation does not take."""
        for name in self.values.keys() - set(known):
            raise invalid(f"Received unknown parameter: {self.name(name)}", self.name(name), "parameter_unknown")

    def need(self, name: str) -> None:
        if self.values.get(name) is None:
            raise invalid(f"Missing required param: {self.name(name)}.", self.name(name), "parameter_missing")

    def text(self, name: str, default: str | None = None, *, choices: Sequence[str] = ()) -> str | None:
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise invalid(f"Invalid string: {value}", self.name(name))
        if choices and value not in choices:
            raise invalid(f"Invalid {self.name(name)}: must be one of {', '.join(choices)}", self.name(name))
        return value

    def required(self, name: str) -> str:
        self.need(name)
        return self.text(name) or ""

    def integer(self, name: str, default: int | None = None, *, low: int = 0, high: int = 99_999_999) -> int | None:
        text = self.text(name)
        if text is None:
            return default
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise invalid(f"Invalid integer: {text}", self.name(name), "parameter_invalid_integer")
        if not low <= int(text) <= high:
            kind = "less than or equal to" if int(text) > high else "greater than or equal to"
            bound = high if int(text) > high else low
            raise invalid(f"This value must be {kind} {bound}.", self.name(name), "parameter_invalid_integer")
        return int(text)

    def flag(self, name: str, *, default: bool = False) -> bool:
        text = self.text(name)
        if text not in (None, "true", "false"):
            raise invalid(f"Invalid boolean: {text}", self.name(name))
        return default if text is None else text == "true"

    def part(self, name: str) -> Params | None:
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise invalid("Invalid object", self.name(name))
        return Params(value, self.name(name))

    def parts(self, name: str) -> list[Params]:
        value = self.values.get(name) or []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise invalid("Invalid array", self.name(name))
        return [Params(item, f"{self.name(name)}[{place}]") for place, item in enumerate(value)]

    def texts(self, name: str) -> list[str]:
        value = self.values.get(name) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise invalid("Invalid array", self.name(name))
        return value

    def metadata(self, before: dict[str, str] | None = None) -> dict[str, str]:
        """`before` with what is given put over it; an empty value takes a key away, an empty whole takes all."""
        if "metadata" in self.values and self.values["metadata"] is None:
            return {}
        found = dict(before or {})
        part = self.part("metadata")
        for name, value in (part.values if part else {}).items():
            if value is None:
                found.pop(name, None)
            elif not isinstance(value, str) or len(value) > 500 or len(name) > 40:
                raise invalid("Metadata values can have up to 500 characters, keys up to 40.", f"metadata[{name}]")
            else:
                found[name] = value
        if len(found) > 50:
            raise invalid("Metadata can have up to 50 keys.", "metadata")
        return found
