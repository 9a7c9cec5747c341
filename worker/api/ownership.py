"""What a manager may write: the orders they own."""

from __future__ import annotations

from handlers.errors import Refused
from schemas.account import Actor, Role
from schemas.api.order import OrderCreate


def owned(actor: Actor, body: OrderCreate) -> OrderCreate:
    """A manager writes only the orders they own, so those that they make are theirs."""
    if actor.role is not Role.MANAGER or body.owner_id == actor.token_id:
        return body
    if body.owner_id is not None:
        raise not_theirs()
    return body.model_copy(update={"owner_id": actor.token_id})


def not_theirs() -> Refused:
    return Refused(
        "not_owner",
        "A manager changes only the orders they own.",
        field="owner_id",
        remedy="Ask the owner or an administrator.",
    )
