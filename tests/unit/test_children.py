"""What a child carries of its parent (T5): figures that add up, charges, what it counts for the parent."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import children, summary
from handlers.derive import derive
from handlers.errors import Refused
from handlers.merge import add, merge_dossiers, state
from handlers.template import BUILT_IN, CHILDREN, check, named
from handlers.wishes import created
from schemas.fact import Dossier, Kind, Reading
from schemas.order import Order, OrderSource, OrderType, Status
from schemas.stated import Child

NOW = 1_700_000_000_000_000
LINES = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.just("Thing"),
            "quantity": st.sampled_from(["1", "2", "3", "7", "0.5", "2.345"]),
            "unit_price": st.integers(0, 10**6),
            "tax_rate": st.sampled_from([None, "10", "22", "8.875"]),
        }
    ),
    min_size=1,
    max_size=4,
)


def made(**wish: object) -> tuple[Dossier, Order]:
    hand = created({"contact_id": "c", **wish}, now=NOW, origin="api", source=OrderSource.API, currency="BRL")
    dossier = add(Dossier(), Reading((state("hand:1", Kind.HAND, hand, at=NOW),)))
    return dossier, derive(dossier, NOW)


@given(LINES)
def test_T5_a_child_of_all_lines_comes_to_what_its_parent_does(items: list[dict[str, object]]) -> None:
    _, parent = made(items=items, charges=[{"kind": "shipping", "value": 500}])
    lines = children.carried(parent, None, ())
    charges = summary.computed(lines, children.charges(parent, BUILT_IN["invoice"], lines))
    assert summary.order_total(lines, charges) == parent.amount


@given(LINES, st.sampled_from(["1", "0.5", "0.001"]))
def test_T5_a_part_of_a_line_takes_its_part_of_each_figure(items: list[dict[str, object]], quantity: str) -> None:
    _, parent = made(items=items)
    whole = parent.lines[0]
    if Decimal(quantity) > Decimal(whole.quantity):
        with pytest.raises(Refused, match="only"):
            children.carried(parent, [(whole.key, quantity)], ())
        return
    [part] = children.carried(parent, [(whole.key, quantity)], ())
    share = Decimal(quantity) / Decimal(whole.quantity)
    for name in ("subtotal", "discount", "tax"):
        assert abs(getattr(part, name) - share * getattr(whole, name)) <= Decimal("0.5")
    assert part.total == part.subtotal - part.discount + part.tax
    assert part.parent_line == whole.key
    assert children.charges(parent, BUILT_IN["invoice"], (part,)) == () or len(parent.lines) == 1


def test_T5_goods_that_move_take_no_charges_along() -> None:
    _, parent = made(items=[{"name": "A", "unit_price": 5}], charges=[{"kind": "shipping", "value": 500}])
    lines = children.carried(parent, None, ())
    for type_ in (OrderType.SHIPPING, OrderType.TRANSFER, OrderType.RETURN):
        assert children.charges(parent, BUILT_IN[type_], lines) == ()


@pytest.mark.parametrize("parent", list(OrderType))
@pytest.mark.parametrize("child", list(OrderType))
@pytest.mark.parametrize("status", list(Status))
def test_T5_the_table_of_children_decides(parent: OrderType, child: OrderType, status: Status) -> None:
    _, order = made(items=[{"name": "A"}])
    order = msgspec.structs.replace(order, type=parent, status=status)
    allowed = status is not Status.VOID and status in CHILDREN[parent].get(child, ())
    if allowed:
        children.check_allowed(order, BUILT_IN[parent], BUILT_IN[child])
    else:
        with pytest.raises(Refused):
            children.check_allowed(order, BUILT_IN[parent], BUILT_IN[child])


def test_T1_the_built_in_templates_can_be_used() -> None:
    assert sorted(BUILT_IN) == sorted(OrderType)
    for template in BUILT_IN.values():
        check(template)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("Order {external_id}", "Order"),
        ("{contact} / {parent_number}", "Ana / 7"),
        ("{{x}} {contact}", "{x} Ana"),
        ("  {contact}   {date} ", "Ana"),
    ],
)
def test_T1_what_is_not_known_leaves_nothing(pattern: str, text: str) -> None:
    assert named(pattern, {"contact": "Ana", "parent_number": 7}) == text


def child(id_: str, received: int, returned: int = 0, at: int = NOW) -> Reading:
    stated = Child(type="invoice", received=received, returned=returned, paid_at=at)
    return Reading((state(f"child:{id_}", Kind.CHILD, stated, at=at),))


def test_P4_a_parent_counts_what_its_invoices_received_once() -> None:
    dossier, parent = made(amount=1000)
    once = add(dossier, child("a", 400))
    assert derive(add(once, child("a", 400)), NOW).amount_paid == 400
    later = add(once, child("a", 1000, at=NOW + 1))
    order = derive(later, NOW)
    assert (parent.payment_status, order.payment_status, order.amount_paid, order.paid_at) == (
        "pending", "paid", 1000, NOW + 1,
    )  # fmt: skip
    assert order.links == ()


@given(st.permutations([("a", 400, 0), ("a", 700, 1), ("b", 300, 2), ("b", 300, 3)]))
def test_I2_what_children_received_is_merged_in_any_order(told: list[tuple[str, int, int]]) -> None:
    dossier, _ = made(amount=1000)
    for id_, received, after in told:
        dossier = merge_dossiers(dossier, add(Dossier(), child(id_, received, at=NOW + after)))
    assert derive(dossier, NOW).amount_paid == 1000
