"""Where the feed may connect to (H5): the very address of each connection is looked at, whatever was said of its name."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from handlers.errors import Refused
from tests.feed import Receiver, Told, order, receiver, told
from tests.world import World
from worker.outside import targets
from worker.outside.post import post
from worker.outside.targets import guarded_socket, open_session

PUBLIC = "93.184.216.34"


class Answers(AbstractResolver):
    """A name server that answers as it is told, one answer after the other; the last one for ever."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.asked = 0

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[ResolveResult]:
        address = self.addresses[min(self.asked, len(self.addresses) - 1)]
        self.asked += 1
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=0)]

    async def close(self) -> None:
        return


@pytest.fixture
async def feed(shop: World) -> AsyncIterator[Told]:
    async with told(shop) as made:
        yield made


@pytest.fixture
async def hook() -> AsyncIterator[Receiver]:
    async with receiver() as made:
        yield made


INSIDE = ["127.0.0.1", "10.1.2.3", "169.254.169.254", "100.64.3.4", "0.0.0.0", "224.0.0.1", "::1", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "::"]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
async def test_H5_a_name_that_leads_inside_is_refused_when_it_is_saved(address: str) -> None:
    with pytest.raises(Refused, match="private address"):
        await targets.check("https://hooks.example/", private=False, resolver=Answers(address))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1", "0", "localhost", "169.254.169.254"],
)
async def test_H5_an_address_of_the_inside_is_refused_however_it_is_written(host: str) -> None:
    with pytest.raises(Refused):
        await targets.check(f"https://{host}/", private=False)
    async with open_session(private=False) as session:
        answer = await post(session, f"http://{host}:9/", b"{}", {}, 0)
    assert (answer.status, answer.good) == (None, False)
    assert answer.error in ("its host is at a private address", "its host has no address", "its address cannot be used")


@pytest.mark.parametrize("address", INSIDE)
async def test_H5_no_socket_is_made_for_an_address_of_the_inside(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with pytest.raises(targets.Private):
        guarded_socket((family, socket.SOCK_STREAM, 0, "", (address, 443)))


async def test_H5_a_name_that_is_public_when_saved_and_private_when_called_gets_no_connection(
    feed: Told, hook: Receiver
) -> None:
    """DNS rebinding, with a receiver that listens on the address it is rebound to."""
    resolver = Answers(PUBLIC, "127.0.0.1")
    url = hook.url.replace("127.0.0.1", "rebinds.example").replace("http:", "https:")
    await targets.check(url, private=False, resolver=resolver)
    await feed.subscribe(hook, ["order.created"])
    await feed.ctx.pool.execute(
        "UPDATE feed_subscribers SET url = $1", hook.url.replace("127.0.0.1", "rebinds.example")
    )
    await feed.ctx.pool.execute("UPDATE accounts SET private_targets = false")
    worker = await feed.worker(resolver=resolver)
    await feed.shop.deliver("standard", order())
    await feed.send(worker)
    [row] = await feed.deliveries()
    assert (row["state"], row["last_error"]) == ("retrying", "its host is at a private address")
    assert resolver.asked == 2
    assert hook.ids == []
    await feed.ctx.pool.execute("UPDATE accounts SET private_targets = true")
    await feed.make_due()
    await feed.send(worker)
    assert len(hook.ids) == 1, "the same name and address, for an account that may"


async def test_H5_a_host_without_an_address_is_refused() -> None:
    class Nowhere(Answers):
        async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[ResolveResult]:
            raise OSError(None, "Name or service not known")

    with pytest.raises(Refused, match="no address"):
        await targets.check("https://nowhere.example/", private=False, resolver=Nowhere("x"))
