"""One message of the feed, posted to its subscriber: what came of it, never an exception."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from importlib.metadata import version

import aiohttp
import msgspec
from yarl import URL

from worker.outside.targets import Private

TIMEOUT_S = 15.0
ANSWER_BYTES = 64 * 1024
KEPT_BYTES = 1024
_HEADERS = {
    "Content-Type": "application/json",
    "User-Agent": f"Daybook/{version('daybook')}",
    "Accept-Encoding": "identity",
}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`status` is None where there was no answer; `error` says in words what went wrong; `text` is the beginning of the
    answer of a failure; `retry_after_s` what it asks for."""

    status: int | None = None
    error: str | None = None
    text: str | None = None
    retry_after_s: float = 0

    @property
    def good(self) -> bool:
        return self.error is None

    @property
    def gone(self) -> bool:
        return self.status == 410


async def post(session: aiohttp.ClientSession, url: str, body: bytes, headers: Mapping[str, str], now: float) -> Answer:
    """Post it once. 2xx is good, as soon as it is said; redirects are not followed; the answer is read up to 64 KiB."""
    status = None
    try:
        async with (
            asyncio.timeout(TIMEOUT_S),
            session.post(
                URL(url),
                data=body,
                headers={**_HEADERS, **headers},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None),
            ) as answer,
        ):
            status = answer.status
            if 200 <= status < 300:
                await _read(answer)
                return Answer(status=status)
            text = await _read(answer)
            return Answer(
                status=status,
                error=f"answered {status}" + (", a redirect, which is not followed" if 300 <= status < 400 else ""),
                text=text,
                retry_after_s=_retry_after(answer.headers.get("Retry-After", ""), now) if status in (429, 503) else 0,
            )
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        if status is not None and 200 <= status < 300:
            return Answer(status=status)
        return Answer(status=status, error=_words(error))


async def _read(answer: aiohttp.ClientResponse) -> str:
    """The beginning of the answer as text that PostgreSQL takes. A longer one closes its connection."""
    found = b""
    while len(found) <= ANSWER_BYTES:
        part = await answer.content.read(ANSWER_BYTES + 1 - len(found))
        if not part:
            break
        found += part
    else:
        answer.close()
    text = found[:KEPT_BYTES].decode("utf-8", "replace").replace("\x00", "\ufffd")
    return text.encode()[:KEPT_BYTES].decode("utf-8", "ignore")


def _retry_after(text: str, now: float) -> float:
    """Seconds that a Retry-After asks for, as a number or a date; 0 for one that cannot be read."""
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return 0.0


def _words(error: BaseException) -> str:
    """What went wrong, in words that repeat nothing of what was sent."""
    cause = getattr(error, "os_error", None) or error
    chain = [cause, cause.__cause__, cause.__context__, *getattr(cause, "exceptions", ())]
    if any(isinstance(one, Private) for one in chain) or Private.WORDS in str(cause):
        return Private.WORDS
    if isinstance(error, aiohttp.InvalidURL):
        return "its address cannot be used"
    if isinstance(error, TimeoutError):
        return f"no answer within {TIMEOUT_S:g} s"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its host has no address"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
        return "its certificate cannot be trusted"
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return "no TLS connection could be made"
    if isinstance(error, aiohttp.ClientConnectorError):
        reason = getattr(cause, "strerror", None)
        return f"no connection: {reason.lower()}"[:200] if reason else "no connection"
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionError):
        return "the connection was closed before an answer"
    return f"no usable answer: {type(error).__name__}"
