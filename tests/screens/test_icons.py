"""Every icon that a page names is there: one that is not would be found only on the day when it is to be shown."""

from __future__ import annotations

import re
from pathlib import Path

from worker import screens
from worker.screens.assets import icon

ROOM = Path(screens.__file__).parent


def test_every_icon_that_is_named_is_there() -> None:
    named: set[str] = set()
    for path in ROOM.rglob("*.html"):
        for call in re.findall(r"\bicon\(([^()]*)\)", path.read_text()):
            named |= set(re.findall(r'(?<!== )"([a-z0-9-]+)"(?!:)', call))
    for path in ROOM.rglob("*.py"):
        named |= set(re.findall(r'icon="([a-z0-9-]+)"', path.read_text()))
    assert {"pause", "plus", "inbox"} & named
    for name in sorted(named):
        assert "<svg" in icon(name)
