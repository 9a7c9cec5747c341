"""How fast one token may ask, and how often one address may fail to say who it is.

Token buckets in this receiver's memory: of several receivers each counts for itself. What is kept is bounded: of more
names than `NAMES` the one longest silent is forgotten, which is in its favour.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from aiohttp import web

from worker.problems import problem

NAMES = 10_000
BURST_S = 4
"""A token may use the requests of so many seconds at once."""
FAILURES_PER_S, FAILURES_AT_ONCE = 20.0, 2_000.0
"""Of one address. A secret has 256 random bits, so this is about cost, not about guessing."""


class Buckets:
    """`rate` a second, `burst` at once, for each name. A rate of 0 lets everything pass."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, max(burst, 1.0), clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, name: str) -> float:
        """Use one; 0 where there was one, else the seconds until there is."""
        if self._rate <= 0:
            return 0.0
        now, level = self._clock(), self._level(name)
        wait = 0.0 if level >= 1 else (1 - level) / self._rate
        self._levels[name] = (level if wait else level - 1, now)
        self._levels.move_to_end(name)
        if len(self._levels) > NAMES:
            self._levels.popitem(last=False)
        return wait

    def wait(self, name: str) -> float:
        """The seconds until there is one, without using it."""
        level = self._level(name) if self._rate > 0 else 1.0
        return 0.0 if level >= 1 else (1 - level) / self._rate

    def _level(self, name: str) -> float:
        level, at = self._levels.get(name, (self._burst, self._clock()))
        return min(self._burst, level + (self._clock() - at) * self._rate)


class Rates:
    """Of one receiver. `asked` by token, `failed` by address."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.asked = Buckets(per_second, per_second * BURST_S, clock)
        on = per_second > 0
        self.failed = Buckets(FAILURES_PER_S if on else 0, FAILURES_AT_ONCE, clock)
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def knows(self, credential: str) -> bool:
        """Whether this credential was good lately: its owner is let in, whoever else fails at the same address."""
        return _digest(credential) in self._known

    def remember(self, credential: str) -> None:
        digest = _digest(credential)
        self._known[digest] = None
        self._known.move_to_end(digest)
        if len(self._known) > NAMES:
            self._known.popitem(last=False)


def _digest(credential: str) -> bytes:
    return hashlib.blake2b(credential.encode("utf-8", "surrogatepass"), digest_size=16).digest()


RATES: web.AppKey[Rates] = web.AppKey("rates", Rates)


def address_of(request: web.Request) -> str:
    """The peer's address; of IPv6 the network of one site, whose addresses are for the taking."""
    peer = request.remote or ""
    try:
        found = ipaddress.ip_address(peer.split("%", 1)[0])
    except ValueError:
        return peer[:64]
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def too_fast(wait_s: float, whose: str) -> web.Response:
    """The 429, with the time after which the next request is answered."""
    seconds = max(1, math.ceil(wait_s))
    return problem(
        429,
        f"{whose} Send it again in {seconds} s.",
        code="rate_limited",
        headers={"Retry-After": str(seconds)},
    )
