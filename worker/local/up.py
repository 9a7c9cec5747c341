"""The supervisor behind `daybook up`: a whole Daybook on one machine, started in order, kept alive, stopped in order.

PostgreSQL and Valkey (unless DATABASE_URL and REDIS_URL name others), then the schema, a stand-in Stripe (unless there
is a STRIPE_API_KEY), then one receiver and one worker, all as child processes. What dies is started again. **Nothing is
decided here**: what a Daybook needs on its first start is `worker.bootstrap`'s business.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from worker.config import Settings
from worker.errors import DATABASE_ERRORS, UserError
from worker.local import stripe_child
from worker.local.address import ask_ready, listen, reachable, web_address, without_credentials
from worker.local.datadir import DataDir, secret_keys
from worker.local.keep import keep_running
from worker.local.postgres import Postgres
from worker.local.process import Child
from worker.local.valkey import Valkey

READY_S = 120.0
METRICS = ("DAYBOOK_METRICS_PORT", "DAYBOOK_METRICS_HOST")
"""What to change where a metrics port cannot be had."""


def up(settings: Settings) -> None:
    """Run until told to stop."""
    data = DataDir.make(settings.data)
    first = settings.metrics_port or 0
    with (
        data.locked(),
        listen(settings.host, settings.port) as listener,
        listen(settings.metrics_host, first, *METRICS) as of_receiver,
        listen(settings.metrics_host, first + 1 if first else 0, *METRICS) as of_worker,
        stripe_child.listening(settings, data) as stand_in,
    ):
        metrics = {"receive": of_receiver, "work": of_worker}
        asyncio.run(_Instance(settings, data, listener, metrics, stand_in).run())


class _Instance:
    """One running `daybook up`."""

    def __init__(
        self, settings: Settings, data: DataDir, listener: socket.socket, metrics: Mapping[str, socket.socket],
        stand_in: socket.socket | None,
    ) -> None:  # fmt: skip
        self._data = data
        self._listener = listener
        self._metrics = metrics
        self._stand_in = stand_in
        self._settings = settings.model_copy(update={"port": listener.getsockname()[1], "data": data.path})
        self._servers: list[Postgres | Valkey] = []
        self._programs: list[Child] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._sockets: Path | None = None
        self._asked = asyncio.Event()  # the first signal
        self._hurry = asyncio.Event()  # the second
        self._is_ready = False
        self._sign_in_link: str | None = None

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        hangup = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)  # nohup means it
        for number in (signal.SIGINT, signal.SIGTERM, *hangup):
            loop.add_signal_handler(number, self._signalled)
        asked = asyncio.create_task(self._asked.wait())
        starting = asyncio.create_task(self._start())
        try:
            await _first(asked, starting)
            if starting.done():
                starting.result()
                await _first(asked, *self._keepers)
                for keeper in self._keepers:
                    if keeper.done():
                        keeper.result()
        finally:
            for task in (asked, starting, *self._keepers):
                task.cancel()
            await asyncio.gather(asked, starting, *self._keepers, return_exceptions=True)
            await self._stop()

    def _signalled(self) -> None:
        if self._asked.is_set():
            self._hurry.set()
        else:
            _say("Stopping (once more to hurry) ...")
        self._asked.set()

    # Starting

    async def _start(self) -> None:
        _say(f"Data in {self._data.path}, logs in {self._data.logs}")
        if self._stand_in:
            address = stripe_child.address(self._stand_in)
            _say(f"Stripe is played by a local stand-in, {address}: no money moves. STRIPE_API_KEY ends that.")
        await self._start_servers()
        await self._prepare()
        if self._stand_in:
            self._run(self._stripe(self._stand_in))
        for child in (self._program("receive", self._listener), self._program("work")):
            self._run(child)
        await _first(asyncio.create_task(self._answers()), *self._keepers)
        url = self._url
        self._data.write(self._data.url, url)
        self._is_ready = True
        told = ", ".join(f"{name} {address}/metrics" for name, address in self._measured.items())
        _say(f"Metrics: {told}")
        _say(f"ready {url}")
        if self._sign_in_link:
            link = self._sign_in_link
            _say(f"Sign in: {url + link if link.startswith('/') else link}")

    async def _start_servers(self) -> None:
        data, logs, settings = self._data, self._data.logs, self._settings
        if not (settings.database_url and settings.redis_url):
            self._sockets = self._make_sockets()
        if settings.database_url:
            _say(f"PostgreSQL: DATABASE_URL ({without_credentials(settings.database_url)})")
        elif self._sockets:
            password = data.kept(data.path / "postgres-password")
            postgres = Postgres(
                data.path / "postgres", sockets=self._sockets, password=password, log=logs / "postgres.log"
            )
            await self._serve(postgres)
            self._settings = self._settings.model_copy(update={"database_url": postgres.url()})
        if settings.redis_url:
            _say(f"Redis: REDIS_URL ({without_credentials(settings.redis_url)})")
        elif self._sockets:
            password = data.kept(data.path / "valkey-password")
            valkey = Valkey(data.path / "valkey", sockets=self._sockets, password=password, log=logs / "valkey.log")
            await self._serve(valkey)
            self._settings = self._settings.model_copy(update={"redis_url": valkey.url()})
        data.write_json(
            data.servers,
            {
                "database_url": self._settings.database_url,
                "redis_url": self._settings.redis_url,
                "sockets": str(self._sockets or ""),
                "metrics": self._measured,
                "stripe_stand_in": stripe_child.address(self._stand_in) if self._stand_in else "",
            },
        )

    async def _serve(self, server: Postgres | Valkey) -> None:
        self._servers.append(server)  # before it starts: a signal meanwhile must find it
        await server.start()
        self._keep(server.child)
        _say(f"{server.child.name}: its own, in {server.folder}")

    async def _prepare(self) -> None:
        """The secret key, the schema, and what a first start makes."""
        from worker.bootstrap import bootstrap
        from worker.store.migrate import migrate

        if not secret_keys(self._settings, self._data):
            self._data.kept(self._data.secret_key)
        key = ",".join(secret_keys(self._settings, self._data))
        self._settings = self._settings.model_copy(update={"secret_key": SecretStr(key)})
        address = self._settings.database_url or ""
        try:
            applied = await migrate(address)
        except DATABASE_ERRORS as error:
            raise UserError(
                f"PostgreSQL at {without_credentials(address)} cannot be used: {str(error) or type(error).__name__}.",
                remedy="See that it runs and that DATABASE_URL is right.",
            ) from None
        if applied:
            _say(f"Schema: {len(applied)} migration{'s' if len(applied) > 1 else ''} applied")
        made = await bootstrap(self._settings, self._data)
        for line in made.lines:
            _say(line)
        self._sign_in_link = made.sign_in_link

    def _run(self, child: Child) -> None:
        child.start()
        self._programs.append(child)
        self._keep(child)

    def _stripe(self, listener: socket.socket) -> Child:
        signed_with = stripe_child.secret(self._settings, self._data)
        if signed_with is None:
            _say(
                "The stand-in's webhooks go nowhere: set STRIPE_WEBHOOK_SECRET to the secret of the connection stripe."
            )
        return stripe_child.child(listener, self._data, f"{self._url}/webhooks/stripe", signed_with)

    def _program(self, command: str, listener: socket.socket | None = None) -> Child:
        settings = self._settings
        key = settings.secret_key.get_secret_value() if settings.secret_key else ""
        environment = {
            **os.environ,
            "DATABASE_URL": settings.database_url or "",
            "REDIS_URL": settings.redis_url or "",
            "DAYBOOK_DATA": str(self._data.path),
            "DAYBOOK_SECRET_KEY": key,
            "PORT": str(settings.port),
            "DAYBOOK_METRICS_FD": str(self._metrics[command].fileno()),
            **stripe_child.environment(self._stand_in),
        }
        inherit = [self._metrics[command].fileno()]
        if listener:
            environment["DAYBOOK_LISTEN_FD"] = str(listener.fileno())
            inherit.append(listener.fileno())
        return Child(
            command,
            [sys.executable, "-P", "-m", "worker.cli", command],  # -P: a `worker` in the current folder is not ours
            log=self._data.logs / f"{command}.log",
            environment=environment,
            inherit=inherit,
        )

    def _make_sockets(self) -> Path:
        """A private folder with a short path: a socket's path ends at 107 bytes. A killed supervisor's is removed."""
        before = Path(str(self._data.read_json(self._data.servers).get("sockets") or "/"))
        with contextlib.suppress(OSError):
            if before.name.startswith("daybook-") and before.lstat().st_uid == os.geteuid():
                shutil.rmtree(before)
        short = Path("/tmp")  # noqa: S108  (mkdtemp makes a private folder in it)
        return Path(tempfile.mkdtemp(prefix="daybook-", dir=short if os.access(short, os.W_OK) else None))

    # Keeping

    def _keep(self, child: Child) -> None:
        keeping = keep_running(child, _say, lambda: self._is_ready)
        self._keepers.append(asyncio.create_task(keeping, name=f"keep {child.name}"))

    async def _answers(self) -> None:
        """Wait until the receiver says that it is ready."""
        until = time.monotonic() + READY_S
        while (answer := await ask_ready(reachable(self._settings.host), self._settings.port)) != "200":
            if time.monotonic() > until:
                raise UserError(
                    f"The receiver does not become ready: {answer}.", remedy=f"See {self._data.logs / 'receive.log'}."
                )
            await asyncio.sleep(0.03)

    @property
    def _url(self) -> str:
        return web_address(self._settings.host, self._settings.port)

    @property
    def _measured(self) -> dict[str, str]:
        """Where each program serves its metrics."""
        host = self._settings.metrics_host
        return {name: web_address(host, listener.getsockname()[1]) for name, listener in self._metrics.items()}

    # Stopping

    async def _stop(self) -> None:
        """Receiver, worker, stand-in Stripe, Valkey, PostgreSQL: each has what it needs until it has ended."""
        self._listener.close()  # the receiver's copy goes as it drains, and from then on connections are refused
        patience_s = self._settings.drain_s + 5
        for child in sorted(self._programs, key=lambda child: child.name == stripe_child.COMMAND):
            await self._or_hurry(lambda child=child: child.stop(patience_s), lambda child=child: child.stop(0))  # type: ignore[misc]
        for server in reversed(self._servers):
            await self._or_hurry(server.stop, lambda server=server: server.stop(hurry=True))  # type: ignore[misc]
        for file in (self._data.url, self._data.servers):
            file.unlink(missing_ok=True)
        if self._sockets:
            shutil.rmtree(self._sockets, ignore_errors=True)

    async def _or_hurry(self, calm: Callable[[], Awaitable[None]], fast: Callable[[], Awaitable[None]]) -> None:
        """Stop calmly, unless a second signal has come or comes."""
        hurry = asyncio.create_task(self._hurry.wait())
        stopping = asyncio.ensure_future(calm())
        await _first(stopping, hurry)
        if not stopping.done():
            stopping.cancel()
            await asyncio.gather(stopping, return_exceptions=True)
            await fast()
        hurry.cancel()


async def _first(*tasks: asyncio.Future[Any]) -> None:
    """Wait for the first to end; a failure of one of them is raised."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # whoever read it has gone; that is no reason to stop
        print(line, flush=True)  # noqa: T201  (the supervisor's console is its screen)
