"""How far an actor sees, and what they may write: decided here and nowhere else (H2, O12, O13).

Whether a token has a permission is `Actor.may`, which each operation declares; the rest is a matter of rows.
"""

from __future__ import annotations

from handlers.errors import Refused
from schemas.account import Actor, Permission, Reach, Role


def reach(actor: Actor) -> Reach:
    """What the actor sees: with owner privacy on a rep sees the rows that are theirs, everybody else all."""
    private = actor.role is Role.REP and actor.owner_privacy
    return Reach(actor.account_id, actor.token_id if private else None)


def may_write(actor: Actor, owner_id: str | None) -> bool:
    """Whether a row that the actor sees is theirs to change. `owner_id`: whose it is."""
    return actor.role is not Role.MANAGER or owner_id == actor.token_id


def check_write(actor: Actor, owner_id: str | None, noun: str) -> None:
    """Raise Refused (`not_owner`) where this row, which the actor sees, is not theirs to change. `owner_id`: whose it
    is; `noun`: what such rows are called."""
    if not may_write(actor, owner_id):
        raise Refused(
            "not_owner",
            f"A manager changes only the {noun} they own.",
            field="owner_id",
            remedy="Ask the owner or an administrator.",
        )


def owner_of_new(actor: Actor, asked: str | None, noun: str) -> str | None:
    """Who owns what the actor makes: who could not see or change another's owns it. `asked`: the owner asked for.

    Raises Refused (`not_owner`) where that is somebody else.
    """
    narrow = actor.role is Role.MANAGER or reach(actor).owner_id is not None
    if not narrow:
        return asked
    if asked not in (None, actor.token_id):
        raise Refused(
            "not_owner",
            f"The {noun} you make are your own.",
            field="owner_id",
            remedy="Leave owner_id out, or ask an administrator.",
        )
    return actor.token_id


def check_kept(within: Reach, owners: tuple[str | None, ...], field: str) -> None:
    """Raise Refused (`not_owner`) where a change would take a row out of the sight of who makes it. `owners`: those who
    see it after the change."""
    if within.owner_id is not None and within.owner_id not in owners:
        raise Refused(
            "not_owner",
            "You would not see it any more.",
            field=field,
            remedy="Ask a manager or an administrator to hand it over.",
        )


def check_registry(actor: Actor) -> None:
    """Raise Refused (`registry_off`) while the account's order registry is off."""
    if not actor.registry_enabled:
        raise RegistryOff(actor.account_id)


class RegistryOff(Refused):
    """The order registry of this account is off; `permission` is what its being enabled needs."""

    def __init__(self, account_id: str) -> None:
        super().__init__(
            "registry_off",
            "The order registry of this account is off. Events are kept meanwhile, and applied once it is on.",
            remedy=f"An administrator, or a token with {Permission.SETTINGS_MANAGE}, enables it: "
            f'PATCH /api/v1/accounts/{account_id} {{"registry_enabled": true}}.',
        )
        self.permission = Permission.SETTINGS_MANAGE
