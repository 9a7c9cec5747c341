"""What seed files hold (T7)."""

from __future__ import annotations

from enum import StrEnum


class SeedType(StrEnum):
    """What an entry makes, in the order in which they are made: none refers to a later one."""

    LOCATION = "location"
    CONTACT = "contact"
    DEAL = "deal"
    PRODUCT_TEMPLATE = "product_template"
    PRODUCT = "product"
    PRICE_LIST = "price_list"
    TEMPLATE = "template"
    OFFER = "offer"
    ORDER = "order"

    @property
    def plural(self) -> str:
        """The name of a list of them, and how a helper names them."""
        return f"{self.value}s"
