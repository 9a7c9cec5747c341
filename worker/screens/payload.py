"""What a sender wrote, as people read it: JSON on lines of its own, coloured.

The text is never decoded into values: a number keeps its digits, a string its escapes, a key that stands twice stays
twice. So what is shown is what was signed, apart from the blanks between its parts.
"""

from __future__ import annotations

import re

import msgspec
from markupsafe import Markup, escape

SHOWN_BYTES = 256 * 1024
"""What is shown of a body; the rest is behind the link to the raw bytes."""
TOKENS = 20_000
"""Parts that are coloured; a body of more is shown plainly, for the browser's sake."""
DEEPEST = 40
"""From here on nothing is indented further."""
_TOKEN = re.compile(r'(?P<text>"(?:[^"\\]|\\.)*")|(?P<word>[^\s{}\[\],:"]+)|(?P<mark>[{}\[\],:])|(?P<rest>"[\s\S]*)')
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f]")


class Shown(msgspec.Struct, frozen=True):
    """`cut`: more was sent than is shown."""

    html: Markup
    size: int
    cut: bool


def show(body: bytes, size: int) -> Shown:
    """The first bytes of a body of `size` bytes."""
    cut = size > len(body)
    text = body.decode("utf-8", "ignore" if cut else "replace")  # the cut may go through a letter
    tokens = list(_limited(text))
    html = _coloured(tokens) if len(tokens) <= TOKENS else escape(_CONTROL.sub("�", text))
    return Shown(html, size, cut)


def _limited(text: str) -> list[re.Match[str]]:
    found = []
    for token in _TOKEN.finditer(text):
        found.append(token)
        if len(found) > TOKENS:
            break
    return found


def _coloured(tokens: list[re.Match[str]]) -> Markup:
    parts: list[str] = []
    depth = 0
    for place, token in enumerate(tokens):
        text = _CONTROL.sub("�", token[0])
        after = tokens[place + 1][0] if place + 1 < len(tokens) else ""
        if token["mark"] is None:
            parts.append(_span(_kind(text, after), text))
        elif text in "{[":
            depth += 1
            parts.append(text + ("" if after and after in "}]" else _line(depth)))
        elif text in "}]":
            depth = max(0, depth - 1)
            empty = place and tokens[place - 1][0] in ("{", "[")
            parts.append(("" if empty else _line(depth)) + text)
        else:
            parts.append(f",{_line(depth)}" if text == "," else ": ")
    return Markup("".join(parts))  # noqa: S704  (each part is escaped in _span, or is a mark or a blank)


def _kind(text: str, after: str) -> str:
    if text.startswith('"'):
        return "key" if after == ":" else "text"
    return "number" if text[0] in "-0123456789" else "word"


def _span(kind: str, text: str) -> str:
    return f'<span class="json-{kind}">{escape(text)}</span>'


def _line(depth: int) -> str:
    return "\n" + "  " * min(depth, DEEPEST)
