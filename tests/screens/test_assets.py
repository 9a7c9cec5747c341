"""Scripts and styles, named by their content (D1)."""

from __future__ import annotations

import re

from worker.screens.assets import asset, assets


def test_D1_a_module_imports_others_by_the_address_that_pages_load_them_by() -> None:
    """By two addresses a browser would run it twice, and every click would count twice."""
    imported = {
        (name, target)
        for name, found in assets().items()
        if name.endswith(".js")
        for target in re.findall(r'^import\b.*\bfrom "\./(.+?)"', found.body.decode(), re.MULTILINE)
    }
    assert ("keys.js", asset("controls.js").removeprefix("/static/")) in imported
    for _, target in imported:
        assert f"/static/{target}" == asset(target.partition("?")[0])
