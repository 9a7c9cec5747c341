"""Running the requests that adapters ask for as data: an event whose body holds only ids names the object to fetch."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from schemas.provider import Fetch
from worker.config import Settings
from worker.errors import Transient

TIMEOUT = aiohttp.ClientTimeout(total=25, connect=3, sock_read=20)
LARGEST_BYTES = 4 * 1024 * 1024
_BODY = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


class Gone(Exception):
    """The object does not exist, or the provider will never give it to us. The reason is a sentence."""


class Api(msgspec.Struct, frozen=True):
    """Where a provider's objects are fetched, and with which headers."""

    base: str
    headers: Mapping[str, str]


def api_of(connection: str, provider: str, settings: Settings) -> Api | None:
    """The API that a connection (by name) may ask, or None where it has no key. The key of the environment is that of
    the connection `stripe`: **with it another account's connection would read what is not theirs**."""
    if connection == provider == "stripe" and settings.stripe_api_key:
        key = settings.stripe_api_key.get_secret_value()
        return Api(settings.stripe_api_base, {"Authorization": f"Bearer {key}"})
    return None


async def run(session: aiohttp.ClientSession, api: Api, fetch: Fetch) -> dict[str, Any]:
    """The object that was asked for.

    Raises Transient where asking again may help (no answer, 429, 5xx), Gone where it will not. The path comes out of an
    event, so it may never lead anywhere but below the provider's own address.
    """
    base = URL(api.base)
    target = URL(api.base.rstrip("/") + "/" + fetch.path.lstrip("/"))
    if not fetch.path.startswith("/") or target.origin() != base.origin():
        raise Gone(f"the address {fetch.path[:80]!r} is not below {base.host}")
    try:
        async with session.get(target, headers=api.headers, timeout=TIMEOUT, allow_redirects=False) as answer:
            if answer.status == 429 or answer.status >= 500:
                raise Transient(f"{base.host} answered {answer.status} for {fetch.path}")
            if answer.status != 200:
                raise Gone(f"{base.host} answered {answer.status} for {fetch.path}")
            body = await answer.content.read(LARGEST_BYTES + 1)
            while len(body) <= LARGEST_BYTES and not answer.content.at_eof():
                body += await answer.content.read(LARGEST_BYTES + 1 - len(body))
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Transient(f"{base.host} could not be asked for {fetch.path}: {type(error).__name__}") from error
    if len(body) > LARGEST_BYTES:
        raise Gone(f"{base.host} answered more than {LARGEST_BYTES} bytes for {fetch.path}")
    try:
        return _BODY.decode(body)
    except (msgspec.DecodeError, RecursionError):
        raise Gone(f"{base.host} answered no JSON object for {fetch.path}") from None
