"""Who acts, what they may do, and how far they see (H2, O12)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    ADMIN = "admin"  # everything
    MANAGER = "manager"  # reads all, writes what they own
    REP = "rep"  # what the wallet shows


class Permission(StrEnum):
    CRM_MANAGE = "crm.manage"  # write orders, contacts and deals
    SALES_CONFIRM = "sales.confirm"
    RECURRING_MANAGE = "recurring.manage"
    OPS_VIEW = "ops.view"  # see events, lanes, workers
    OPS_REPLAY = "ops.replay"  # apply events again
    SETTINGS_MANAGE = "settings.manage"  # the account, connections, tokens, subscribers


@dataclass(frozen=True)
class Reach:
    """How far a read goes: one account, and in it the rows of one owner (a token's id), or all of them."""

    account_id: str
    owner_id: str | None = None


@dataclass(frozen=True)
class Actor:
    """Who asks: a token, or a browser that signed in with one. Every query is about `account_id` and no other.

    `owner_privacy`, `registry_enabled` and `timezone` (a name of the IANA database) are the account's at the time of
    asking. `in_browser`: a person at the screens, not a program.
    """

    account_id: str
    token_id: str
    name: str
    role: Role
    permissions: frozenset[str]
    owner_privacy: bool = False
    registry_enabled: bool = True
    timezone: str = "UTC"
    in_browser: bool = False

    def may(self, permission: str) -> bool:
        """Whether this actor has the permission. An administrator has all."""
        return self.role is Role.ADMIN or permission in self.permissions

    @property
    def label(self) -> str:
        """How the timeline names this actor."""
        return f"token:{self.name}"

    @property
    def origin(self) -> str:
        """The origin, and the source, of the orders that this actor makes."""
        return "manual" if self.in_browser else "api"
