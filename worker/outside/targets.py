"""Sessions for addresses that an account chose: none of them leads inside, unless the account may send there.

What is checked is the very address of each connection, when its socket is made, whatever a name was said to be before:
a name that is public when it is saved and private when it is called gets no connection.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from handlers.errors import Refused
from handlers.targets import checked_url, is_public

RESOLVE_S = 5.0
NAMES = 32
"""Names looked up at once. The event loop's own threads are so few that a handful of names whose servers do not answer
would keep all others waiting."""
CONNECTIONS = 256
PER_HOST = 32


class Private(OSError):
    """The address is one of the inside."""

    WORDS = "its host is at a private address"

    def __init__(self) -> None:
        super().__init__(self.WORDS)


class Names(AbstractResolver):
    """The system's resolver, in threads of its own."""

    _threads = ThreadPoolExecutor(NAMES, thread_name_prefix="names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        look = partial(socket.getaddrinfo, host, port, family=family, type=socket.SOCK_STREAM)
        rows = await asyncio.get_running_loop().run_in_executor(self._threads, look)
        return [
            ResolveResult(
                hostname=host, host=_written(place), port=port, family=kind, proto=protocol, flags=socket.AI_NUMERICHOST
            )
            for kind, _, protocol, _, place in rows
        ]

    async def close(self) -> None:
        """The threads are every session's."""


def _written(place: tuple[Any, ...]) -> str:
    """The address of a socket's place, with its zone where it has one."""
    return f"{place[0]}%{place[3]}" if len(place) == 4 and place[3] and "%" not in place[0] else str(place[0])


def guarded_socket(address: tuple[int, int, int, str, Sequence[object]]) -> socket.socket:
    """A socket for this address (as getaddrinfo writes it). Raises Private."""
    family, kind, protocol, _, place = address
    if not is_public(str(place[0])):
        raise Private
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    return made


def open_session(*, private: bool, resolver: AbstractResolver | None = None) -> aiohttp.ClientSession:
    """A session without cookies, proxies and decompression; `private`: whether it may reach inside."""
    connector = aiohttp.TCPConnector(
        limit=CONNECTIONS,
        limit_per_host=PER_HOST,
        resolver=resolver or Names(),
        use_dns_cache=False,
        socket_factory=None if private else guarded_socket,
    )
    return aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False
    )


async def check(text: str, *, private: bool, resolver: AbstractResolver | None = None) -> URL:
    """The URL, if it may be sent to as far as can be seen now. Refused (`invalid`, field `url`) where its host has no
    address, or one of the inside."""
    url = checked_url(text, private=private)
    resolver = resolver or Names()
    try:
        async with asyncio.timeout(RESOLVE_S):
            found = await resolver.resolve(url.host or "", url.port or 0, family=socket.AF_UNSPEC)
    except (OSError, TimeoutError, UnicodeError):
        raise Refused(
            "invalid", f"The host {url.host} has no address.", field="url", remedy="See that its name is right."
        ) from None
    if not private and not all(is_public(result["host"]) for result in found):
        raise Refused(
            "invalid",
            f"The host {url.host} is at a private address.",
            field="url",
            remedy="Give one that the internet can reach, or let an administrator turn on private_targets.",
        )
    return url
