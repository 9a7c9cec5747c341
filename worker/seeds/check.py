"""Reading a seed file and checking all that can be checked without the database."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from handlers import seed
from handlers.errors import Refused
from handlers.seed_text import Entry, FaultyError, entries
from schemas.api.fields import Wire
from schemas.api.seed import MODELS, SeedFacts
from schemas.seed import SeedType
from worker.errors import UserError
from worker.seeds.problems import Problems
from worker.seeds.spool import Checked, Spool

_CHUNK = 256 * 1024
_STANDS_FOR = "00000000-0000-7000-8000-000000000000"
"""Takes the place of a helper while an entry's shape is checked."""


class Seeds:
    """The checked entries of one file by type, and the orders that have a parent apart."""

    def __init__(self) -> None:
        self.by_type = {type_: Spool() for type_ in SeedType}
        self.children = Spool()

    @property
    def count(self) -> int:
        return sum(spool.count for spool in self.by_type.values()) + self.children.count

    def close(self) -> None:
        for spool in (*self.by_type.values(), self.children):
            spool.close()


def check(path: Path, problems: Problems, read: Callable[[int], None]) -> Seeds:
    """Every entry of the file, to be closed; what is wrong goes to `problems`. `read`: told of the bytes read."""
    found = Seeds()
    alike: Counter[bytes] = Counter()
    try:
        for entry in entries(_text(path, read), seed.GROUPS):
            _check(entry, found, alike, problems)
            if problems.enough:
                break
    except FaultyError as error:
        problems.faulty(error)
    except BaseException:
        found.close()
        raise
    return found


def model_of(type_: SeedType, fields: Mapping[str, Any]) -> type[Wire]:
    """The shape of an entry."""
    return SeedFacts if type_ is SeedType.ORDER and "facts" in fields else MODELS[type_]


def _check(entry: Entry, found: Seeds, alike: Counter[bytes], problems: Problems) -> None:
    try:
        type_, fields = seed.typed(entry.values, entry.group)
        for _ in seed.references(fields):
            pass  # each can be read
        model_of(type_, fields).model_validate(seed.replaced(fields, lambda _: _STANDS_FOR))
    except Refused as error:
        problems.refused(entry, error)
        return
    except ValidationError as error:
        problems.invalid(entry, error)
        return
    digest = seed.digest(fields)
    key = seed.key_of(type_, fields)
    if key is None:
        alike[digest] += 1
        key = f"hash:{digest.hex()}:{alike[digest]}"
    spool = found.children if type_ is SeedType.ORDER and fields.get("parent_id") else found.by_type[type_]
    spool.put(Checked(entry, fields, key, digest))


def _text(path: Path, read: Callable[[int], None]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    lines = 1
    try:
        with path.open("rb") as file:
            while piece := file.read(_CHUNK):
                try:
                    text = decoder.decode(piece)
                except UnicodeDecodeError as error:
                    line = lines + error.object.count(b"\n", 0, error.start)
                    raise FaultyError(line, "this is no UTF-8", "Save the file as UTF-8.") from None
                lines += piece.count(b"\n")
                yield text
                read(len(piece))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", remedy="Name a file that is there.") from None
