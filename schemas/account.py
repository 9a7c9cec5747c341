"""Who acts, and what they may do (H2)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    ADMIN = "admin"  # everything
    MANAGER = "manager"  # reads all, writes the orders they own
    REP = "rep"  # what the wallet shows


class Permission(StrEnum):
    CRM_MANAGE = "crm.manage"  # write orders and contacts
    SALES_CONFIRM = "sales.confirm"
    RECURRING_MANAGE = "recurring.manage"
    OPS_VIEW = "ops.view"  # see events, lanes, workers
    OPS_REPLAY = "ops.replay"  # apply events again
    SETTINGS_MANAGE = "settings.manage"  # connections, tokens, subscribers


@dataclass(frozen=True)
class Actor:
    """Who asks: a token, or a browser that signed in with one. Every query is about `account_id` and no other."""

    account_id: str
    token_id: str
    name: str
    role: Role
    permissions: frozenset[str]

    def may(self, permission: str) -> bool:
        """Whether this actor has the permission. An administrator has all."""
        return self.role is Role.ADMIN or permission in self.permissions

    @property
    def label(self) -> str:
        """How the timeline names this actor."""
        return f"token:{self.name}"
