"""How often one address may try to sign in."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque
from collections.abc import Callable

TRIES = 10
WINDOW_S = 60.0
ADDRESSES = 10_000
"""Addresses remembered at most; beyond it the one that was quiet for longest is forgotten."""


class Attempts:
    """A sliding window per address. An IPv6 sender owns a whole /64, so that counts as one address."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, remote: str | None) -> float:
        """Count a try. Zero if it may go on, else the seconds until the next one may."""
        now, key = self._clock(), _network(remote)
        tries = self._tries.setdefault(key, deque(maxlen=TRIES))
        self._tries.move_to_end(key)
        while tries and tries[0] <= now - WINDOW_S:
            tries.popleft()
        if len(tries) == TRIES:
            return tries[0] + WINDOW_S - now
        tries.append(now)
        while len(self._tries) > ADDRESSES:
            self._tries.popitem(last=False)
        return 0.0

    def forgive(self, remote: str | None) -> None:
        """Whoever signed in has nothing to wait for."""
        self._tries.pop(_network(remote), None)


def _network(remote: str | None) -> str:
    try:
        address = ipaddress.ip_address(remote or "")
    except ValueError:
        return remote or ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(address)
