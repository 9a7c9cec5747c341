"""An embedded PostgreSQL: the server binary of a wheel, run as our own child on a folder of ours.

It listens on a Unix socket in a private folder, wants a password all the same, and is as durable as PostgreSQL is by
default. **Nothing here ever removes a cluster**: one is made under another name and renamed when it is whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import asyncpg

from worker.errors import UserError
from worker.local.binaries import postgres_folder
from worker.local.datadir import sync_folder
from worker.local.process import Child, end_leftover

USER = "daybook"
DATABASE = "daybook"
OPTIONS: Mapping[str, str] = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "synchronous_commit": "on",
    "fsync": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    "cluster_name": "daybook",
}
# The builtin provider sorts and compares alike on every machine, whatever its C library knows.
LOCALE = ("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
READY_S = 120.0
STARTS = 8
"""Starts in a row that may fail: after kill -9 the old server's children may take a moment to end."""


class Postgres:
    """One PostgreSQL server. `start` makes the cluster if there is none, and returns when queries are answered."""

    def __init__(
        self, folder: Path, *, sockets: Path, password: str, log: Path, options: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self._sockets = sockets
        self._password = password
        self._binaries = postgres_folder()
        settings = {**OPTIONS, "unix_socket_directories": str(sockets), **(options or {})}
        arguments = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        self.child = Child(
            "PostgreSQL",
            [*_as_a_user(), str(self._binaries / "postgres"), "-D", str(folder), *arguments],
            log=log,
            environment=_environment(),
            stop_signal=signal.SIGINT,  # PostgreSQL's fast shutdown
        )

    def url(self, database: str = DATABASE) -> str:
        """The address of a database of this server, password included."""
        return f"postgresql://{USER}:{self._password}@/{database}?host={self._sockets}&port=5432"

    async def start(self) -> None:
        """Start on the folder, whatever state a crash has left it in."""
        await asyncio.to_thread(self._make_cluster)
        await end_leftover(self.folder / "postmaster.pid", self.folder, signal.SIGINT, signal.SIGQUIT)
        for attempt in range(1, STARTS + 1):
            self.child.start()
            if await self._answers():
                await self._make_database()
                return
            await asyncio.sleep(0.1 * attempt)
        lines = "\n".join(self.child.last_lines())
        raise UserError(
            f"PostgreSQL does not start ({self.child.ending}). Its last lines:\n{lines}\n", remedy=_hint(lines)
        )

    async def stop(self, *, hurry: bool = False) -> None:
        """End it in order; `hurry` leaves the tidying to the next start."""
        await self.child.stop(3 if hurry else 30, with_signal=signal.SIGQUIT if hurry else None)

    async def _answers(self) -> bool:
        """Wait for the first answer. False when the server has ended instead."""
        until = time.monotonic() + READY_S
        while self.child.alive:
            try:
                connection = await asyncpg.connect(self.url("postgres"), timeout=5)
            except (OSError, TimeoutError, asyncpg.CannotConnectNowError):
                if time.monotonic() > until:
                    await self.child.stop(5)
                    return False
                await asyncio.sleep(0.02)
            except asyncpg.InvalidPasswordError:
                await self.child.stop(5)
                raise UserError(
                    f"The PostgreSQL in {self.folder} does not take the password kept beside it.",
                    remedy="Restore the whole data directory from one backup.",
                ) from None
            else:
                await connection.close()
                return True
        return False

    async def _make_database(self) -> None:
        connection = await asyncpg.connect(self.url("postgres"), timeout=30)
        try:
            if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f'CREATE DATABASE "{DATABASE}"')
        finally:
            await connection.close()

    def _make_cluster(self) -> None:
        """Make the cluster under another name and rename it, so that a kill in between leaves no half of one."""
        for leftover in self.folder.parent.glob(f"{self.folder.name}.init-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        if (self.folder / "PG_VERSION").exists():
            return
        if self.folder.exists() and any(self.folder.iterdir()):
            raise UserError(
                f"{self.folder} is not empty and holds no PostgreSQL cluster.",
                remedy="Move it away, or name another --data.",
            )
        new = Path(tempfile.mkdtemp(dir=self.folder.parent, prefix=f"{self.folder.name}.init-"))
        command = [*_as_a_user(), str(self._binaries / "initdb"), "-D", str(new), "-U", USER, *LOCALE]
        command += ["--auth=scram-sha-256", "--pwfile=/dev/stdin", "--no-instructions"]
        done = subprocess.run(  # noqa: S603  (our own command)
            command,
            input=self._password + "\n",
            capture_output=True,
            text=True,
            env=_environment(),
            check=False,
            start_new_session=True,
        )
        if done.returncode:
            shutil.rmtree(new, ignore_errors=True)
            text = (done.stderr or done.stdout).strip()
            raise UserError(f"PostgreSQL's initdb failed:\n{text}\n", remedy=_hint(text))
        with contextlib.suppress(FileNotFoundError):
            self.folder.rmdir()
        new.rename(self.folder)
        sync_folder(self.folder.parent)


def _as_a_user() -> list[str]:
    """What stands before PostgreSQL's commands: it refuses to run as root, so root enters a user namespace of its own.

    There the process has an ordinary id while the files stay root's; nothing on disk changes owner or permissions.
    """
    if os.geteuid() != 0:
        return []
    unshare = shutil.which("unshare")
    prefix = [unshare or "unshare", "--user", "--map-user=1000", "--map-group=1000"]
    allowed = unshare and subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0  # noqa: S603
    if not allowed:
        raise UserError(
            "PostgreSQL does not run as root, and user namespaces are not allowed here.",
            remedy="Run as an ordinary user, or set DATABASE_URL.",
        )
    return prefix


def _environment() -> dict[str, str]:
    """The environment without PG* variables, which PostgreSQL's programs would obey, and in plain English."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


def _hint(text: str) -> str:
    if "No space left" in text:
        return "Free some space on the disk of the data directory."
    if "Permission denied" in text and os.geteuid() == 0:
        return (
            "PostgreSQL runs without root's rights, so the folders on the way to it and to its data must be root's or "
            "open. Run as their owner, or set DATABASE_URL."
        )
    if "Permission denied" in text:
        return "Put the data directory where this user may write."
    return "Mend what they name, or set DATABASE_URL to another PostgreSQL."
