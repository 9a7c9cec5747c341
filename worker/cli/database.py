"""The database, for commands that go to it directly, and the accounts they speak of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from worker.errors import DATABASE_ERRORS, UserError

if TYPE_CHECKING:
    from worker.config import Settings
    from worker.store.accounts import Account
    from worker.store.db import Pool

AccountOption = Annotated[str, typer.Option("--account", help="Name of the account.")]
DEFAULT_ACCOUNT = "default"


@asynccontextmanager
async def opened(settings: Settings, *, keyed: bool = False) -> AsyncIterator[Pool]:
    """A small pool on the settings' database; whatever keeps it from opening is said in a sentence. `keyed`: as
    `make_pool` has it."""
    import asyncpg

    from worker.store.db import open_pool

    try:
        pool = await open_pool(settings.database_url or "", size=2, keyed=keyed)
    except DATABASE_ERRORS as error:
        raise UserError(
            f"PostgreSQL cannot be reached: {str(error) or type(error).__name__}.",
            remedy="See that it runs and that DATABASE_URL is right.",
        ) from None
    try:
        yield pool
    except asyncpg.UndefinedTableError:
        raise UserError("The database has no schema yet.", remedy="Run `daybook migrate`.") from None
    finally:
        await pool.close()


async def account_named(pool: Pool, name: str) -> Account:
    from worker.store import accounts
    from worker.store.db import acquire

    async with acquire(pool) as connection:
        found = await accounts.find(connection, name)
    if found is None:
        raise UserError(f"There is no account {name}.", remedy="See `daybook account list`.")
    return found
