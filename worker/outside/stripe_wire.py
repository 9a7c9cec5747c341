"""The line to Stripe below its SDK: one request, once, with what is known of it when something goes wrong.

The SDK's own aiohttp client follows redirects, reads without a limit, hands raw errors on where a body is cut, and does
not tell a connection that was never made from one that broke. Here is that difference.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from contextvars import ContextVar
from importlib.metadata import version
from typing import Any

import aiohttp
import msgspec
import stripe

LARGEST_BYTES = 16 * 1024 * 1024
KEEPALIVE_S = 15.0
"""Shorter than Stripe keeps an idle connection, so that hardly a request is sent into one that is being closed."""
USER_AGENT = f"Daybook/{version('daybook')} stripe-python/{stripe.VERSION}"


class NeverSent(Exception):
    """No connection could be made: Stripe knows nothing of the request."""


class Lost(Exception):
    """It was sent, in whole or in part, and no whole answer came."""


class Heard(msgspec.Struct, frozen=True):
    """A whole answer, header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


HEARD: ContextVar[Heard | None] = ContextVar("heard", default=None)
"""The answer to the request that this task has just made."""


class Wire(stripe.AIOHTTPClient):
    """One aiohttp session, made with the first request. `connect_s`, `total_s`: seconds a request may take."""

    def __init__(self, *, connect_s: float, total_s: float, tls: bool) -> None:
        super().__init__()
        self._limits = aiohttp.ClientTimeout(total=total_s, connect=connect_s, sock_connect=connect_s)
        self._tls = tls
        self._open: aiohttp.ClientSession | None = None

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Raises NeverSent and Lost, with a sentence that repeats nothing of what was sent."""
        if self._open is None:
            self._open = self._session_of_ours()
        sent = {name: value for name, value in headers.items() if name.lower() != "x-stripe-client-user-agent"}
        try:
            async with self._open.request(
                method, url, headers={**sent, "User-Agent": USER_AGENT}, data=post_data, timeout=self._limits,
                allow_redirects=False,
            ) as answer:  # fmt: skip
                heard = Heard(
                    answer.status, {name.lower(): value for name, value in answer.headers.items()}, await _read(answer)
                )
        except aiohttp.ConnectionTimeoutError:
            raise NeverSent("no connection within the time set") from None
        except aiohttp.ClientConnectorError as error:  # DNS, refused, TLS
            raise NeverSent(f"no connection: {_cause(error)}") from None
        except aiohttp.InvalidURL:
            raise NeverSent("the address of the API cannot be used") from None
        except TimeoutError:
            raise Lost("no answer within the time set") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Lost(f"the connection broke before a whole answer: {_cause(error)}") from None
        HEARD.set(heard)
        return heard.body, heard.status, {"Request-Id": heard.headers.get("request-id", "")}

    async def close_async(self) -> None:
        if self._open is not None:
            await self._open.close()
            self._open = None

    def _session_of_ours(self) -> aiohttp.ClientSession:
        context: ssl.SSLContext | bool = True
        if self._tls:
            context = ssl.create_default_context()
            context.load_verify_locations(stripe.ca_bundle_path)  # beside the system's, which an image may lack
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit=0, keepalive_timeout=KEEPALIVE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    found = bytearray()
    async for part in answer.content.iter_chunked(65_536):
        found += part
        if len(found) > LARGEST_BYTES:
            answer.close()
            raise Lost(f"the answer is larger than {LARGEST_BYTES} bytes")
    return bytes(found)


def _cause(error: BaseException) -> str:
    """The kind of error, and the system's word for it where there is one."""
    reason = getattr(getattr(error, "os_error", error), "strerror", None)
    return f"{type(error).__name__}, {reason.lower()}" if isinstance(reason, str) and reason else type(error).__name__
