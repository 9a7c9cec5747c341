"""Prices, offers and sales plans: what an order takes from the catalogue (T6, S1, S5)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import catalog, price_list
from handlers.errors import Refused
from handlers.sales_plan import proposed_manager
from schemas.catalog import Entry, Offer, PriceList, Product, SalesPlan

BEANS = Product(
    sku="A", name="Beans", kind="goods", unit_price=1000, currency="BRL", tax_rate="22", attributes={"weight": "1"},
    archived=False,
)  # fmt: skip
LIST = PriceList(slug="l", currency="BRL", archived=False, entries=(Entry("A", 900), Entry("A", 800, "10")))
OFFER = Offer(id="o", name="Course", unit_price=500, currency="USD", several_units=False, archived=False)


def test_T6_the_highest_tier_that_the_quantity_reaches_counts() -> None:
    entries = [Entry("A", 3, "100"), Entry("A", 5, "2.5"), Entry("A", 4, "10"), Entry("B", 1)]
    found = [price_list.unit_price(entries, "A", quantity) for quantity in ("1", "2.5", "9.99", "10", "1000")]
    assert found == [None, 5, 5, 4, 3]
    assert price_list.unit_price(entries, "C", "1") is None


@given(
    st.permutations([Entry("A", price, str(tier)) for price, tier in ((9, 0), (8, 10), (7, 20))]), st.integers(1, 40)
)
def test_T6_the_order_of_entries_does_not_matter(entries: list[Entry], quantity: int) -> None:
    assert price_list.unit_price(entries, "A", str(quantity)) == (9 if quantity < 10 else 8 if quantity < 20 else 7)


def test_T6_two_prices_of_one_tier_are_refused() -> None:
    with pytest.raises(Refused, match="two prices"):
        price_list.check([Entry("A", 1, "1"), Entry("A", 2, "1.0")])


def test_T6_what_the_request_says_wins() -> None:
    item = {"sku": "A", "name": "Mine", "unit_price": 1, "quantity": "2"}
    [line] = catalog.lines([item], {"A": BEANS}, LIST, "BRL")
    assert (line["name"], line["unit_price"], line.get("tax_rate")) == ("Mine", 1, None)
    assert line["attributes"] == {"weight": "1"}


@pytest.mark.parametrize(
    ("item", "prices", "expected"),
    [
        ({"sku": "A"}, None, ("Beans", 1000, "22")),
        ({"sku": "A"}, LIST, ("Beans", 900, "22")),
        ({"sku": "A", "quantity": "10"}, LIST, ("Beans", 800, "22")),
        ({"sku": "A", "name": "Mine"}, LIST, ("Mine", 900, "22")),
        ({"sku": "A", "tax_rate": None}, LIST, ("Beans", 900, None)),
        ({"sku": "A", "tax_rate": "5"}, None, ("Beans", 1000, "5")),
        ({"sku": "A", "unit_price": 0}, LIST, ("Beans", 0, "22")),
        ({"sku": "Z", "name": "Free"}, None, ("Free", None, None)),
        ({"name": "Free"}, LIST, ("Free", None, None)),
    ],
)
def test_T6_the_catalogue_fills_in_what_is_left_out(
    item: dict[str, Any], prices: PriceList | None, expected: tuple[Any, ...]
) -> None:
    [line] = catalog.lines([item], {"A": BEANS}, prices, "BRL")
    assert (line.get("name"), line.get("unit_price"), line.get("tax_rate")) == expected


@pytest.mark.parametrize(
    ("item", "prices", "code", "currency", "field"),
    [
        ({"sku": "Z"}, None, "sku_unknown", "BRL", "items.1.sku"),
        ({"sku": "Z", "unit_price": 1}, None, "sku_unknown", "BRL", "items.1.sku"),
        ({"sku": "Z", "name": "z"}, LIST, "sku_unknown", "BRL", "items.1.sku"),
        ({"sku": "A"}, None, "currency_mismatch", "USD", "items.1.unit_price"),
        ({"sku": "P"}, None, "price_unknown", "BRL", "items.1.unit_price"),
        ({"sku": "P"}, LIST, "price_unknown", "BRL", "items.1.unit_price"),
        ({"sku": "O"}, None, "sku_unknown", "BRL", "items.1.sku"),
    ],
)
def test_T6_a_line_that_cannot_be_filled_in_is_named(
    item: dict[str, Any], prices: PriceList | None, code: str, currency: str, field: str
) -> None:
    known = {
        "A": BEANS,
        "P": Product(**{**vars_of(BEANS), "sku": "P", "unit_price": None, "currency": None}),
        "O": Product(**{**vars_of(BEANS), "sku": "O", "archived": True}),
    }
    with pytest.raises(Refused) as caught:
        catalog.lines([{"name": "first"}, item], known, prices, currency)
    assert (caught.value.code, caught.value.field) == (code, field)


def vars_of(product: Product) -> dict[str, Any]:
    return {name: getattr(product, name) for name in product.__struct_fields__}


def test_S1_an_offer_makes_the_line_of_an_order_without_items() -> None:
    wish = {"offer_id": "o"}
    assert catalog.currency(wish, None, OFFER, "BRL") == "USD"
    assert catalog.offer_line(wish, OFFER) == {"name": "Course", "quantity": "1", "unit_price": 500}
    assert catalog.currency({"offer_id": "o", "items": [{}]}, None, OFFER, "BRL") == "BRL"
    with pytest.raises(Refused, match="The offer is in USD"):
        catalog.currency({"offer_id": "o", "currency": "BRL"}, None, OFFER, "BRL")
    for quantity in ("2", "1.5", "0.5"):
        with pytest.raises(Refused, match="one at a time"):
            catalog.offer_line({**wish, "quantity": quantity}, OFFER)


def plan(number: int, offer: str | None, contact: str = "c") -> SalesPlan:
    return SalesPlan(contact_id=contact, offer_id=offer, manager_id=f"m{number}", created_at=number, id=str(number))


def test_S5_a_plan_for_the_same_offer_comes_before_one_without_and_the_newest_counts() -> None:
    plans = [plan(1, "o"), plan(2, "o"), plan(3, None), plan(4, "other"), plan(5, "o", "someone else")]
    assert proposed_manager("c", "o", plans) == "m2"
    assert proposed_manager("c", None, plans) == "m3"
    assert proposed_manager("c", "none of these", plans) == "m3"
    assert proposed_manager("c", "other", plans) == "m4"
    assert proposed_manager("nobody", "o", plans) is None


@given(st.permutations([plan(n, offer) for n, offer in enumerate(["o", "o", None, None, "x"])]))
def test_S5_the_proposed_manager_does_not_depend_on_the_order_of_plans(plans: list[SalesPlan]) -> None:
    assert (proposed_manager("c", "o", plans), proposed_manager("c", None, plans)) == ("m1", "m3")


def test_T6_decimals_of_tiers_are_compared_as_numbers() -> None:
    assert price_list.unit_price([Entry("A", 1, "9"), Entry("A", 2, "10")], "A", str(Decimal("9.5"))) == 1
