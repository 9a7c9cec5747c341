"""Named SQL. A file `NAME.sql` holds statements, each headed by `-- name: what a sentence says`."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_HEAD = re.compile(r"^-- ([a-z_]+): ", re.MULTILINE)


@cache
def statements(noun: str) -> dict[str, str]:
    """The statements of `worker/store/<noun>.sql` by name."""
    text = (Path(__file__).parent / f"{noun}.sql").read_text(encoding="utf-8")
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    found = {}
    for head, end in zip(heads, ends, strict=True):
        body = text[head.end() : end].split("\n", 1)[1]
        found[head.group(1)] = body.strip()
    return found


def nouns() -> list[str]:
    """Every noun that has statements."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.sql"))
