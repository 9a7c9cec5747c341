"""Who is proposed as the manager of a sale (S5)."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.catalog import SalesPlan


def proposed_manager(contact_id: str, offer_id: str | None, plans: Iterable[SalesPlan]) -> str | None:
    """The manager of the contact's plan for this offer, else of the one that names no offer; of several the newest
    counts. None where nobody planned this sale: a plan for another offer is not one for this."""
    fitting = [
        (plan.offer_id is not None, plan.created_at, plan.id, plan.manager_id)
        for plan in plans
        if plan.contact_id == contact_id and plan.offer_id in (None, offer_id)
    ]
    return max(fitting)[3] if fitting else None
