"""The stand-in Stripe as a child of `daybook up`: only where no API key of Stripe is set."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator

from worker.config import Settings
from worker.errors import UserError
from worker.local.address import listen, web_address
from worker.local.datadir import DataDir
from worker.local.process import Child

HOST = "127.0.0.1"
KEY = "sk_test_stand_in"
"""The API key that the stand-in is asked with: a test key, so that what is made is marked as test."""
COMMAND = "stripe-stand-in"


@contextlib.contextmanager
def listening(settings: Settings, data: DataDir) -> Iterator[socket.socket | None]:
    """The stand-in's socket, on the port that it had before if that is free; None where there is an API key."""
    if settings.stripe_api_key is not None:
        yield None
        return
    with _bound(data.read(data.stand_in_port) or "") as listener:
        data.write(data.stand_in_port, str(listener.getsockname()[1]))
        yield listener


def address(listener: socket.socket) -> str:
    """What STRIPE_API_BASE has to be."""
    return web_address(HOST, listener.getsockname()[1])


def environment(listener: socket.socket | None) -> dict[str, str]:
    """What a receiver or worker has to be told. With an API key it is never told that a stand-in plays."""
    if listener is None:
        return {"DAYBOOK_STRIPE_STAND_IN": "false"}
    return {"STRIPE_API_BASE": address(listener), "STRIPE_API_KEY": KEY, "DAYBOOK_STRIPE_STAND_IN": "true"}


def secret(settings: Settings, data: DataDir) -> str | None:
    """The secret of the connection `stripe`, as far as it is known here."""
    known = settings.webhook_secrets("stripe") or (data.read_json(data.secrets).get("stripe"),)
    return str(known[0]) if known[0] else None


def child(listener: socket.socket, data: DataDir, webhook: str, signed_with: str | None) -> Child:
    """The stand-in's process, which posts its webhooks to this address."""
    told = ["--webhook", webhook] if signed_with else []
    inherited = {name: value for name, value in os.environ.items() if name != "STRIPE_WEBHOOK_SECRET"}
    return Child(
        COMMAND,
        [sys.executable, "-P", "-m", "worker.cli", COMMAND, "--listen-fd", str(listener.fileno()), *told],
        log=data.logs / f"{COMMAND}.log",
        environment={**inherited, **({"STRIPE_WEBHOOK_SECRET": signed_with} if signed_with else {})},
        inherit=[listener.fileno()],
    )


def _bound(port: str) -> socket.socket:
    try:
        return listen(HOST, int(port))
    except (UserError, ValueError, OverflowError):
        return listen(HOST, 0)
