"""The address that `daybook up` answers on: listened to, asked, and written down."""

from __future__ import annotations

import asyncio
import errno
import socket
from urllib.parse import urlsplit

from worker.errors import UserError

BACKLOG = 4096
"""Connections that the kernel keeps while the receiver is started again."""
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "localhost": "127.0.0.1"}  # noqa: S104


def listen(host: str, port: int, option: str = "--port", variable: str = "DAYBOOK_HOST") -> socket.socket:
    """The receiver's socket, made here and inherited: port 0 has no race, and a restart refuses no connection."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise UserError(
                f"Port {port} is taken by another program.",
                remedy=f"Name another with {option} (0 takes a free one).",
            ) from None
        raise UserError(
            f"Cannot listen on {host} port {port}: {(error.strerror or str(error)).lower()}.",
            remedy=f"Name another with {option} or {variable}.",
        ) from None
    return listener


async def ask_ready(host: str, port: int) -> str:
    """What `GET /readyz` answers: the status, or what went wrong."""
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                head = (await reader.readline()).decode("latin-1").split(maxsplit=2)
                return head[1] if len(head) > 1 else "it closed the connection"
            finally:
                writer.close()
    except TimeoutError:
        return "it does not answer"
    except OSError as error:
        return error.strerror or str(error)


def reachable(host: str) -> str:
    """The address at which this machine reaches what listens on `host`."""
    return EVERYWHERE.get(host, host)


def web_address(host: str, port: int) -> str:
    """The address at which this machine reaches what listens on `host` and `port`."""
    host = reachable(host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def without_credentials(address: str) -> str:
    """A database address without its credentials."""
    parts = urlsplit(address)
    return f"{parts.hostname or 'a local socket'}{f':{parts.port}' if parts.port else ''}{parts.path}"
