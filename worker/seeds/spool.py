"""Checked entries on their way from the file to the database: on disk, so that a large file needs no more memory than a
small one."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from typing import IO, Any

import msgspec

from handlers.seed_text import Entry

_MEMORY = 1024 * 1024
"""Bytes that a spool holds before it goes to disk."""


class Checked(msgspec.Struct, frozen=True):
    """An entry that may be made: its text (for messages), its fields under the API's names, the key by which it is
    known, and the digest of its content."""

    entry: Entry
    fields: dict[str, Any]
    key: str
    digest: bytes


class Spool:
    """Entries in the order in which they were put in."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(_MEMORY)  # noqa: SIM115  (closed by `close`)
        self.count = 0

    def put(self, checked: Checked) -> None:
        head = [checked.entry.line, checked.entry.text, checked.entry.group, checked.fields, checked.key]
        self._file.write(json.dumps([*head, checked.digest.hex()]).encode() + b"\n")
        self.count += 1

    def read(self, size: int) -> Iterator[list[Checked]]:
        """All of them, so many at a time. To be read to the end before more is put in."""
        self._file.seek(0)
        batch: list[Checked] = []
        for row in self._file:
            line, text, group, fields, key, digest = json.loads(row)
            batch.append(Checked(Entry(line, text, {}, group), fields, key, bytes.fromhex(digest)))
            if len(batch) == size:
                yield batch
                batch = []
        if batch:
            yield batch

    def close(self) -> None:
        self._file.close()
