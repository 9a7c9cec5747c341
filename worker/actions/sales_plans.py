"""Sales plans: noting them and taking them back."""

from __future__ import annotations

from datetime import UTC, datetime

from handlers import access
from handlers.errors import Refused
from schemas.account import Actor, Role
from worker.actions.records import writing
from worker.context import Context
from worker.ids import new_id
from worker.store import contact_reads, sales_plans
from worker.store.records import Records

_TABLE = Records("sales_plans")


async def create(
    ctx: Context, actor: Actor, contact_id: str, *, offer_id: str | None, manager_id: str | None, note: str | None
) -> str:
    """The id of a new plan of this manager, who is the actor unless given. Refused with `not_found` for the contact,
    `offer_unknown`, `manager_unknown`, and `not_owner` where a manager notes a plan for somebody else."""
    manager = manager_id or actor.token_id
    _check_own(actor, manager)
    plan_id = new_id()
    now = datetime.fromtimestamp(ctx.clock(), UTC)
    async with writing(ctx, _TABLE) as connection:
        if not await contact_reads.read(connection, access.reach(actor), [contact_id]):
            raise _missing()
        await sales_plans.add(connection, actor.account_id, plan_id, contact_id, offer_id, manager, note, now)
    return plan_id


async def delete(ctx: Context, actor: Actor, contact_id: str, plan_id: str) -> None:
    """Take a plan back. Refused with `not_found`, and with `not_owner` where a manager takes back another's."""
    async with writing(ctx, _TABLE) as connection:
        if not await contact_reads.read(connection, access.reach(actor), [contact_id]):
            raise _missing()
        manager = await sales_plans.manager_of(connection, actor.account_id, contact_id, plan_id)
        if manager is None:
            raise _missing()
        _check_own(actor, manager)
        await sales_plans.forget(connection, actor.account_id, plan_id)


def _check_own(actor: Actor, manager_id: str) -> None:
    if actor.role is Role.MANAGER and manager_id != actor.token_id:
        raise Refused(
            "not_owner", "A manager notes and takes back sales plans of their own.", field="manager_id",
            remedy="Leave manager_id out, or ask an administrator.",
        )  # fmt: skip


def _missing() -> Refused:
    return Refused("not_found", "There is nothing of this id.", remedy="Look it up in the list.")
