"""What the menu offers. A place is left out for those who may not go there; the key that leads there follows `g`."""

from __future__ import annotations

import msgspec

from schemas.account import Actor, Permission


class Place(msgspec.Struct, frozen=True):
    title: str
    path: str
    icon: str
    key: str = ""
    permission: Permission | None = None


HOME = "/orders"
"""Where those begin who do not see the overview."""
GROUPS: tuple[tuple[str, tuple[Place, ...]], ...] = (
    (
        "Operate",
        (
            Place("Overview", "/", "activity", "o", Permission.OPS_VIEW),
            Place("Events", "/events", "inbox", "e", Permission.OPS_VIEW),
            Place("Dead letters", "/dead-letters", "archive-x", "d", Permission.OPS_VIEW),
            Place("Lanes", "/lanes", "layers", "l", Permission.OPS_VIEW),
            Place("Workers", "/workers", "server", "w", Permission.OPS_VIEW),
            Place("Connections", "/connections", "plug", "c", Permission.OPS_VIEW),
            Place("Audit", "/audit", "scroll-text", "a", Permission.OPS_VIEW),
        ),
    ),
    (
        "Business",
        (
            Place("Orders and sales", "/orders", "shopping-bag", "s"),
            Place("Customers", "/customers", "users", "u"),
            Place("Deals", "/deals", "handshake"),
            Place("Reports", "/reports", "chart-column", "r"),
            Place("Checkouts", "/checkouts", "funnel", "f"),
        ),
    ),
    ("Build", (Place("API reference", "/api/docs", "book-open", "p"),)),
)


def offered(actor: Actor) -> list[tuple[str, list[Place]]]:
    """The groups with what this actor may see of each."""
    groups = [
        (name, [place for place in places if place.permission is None or actor.may(place.permission)])
        for name, places in GROUPS
    ]
    return [(name, places) for name, places in groups if places]


def is_here(place: Place, path: str) -> bool:
    """Whether a page belongs to a place: `/events/<id>` to Events."""
    return path == place.path or (place.path != "/" and path.startswith(f"{place.path}/"))
