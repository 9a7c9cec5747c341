"""The load generator: a process of its own that writes prepared requests and checks every answer.

    python -m bench.load ADDRESS FILE MARK CONNECTIONS RATE

FILE holds the requests (msgpack), ADDRESS is host:port, MARK is what a right answer's body holds. RATE 0: as fast as
answers come (closed loop). Else so many a second whatever the answers do (open loop): each latency counts from the
moment at which the request was due. It prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from pathlib import Path

import msgspec
import uvloop


class Told(msgspec.Struct):
    """What a run saw: answers that were right, others (the first of them in words), seconds, latencies in ms."""

    right: int = 0
    wrong: int = 0
    first_wrong: str = ""
    began: float = 0.0
    seconds: float = 0.0
    latencies: list[float] = []


class Load:
    """Shared by the connections: what is to be sent, and what came back."""

    def __init__(self, requests: list[bytes], mark: bytes, rate: float) -> None:
        self.left, self.mark, self.rate = len(requests), mark, rate
        self.requests = deque(requests)
        self.due: deque[float] = deque()
        self.idle: deque[Wire] = deque()
        self.told = Told()
        self.done = asyncio.get_running_loop().create_future()

    def answered(self, wire: Wire, answer: bytes) -> None:
        told = self.told
        told.latencies.append((time.perf_counter() - wire.due) * 1e3)
        if answer.startswith(b"HTTP/1.1 200 ") and self.mark in answer:
            told.right += 1
        else:
            told.wrong += 1
            told.first_wrong = told.first_wrong or answer[:300].decode("latin-1")
        self.left -= 1
        if not self.left:
            self.done.set_result(None)
        elif not self.rate and self.requests:
            wire.send(self.requests.popleft(), time.perf_counter())
        elif self.due:
            wire.send(self.requests.popleft(), self.due.popleft())
        else:
            self.idle.append(wire)

    async def pace(self) -> None:
        """Send at the rate; what finds no free connection waits, and its waiting counts."""
        began, sent, count = time.perf_counter(), 0, len(self.requests)
        while sent < count:
            now = time.perf_counter()
            while sent < count and began + sent / self.rate <= now:
                moment = began + sent / self.rate
                sent += 1
                if self.idle:
                    self.idle.popleft().send(self.requests.popleft(), moment)
                else:
                    self.due.append(moment)
            await asyncio.sleep(max(0.0, began + sent / self.rate - time.perf_counter()))


class Wire(asyncio.Protocol):
    """One keep-alive connection with one request under way."""

    def __init__(self, load: Load) -> None:
        self._load, self._buffer, self.due = load, b"", 0.0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def send(self, request: bytes, due: float) -> None:
        self.due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        at = self._buffer.find(b"Content-Length: ")
        size = int(self._buffer[at + 16 : self._buffer.find(b"\r\n", at)]) if 0 <= at < end else 0
        if len(self._buffer) < end + 4 + size:
            return
        answer, self._buffer = self._buffer, b""
        self._load.answered(self, answer)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._load.done.done():
            load, since = self._load, time.perf_counter() - self.due
            words = f"the server closed a connection {since:.2f} s after its last request, {load.left} answers short"
            load.done.set_exception(exc or ConnectionError(f"{words}; {load.told.first_wrong or 'all were right'}"))


async def run(address: str, requests: list[bytes], mark: bytes, connections: int, rate: float) -> Told:
    host, port = address.rsplit(":", 1)
    load = Load(requests, mark, rate)
    loop = asyncio.get_running_loop()
    wires = [(await loop.create_connection(lambda: Wire(load), host, int(port)))[1] for _ in range(connections)]
    load.told.began = time.time()
    began = time.perf_counter()
    if rate:
        load.idle = deque(wires)  # each in turn: one that is not used for long would be closed by the server
        await asyncio.gather(load.pace(), load.done)
    else:
        for wire in wires[: len(requests)]:
            wire.send(load.requests.popleft(), time.perf_counter())
        await load.done
    load.told.seconds = time.perf_counter() - began
    return load.told


def main() -> None:
    address, file, mark, connections, rate = sys.argv[1:]
    requests = msgspec.msgpack.decode(Path(file).read_bytes(), type=list[bytes])
    told = uvloop.run(run(address, requests, mark.encode(), int(connections), float(rate)))
    sys.stdout.write(msgspec.json.encode(told).decode() + "\n")


if __name__ == "__main__":
    main()
