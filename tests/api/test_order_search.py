"""Orders found by words (H4): whichever way they are found, they are the same."""

from __future__ import annotations

import pytest

from tests.api.conftest import Api
from worker.store import query


@pytest.mark.parametrize("many", [1, 2, 10_000])
async def test_H4_words_that_many_orders_have_are_found_as_those_that_few_have(
    api: Api, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(query, "MANY", many)
    contact = await api.contact()
    titles = ("Green tea", "Black tea", "Tea pot", "Coffee", "Green coffee")
    made = {title: await api.order(contact, title=title, external_id=f"x-{title[:2]}") for title in titles[:3]}
    made |= {title: await api.order(contact, title=title) for title in titles[3:]}
    for text, wanted in (
        ("tea", ["Tea pot", "Black tea", "Green tea"]),
        ("green", ["Green coffee", "Green tea"]),
        ("x-", ["Tea pot", "Black tea", "Green tea"]),
        ("x-te", ["Tea pot"]),
        (str(made["Coffee"]["number"]), ["Coffee"]),
        ("nothing", []),
    ):
        found = await api.get(f"/orders?q={text}")
        assert [order["title"] for order in found["items"]] == wanted, text
        paged = await api.pages(f"/orders?q={text}", limit=1)
        assert [order["title"] for order in paged] == wanted, text
