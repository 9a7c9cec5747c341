"""Accounts over the API. A token sees its own and no other."""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web

from schemas.account import Permission
from schemas.api.account import AccountBody, AccountPage, AccountPatch
from schemas.api.page import PageQuery
from worker.actions import accounts as actions
from worker.api import audited, cursor
from worker.api.operation import Ask, Operations, answer, missing
from worker.store import accounts
from worker.store.accounts import Account
from worker.store.db import acquire

OPERATIONS = Operations("accounts")


@OPERATIONS.declare("GET", "/accounts", "List accounts", query=PageQuery, answer=AccountPage)
async def list_accounts(ask: Ask, query: PageQuery) -> web.Response:
    """The one account that your token belongs to."""
    place = cursor.decode("accounts", query.cursor)
    account = await _own(ask)
    items = [] if place else [_body(account)]
    return answer(AccountPage(items=items, next_cursor=None))


@OPERATIONS.declare("GET", "/accounts/{account_id}", "Get an account", answer=AccountBody, headers=("ETag",))
async def get_account(ask: Ask, account_id: str) -> web.Response:
    """Your token's own account, with its settings."""
    return missing("accounts") if account_id != ask.actor.account_id else _shown(await _own(ask))


@OPERATIONS.declare(
    "PATCH",
    "/accounts/{account_id}",
    "Change an account",
    permission=Permission.SETTINGS_MANAGE,
    body=AccountPatch,
    answer=AccountBody,
    errors=(412,),
    headers=("ETag",),
)
async def change_account(ask: Ask, account_id: str, body: AccountPatch) -> web.Response:
    """Only the settings given are changed. Once the registry is enabled, the events that were kept meanwhile are
    applied, oldest first.
    """
    if account_id != ask.actor.account_id:
        return missing("accounts")
    expected = ask.expected((await _own(ask)).version)
    now = datetime.fromtimestamp(ask.ctx.clock(), UTC)
    changes = body.model_dump(exclude_unset=True)
    changed = await actions.change(ask.ctx.pool, account_id, changes, expected, now=now, by=ask.actor.label)
    audited.note(ask.request, **changes)
    return _shown(changed)


async def _own(ask: Ask) -> Account:
    async with acquire(ask.ctx.pool) as connection:
        return await accounts.get(connection, ask.actor.account_id)


def _body(account: Account) -> AccountBody:
    given = {name: getattr(account, name) for name in AccountBody.model_fields}
    return AccountBody.model_validate({**given, "retry_intervals_s": list(account.retry_intervals_s)})


def _shown(account: Account) -> web.Response:
    return answer(_body(account), ETag=f'"{account.version}"')
