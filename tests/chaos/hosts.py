"""Several hosts on one machine: a network namespace for each process, joined by a bridge that the test makes."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.chaos.rig import Rig
from worker.local.postgres import Postgres
from worker.local.process import Child
from worker.local.valkey import Valkey

PASSWORD = "test-only"


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)


class Network:
    """A bridge with an address for the servers, and a namespace with an address for each host."""

    def __init__(self) -> None:
        self._tag = secrets.token_hex(2)
        self._net = f"10.{200 + secrets.randbelow(50)}.{secrets.randbelow(250)}"
        self._hosts: list[str] = []
        self.address = f"{self._net}.1"

    def open(self) -> None:
        ip("link", "add", f"db{self._tag}", "type", "bridge")
        ip("addr", "add", f"{self.address}/24", "dev", f"db{self._tag}")
        ip("link", "set", f"db{self._tag}", "up")

    def host(self) -> str:
        """A new host; the name of its namespace."""
        number = len(self._hosts)
        name = f"db{self._tag}{number}"
        self._hosts.append(name)
        ip("netns", "add", name)
        ip("link", "add", f"{name}o", "type", "veth", "peer", "name", f"{name}i")
        ip("link", "set", f"{name}i", "netns", name)
        ip("link", "set", f"{name}o", "master", f"db{self._tag}", "up")
        ip("-n", name, "addr", "add", f"{self._net}.{number + 10}/24", "dev", f"{name}i")
        ip("-n", name, "link", "set", f"{name}i", "up")
        ip("-n", name, "link", "set", "lo", "up")
        return name

    def cut(self, host: str) -> None:
        """From now on packets vanish in both directions; nobody is told."""
        ip("link", "set", f"{host}o", "down")

    def mend(self, host: str) -> None:
        ip("link", "set", f"{host}o", "up")

    def close(self) -> None:
        for name in self._hosts:
            with suppress(subprocess.CalledProcessError):
                ip("link", "del", f"{name}o")
            with suppress(subprocess.CalledProcessError):
                ip("netns", "del", name)
        with suppress(subprocess.CalledProcessError):
            ip("link", "del", f"db{self._tag}")


class Hosts(Rig):
    """A rig whose processes reach the servers over the network, each from a host of its own (`host_of`)."""

    def __init__(self, folder: Path, sockets: Path, network: Network) -> None:
        super().__init__(folder, sockets, given={})
        self.network = network
        self.host_of: dict[str, str] = {}
        self.postgres = Postgres(
            folder / "postgres", sockets=sockets, password=PASSWORD, log=folder / "postgres.log",
            options={"fsync": "off", "listen_addresses": network.address},
        )  # fmt: skip
        self.valkey = Valkey(
            folder / "valkey", sockets=sockets, password=PASSWORD, log=folder / "valkey.log",
            options={"bind": network.address, "port": "6379"},
        )  # fmt: skip
        self._given = {
            "DATABASE_URL": f"postgresql://daybook:{PASSWORD}@{network.address}:5432/daybook",
            "REDIS_URL": f"redis://:{PASSWORD}@{network.address}:6379/0",
        }

    async def start(self, receivers: int, workers: int) -> None:
        await self.postgres.start()
        with (self.postgres.folder / "pg_hba.conf").open("a") as rules:
            rules.write("host all all samenet scram-sha-256\n")
        await self.postgres.stop(hurry=True)
        await super().start(receivers, workers)

    def _child(self, name: str, command: str, listener: socket.socket | None = None) -> Child:
        child = super()._child(name, command, listener)
        self.host_of[name] = self.network.host()
        child.command = ["ip", "netns", "exec", self.host_of[name], *child.command]
        return child


@asynccontextmanager
async def hosts(folder: Path, sockets: Path, *, receivers: int, workers: int) -> AsyncIterator[Hosts]:
    """Skips where namespaces cannot be made."""
    if shutil.which("ip") is None:
        pytest.skip("needs iproute2 (the command ip) to make network namespaces")
    if os.geteuid() != 0:
        pytest.skip("needs root to make network namespaces and a bridge")
    network = Network()
    try:
        try:
            network.open()
        except subprocess.CalledProcessError as error:
            pytest.skip(f"network namespaces and bridges are not allowed here: {error.stderr.decode().strip()}")
        made = Hosts(folder, sockets, network)
        try:
            await made.start(receivers, workers)
            yield made
        finally:
            await made.stop()
    finally:
        await asyncio.to_thread(network.close)
