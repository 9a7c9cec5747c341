"""Making and changing deals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from handlers import access, money
from handlers.errors import Refused
from schemas.account import Actor, Reach
from worker.actions import references
from worker.context import Context
from worker.ids import new_id
from worker.store import accounts, deals
from worker.store.db import Pooled, transaction
from worker.store.deals import Deal


async def create(ctx: Context, actor: Actor, wish: Mapping[str, Any]) -> str:
    """The id of a new deal. `wish`: its fields as given. An amount without a currency is in the account's.

    Raises Refused (`contact_unknown`, `owner_unknown`, `not_owner`, `invalid`).
    """
    owner_id = access.owner_of_new(actor, wish.get("owner_id"), "deals")
    deal = Deal(id=new_id(), **{**wish, "owner_id": owner_id})
    async with transaction(ctx.pool) as connection:
        await references.check(connection, access.reach(actor), msgspec.structs.asdict(deal))
        deal = await priced(connection, actor.account_id, deal)
        await deals.add(connection, actor.account_id, deal)
    return deal.id


async def change(
    ctx: Context, actor: Actor, deal_id: str, changes: Mapping[str, Any], if_match: int | None = None
) -> None:
    """Change the given fields of a deal. Raises Refused: `not_found`, `version`, and those of `create`."""
    within: Reach = access.reach(actor)
    async with transaction(ctx.pool) as connection:
        held = await deals.hold(connection, within, deal_id)
        if held is None:
            raise Refused("not_found", f"There is no deal {deal_id}.", remedy="List the deals to find it.")
        access.check_write(actor, held.owner_id, "deals")
        if if_match is not None and if_match != held.version:
            raise Refused(
                "version",
                f"The deal is at version {held.version} now, not {if_match}.",
                remedy="Get it again and repeat the change.",
            )
        wanted = msgspec.structs.replace(held, **changes)
        access.check_kept(within, (wanted.owner_id,), "owner_id")
        await references.check(connection, within, changes)
        wanted = await priced(connection, actor.account_id, wanted)
        if wanted != held:
            await deals.save(connection, actor.account_id, wanted)


async def priced(connection: Pooled, account_id: str, deal: Deal) -> Deal:
    """The deal with the currency of its amount."""
    if deal.currency is None:
        if deal.amount is None:
            return deal
        return msgspec.structs.replace(deal, currency=(await accounts.get(connection, account_id)).currency)
    money.wished_currency(deal.currency)
    return deal
