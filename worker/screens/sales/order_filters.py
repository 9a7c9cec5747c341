"""The filters and columns of the list of orders, as its address has them."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import StringConstraints

from schemas.api.order_query import OrderQuery
from worker.screens import day
from worker.screens.day import Day

COLUMNS = {
    "customer": "Customer",
    "status": "Status",
    "offer": "Offer",
    "category": "Category",
    "price": "Price",
    "unit_price": "Unit price",
    "quantity": "Quantity",
    "amount": "Amount",
    "paid": "Paid",
    "manager": "Manager",
    "confirmed": "Sale",
    "origin": "Origin",
}
"""What may be shown of an order beside its number and time, and what it is called."""
USUAL = ("customer", "status", "offer", "unit_price", "amount", "confirmed")
_NAME = "|".join(COLUMNS)
_DAYS = (("created_from", "created_to"), ("paid_from", "paid_to"))
_BY = {"manager_id": "manager", "offer_id": "offer", "category_id": "offer_category", "system": "payment_system"}


class OrderFilters(OrderQuery):
    """As the API's, with days besides times."""

    created_from: Day | None = None
    created_to: Day | None = None
    paid_from: Day | None = None
    paid_to: Day | None = None
    columns: Annotated[str, StringConstraints(pattern=rf"^({_NAME})(,({_NAME}))*$", max_length=200)] | None = None

    @property
    def shown(self) -> tuple[str, ...]:
        """The columns, in their usual order."""
        chosen = self.columns.split(",") if self.columns else USUAL
        return tuple(name for name in COLUMNS if name in chosen)

    @property
    def given(self) -> dict[str, Any]:
        """The filters that are set."""
        return self.model_dump(exclude={"limit", "cursor", "columns"}, exclude_none=True)

    def search(self, zone: tzinfo) -> dict[str, Any]:
        """What is looked for: orders of recurring orders are on a tab of their own, unless it is asked for them."""
        given = self.given
        if self.recurring_order_id is None:
            given.setdefault("recurring", "false")
        return given | self.moments(zone)

    def moments(self, zone: tzinfo) -> dict[str, datetime | None]:
        found: dict[str, datetime | None] = {}
        for first, last in _DAYS:
            found[first] = day.begins(getattr(self, first), zone)
            found[last] = day.ends(getattr(self, last), zone)
        return found

    def days(self, zone: tzinfo) -> dict[str, str]:
        """The days as the fields of the form have them."""
        found = {}
        for first, last in _DAYS:
            found[first] = day.first_shown(getattr(self, first), zone)
            found[last] = day.last_shown(getattr(self, last), zone)
        return found

    def columns_with(self, name: str) -> str | None:
        """The columns after this one was switched; None where they are the usual ones."""
        chosen = tuple(one for one in COLUMNS if (one in self.shown) != (one == name))
        return None if chosen == USUAL or not chosen else ",".join(chosen)

    def report(self, zone: tzinfo) -> str:
        """The address of the report with the same filters. It is over when orders were paid; where only the time of
        their making is given, over that."""
        times = self.moments(zone)
        since, to = times["paid_from"], times["paid_to"]
        if since is None and to is None:
            since, to = times["created_from"], times["created_to"]
        named = {name: getattr(self, name) for name in ("currency", "offer_id", "category_id", "manager_id", "system")}
        query = {
            "by": next((by for name, by in _BY.items() if named[name]), "currency"),
            **named,
            "from": _text(since),
            "to": _text(to),
            "include_test": "true" if self.livemode == "false" else None,
        }
        return f"/reports?{urlencode({name: value for name, value in query.items() if value})}"


def _text(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at else None
