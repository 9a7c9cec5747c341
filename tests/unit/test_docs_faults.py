"""The table of defaults names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_that_the_table_of_defaults_names_exists() -> None:
    rows = [line for line in (ROOT / "docs/faults.md").read_text(encoding="utf-8").splitlines() if "`test_" in line]
    assert len(rows) > 20
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    defined = set(re.findall(r"^(?:async )?def (test_\w+)", code, re.MULTILINE))
    assert [name for row in rows for name in re.findall(r"`(test_\w+)`", row) if name not in defined] == []
