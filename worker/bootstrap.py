"""What a first start makes, and every start makes sure of: the account `default`, its administrator's token, and the
connections whose secrets the environment (or else the data directory) holds.

All of it may run any number of times, and twice at once.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field

from worker.config import PROVIDERS_WITH_SECRETS, Settings
from worker.local.datadir import DataDir, secret_keys
from worker.store import accounts, connections, tokens
from worker.store.db import Pool, acquire, open_pool, transaction
from worker.vault import Vault

ACCOUNT = "default"
ADMIN = "admin"


@dataclass(frozen=True)
class Boot:
    """What was made, a sentence each, and the path of a fresh sign-in link (below this instance's address)."""

    lines: list[str] = field(default_factory=list)
    sign_in_link: str | None = None


async def bootstrap(settings: Settings, data: DataDir) -> Boot:
    """For `daybook up`: account, administrator, connections, and a sign-in link that works once, for 15 minutes."""
    vault = Vault(secret_keys(settings, data))
    pool = await open_pool(settings.database_url or "", size=2)
    try:
        async with transaction(pool) as connection:
            await accounts.hold_start(connection)
            account_id, lines = await _account(pool)
            token, more = await _admin_token(pool, account_id, data)
            lines += more
            lines += await _connections_of_environment(pool, vault, settings, account_id)
            lines += await _connections_of_data(pool, vault, settings, account_id, data)
        return Boot(lines, await sign_in_link(pool, token))
    finally:
        await pool.close()


async def bootstrap_connections(pool: Pool, vault: Vault, settings: Settings) -> list[str]:
    """For a receiver without a data directory: the connections whose secrets the environment gives."""
    if not any(settings.webhook_secrets(name) for name in PROVIDERS_WITH_SECRETS):
        return []
    account_id, lines = await _account(pool)
    return lines + await _connections_of_environment(pool, vault, settings, account_id)


async def sign_in_link(pool: Pool, token: str) -> str | None:
    """The path of a link that signs a browser in as this token, once; None if the token does not stand."""
    actor = await tokens.find(pool, token)
    if actor is None:
        return None
    return f"/sign-in?link={await tokens.grant(pool, actor.account_id, actor.token_id, 'link')}"


async def _account(pool: Pool) -> tuple[str, list[str]]:
    async with acquire(pool) as connection:
        account, new = await accounts.add(connection, ACCOUNT, registry_enabled=True)
    return account.id, [f"Account {ACCOUNT}: made, in {account.currency}"] if new else []


async def _admin_token(pool: Pool, account_id: str, data: DataDir) -> tuple[str, list[str]]:
    """The token in DIR/admin-token, made anew where the file is gone or its token no longer stands."""
    token = data.read(data.admin_token)
    actor = await tokens.find(pool, token) if token else None
    if token and actor and actor.account_id == account_id:
        return token, []
    token = tokens.new_secret("bearer")
    data.write(
        data.admin_token, token
    )  # first the file: a crash after it leaves a token that is made anew, no stray one
    await tokens.issue(pool, account_id, ADMIN, "admin", value=token)
    return token, [f"Admin token: written to {data.admin_token}"]


async def _connections_of_environment(pool: Pool, vault: Vault, settings: Settings, account_id: str) -> list[str]:
    """The environment wins at each start: its secrets replace those that a connection has."""
    lines = []
    for name in PROVIDERS_WITH_SECRETS:
        given = settings.webhook_secrets(name)
        if not given:
            continue
        held = await connections.find(pool, name)
        if held is None:
            try:
                await connections.add(pool, vault, account_id, name, name, given)
            except connections.Unfit as error:
                if error.code != "taken":
                    raise
                held = await connections.find(pool, name)  # another process made it at this moment
            else:
                lines.append(f"Connection {name}: made, with the secret of the environment")
        if held is None:
            continue
        if held.account_id != account_id:
            lines.append(f"Connection {name}: belongs to another account, its secret is left as it is")
            continue
        now = await connections.update(pool, vault, account_id, held.id, secrets=given)
        if now and now.version != held.version:
            lines.append(f"Connection {name}: has the secret of the environment now")
    return lines


async def _connections_of_data(
    pool: Pool, vault: Vault, settings: Settings, account_id: str, data: DataDir
) -> list[str]:
    """Where the environment gives no secret, a random one that DIR/secrets.json keeps for `daybook send`."""
    lines = []
    kept = data.read_json(data.secrets)
    wanted = {name: value for name, value in kept.items() if not settings.webhook_secrets(name)}
    missing = []
    for name in PROVIDERS_WITH_SECRETS:
        if settings.webhook_secrets(name) or await connections.find(pool, name):
            continue
        wanted.setdefault(name, random_secret(name))
        missing.append(name)
    if wanted != kept:
        data.write_json(data.secrets, wanted)  # before the connection is made, so that no crash loses a secret
    for name in missing:
        try:
            await connections.add(pool, vault, account_id, name, name, [str(wanted[name])])
        except connections.Unfit as error:
            if error.code != "taken":
                raise
        else:
            lines.append(f"Connection {name}: made, with a secret kept in {data.secrets}")
    return lines


def random_secret(provider: str) -> str:
    """A secret in the form that the provider's own have."""
    if provider == "standard":
        return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    if provider == "stripe":
        return "whsec_" + secrets.token_hex(24)
    return secrets.token_hex(32)
