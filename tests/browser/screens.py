"""Where each screen is found in the shop. A screen whose address names a row needs an entry; others are found by
themselves."""

from __future__ import annotations

from tests.browser.shop import Shop
from worker.screens.routes import SCREENS
from worker.screens.screen import Screen

ROWS: dict[str, str] = {
    "/events/{id}": "event",
    "/connections/{id}": "connection",
    "/orders/{id}": "order",
    "/orders/{id}/edit": "order",
    "/recurring-orders/{id}": "recurring order",
    "/payments/{id}": "payment",
    "/customers/{id}": "contact",
    "/deals/{id}": "deal",
    "/checkouts/{id}": "checkout",
}
"""The noun of the rows that a path's `{id}` stands for."""
MORE: dict[str, tuple[str, ...]] = {
    "/": ("/?range=24h",),
    "/events": ("/events?state=dead", "/events?q=there-is-none-of-this"),
    "/orders": ("/orders?payment_status=partially_paid", "/orders?q=there-is-none-of-this"),
    "/payments": ("/payments?status=failed",),
    "/customers": ("/customers?q=ana",),
    "/find": ("/find?q=ana", "/find?q=there-is-none-of-this"),
}
"""The same screens otherwise: filtered, empty."""
SAMPLES = 3
"""Rows of a noun that are looked at, of all kinds that there are."""


def paths() -> list[str]:
    return [screen.path for screen in SCREENS]


def without_entry() -> list[str]:
    return [screen.path for screen in SCREENS if "{" in screen.path and screen.path not in ROWS]


def addresses(path: str, shop: Shop) -> list[str]:
    """Addresses of the screen of this path."""
    if path not in ROWS:
        return [path, *MORE.get(path, ())]
    before, _, after = path.partition("{id}")
    ids = shop.rows[ROWS[path]]
    step = max(1, len(ids) // SAMPLES)
    return [f"{before}{id_}{after}" for id_ in ids[::step][:SAMPLES]]


def screen_of(path: str) -> Screen:
    [found] = [screen for screen in SCREENS if screen.path == path]
    return found
