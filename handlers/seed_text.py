"""The text of a seed file: its entries one after another, each with the line where it stands (T7).

A file is a JSON list of entries, an object of such lists by type (`{"contacts": [...], "orders": [...]}`), or entries
one after another (JSON Lines). No more of it is held than one entry.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NoReturn

import msgspec

LARGEST_ENTRY = 4 * 1024 * 1024
"""Characters of one entry at most."""


class FaultyError(Exception):
    """What is wrong with a seed file, and in which line (from 1)."""

    def __init__(self, line: int, problem: str, remedy: str = "") -> None:
        super().__init__(f"line {line}: {problem}")
        self.line, self.problem, self.remedy = line, problem, remedy


class Entry(msgspec.Struct, frozen=True):
    """One entry: the line where it begins, its text, its values, and the list of the file that it stands in, if that
    has a name."""

    line: int
    text: str
    values: dict[str, Any]
    group: str | None = None


def entries(chunks: Iterable[str], groups: Collection[str]) -> Iterator[Entry]:
    """The entries of a file, given as pieces of text. `groups`: the names that a list of entries may have.

    Raises FaultyError where it cannot be read on.
    """
    text = _Text(chunks)
    first = text.peek()
    if first == "[":
        yield from _list(text, None)
    elif first == "{" and text.first_name() in groups:
        yield from _lists(text, groups)
    elif first == "{":
        while text.peek():
            yield text.entry(None)
    else:
        text.fault("this is no seed file", 'It begins with "[" or "{".')
    if text.peek():
        text.fault("here is something after the end", "Remove it.")


def line_of(entry: Entry, path: Sequence[str | int]) -> int:
    """The line of the field that the path leads to; of the last part of it that is there."""
    at, line_at = 0, 0
    for step in path:
        found = _inside(entry.text, at, step)
        if found is None:
            break
        line_at, at = found
    return entry.line + entry.text.count("\n", 0, line_at)


def _inside(text: str, at: int, step: str | int) -> tuple[int, int] | None:
    """Where the member of the object or list at this place begins, and where its value does."""
    listed = text[at] == "["
    if text[at] not in "[{":
        return None
    at, position = _skip(text, at + 1), 0
    while text[at] not in "]}":
        begin, name = at, str(position)
        if not listed:
            name, at = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)
        if name == str(step):
            return begin, at
        _, at = _DECODER.raw_decode(text, at)
        at, position = _skip(text, at), position + 1
        if text[at] == ",":
            at = _skip(text, at + 1)
    return None


def _skip(text: str, at: int) -> int:
    match = _BLANKS.match(text, at)
    return match.end() if match else at


def _list(text: _Text, group: str | None) -> Iterator[Entry]:
    text.take("[")
    while text.peek() != "]":
        yield text.entry(group)
        if text.peek() != ",":
            break
        text.take(",")
    text.take("]")


def _lists(text: _Text, groups: Collection[str]) -> Iterator[Entry]:
    text.take("{")
    while text.peek() != "}":
        name, _ = text.value("the name of a list")
        if name not in groups:
            text.fault(f"{json.dumps(name)} is no list of entries", f"Use any of {', '.join(sorted(groups))}.")
        text.take(":")
        yield from _list(text, name)
        if text.peek() != ",":
            break
        text.take(",")
    text.take("}")


class _Text:
    """The file from where it was read to on."""

    def __init__(self, chunks: Iterable[str]) -> None:
        self._chunks = iter(chunks)
        self._held = ""
        self._at = 0
        self._line = 1

    def _more(self) -> bool:
        chunk = next(self._chunks, "")
        self._held, self._at = self._held[self._at :] + chunk, 0
        return bool(chunk)

    def _pass(self, end: int) -> None:
        self._line += self._held.count("\n", self._at, end)
        self._at = end

    def peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            self._pass(_skip(self._held, self._at))
            if self._at < len(self._held):
                return self._held[self._at]
            if not self._more():
                return ""

    def take(self, wanted: str) -> None:
        found = self.peek()
        if found != wanted:
            here = f"here is {json.dumps(found)}" if found else "the file ends here"
            self.fault(f'"{wanted}" is missing: {here}', _LOOK)
        self._pass(self._at + 1)

    def first_name(self) -> str | None:
        """The first name of the object that begins here."""
        while True:
            match = _FIRST_NAME.match(self._held, self._at)
            if match or len(self._held) - self._at > 1000 or not self._more():
                return match["name"] if match else None

    def value(self, what: str) -> tuple[Any, str]:
        """The value that begins here, and its text; passed over."""
        self.peek()
        while True:
            try:
                found, end = _DECODER.raw_decode(self._held, self._at)
            except json.JSONDecodeError as error:
                if len(self._held) - self._at > LARGEST_ENTRY:
                    self.fault(f"{what} is larger than {LARGEST_ENTRY:,} characters", "Split it.")
                held = self._held[self._at :]
                if not self._more():
                    self._held, self._at = held, 0
                    self._pass(min(error.pos - (len(error.doc) - len(held)), len(held)))
                    self.fault(f"this is no JSON: {error.msg[:1].lower()}{error.msg[1:]}", _LOOK)
            except _WrongError as error:
                self.fault(f"{what}: {error}", "Mend it.")
            except RecursionError:
                self.fault(f"{what} is nested too deep", "Flatten it.")
            else:
                text = self._held[self._at : end]
                self._pass(end)
                return found, text

    def entry(self, group: str | None) -> Entry:
        if self.peek() != "{":
            self.fault("here is no entry", 'An entry is an object: {"object_type": "order", ...}.')
        line = self._line
        values, text = self.value("the entry")
        return Entry(line, text, values, group)

    def fault(self, problem: str, remedy: str) -> NoReturn:
        raise FaultyError(self._line, problem, remedy)


class _WrongError(ValueError):
    """JSON that is not what it seems."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _WrongError(f"{json.dumps(twice)} stands twice in one object")
    return found


def _constant(name: str) -> NoReturn:
    raise _WrongError(f"{name} is no number of JSON")


_LOOK = "Look for a comma, a quote or a bracket that is missing here or before."
_FIRST_NAME = re.compile(r'\{\s*"(?P<name>[^"\\]*)"', re.ASCII)
_BLANKS = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
