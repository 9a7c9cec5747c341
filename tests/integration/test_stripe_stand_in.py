"""What happens at the stand-in reaches a running receiver as webhooks, and ends as the orders that it should."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.contracts.test_stripe_stand_in_sales import good, opened
from tests.server import Server, served
from tests.world import SECRETS, SilentLanes, World
from worker.local.stripe.stand_in import StandIn
from worker.outside.stripe import Stripe


@pytest.fixture
async def receiver(shop: World, stand_in: StandIn) -> AsyncIterator[Server]:
    """A receiver that the stand-in posts to."""
    async with served(shop) as server:
        stand_in.webhooks_to(f"{server.url}/webhooks/stripe", SECRETS["stripe"])
        yield server


async def arrived(shop: World, stand_in: StandIn) -> None:
    """Wait for the deliveries, and apply what came."""
    await stand_in.settled()
    assert {sent.status for sent in stand_in.deliveries.sent} == {200}
    lanes = shop.ctx.lanes
    assert isinstance(lanes, SilentLanes)
    await shop.apply(lanes.signalled)
    assert {state for state, _ in (await shop.states()).values()} <= {"applied", "ignored"}


async def the_order(shop: World) -> dict[str, Any]:
    [row] = await shop.rows("SELECT * FROM orders")
    return row


async def test_P1_a_paid_session_is_a_paid_order(
    shop: World, stand_in: StandIn, stripe: Stripe, receiver: Server
) -> None:
    session = await opened(stripe, customer_email="ana@example.com")
    stand_in.pay(session["id"], "pm_card_visa_chargeDeclinedInsufficientFunds")
    stand_in.pay(session["id"])
    await arrived(shop, stand_in)
    order = await the_order(shop)
    assert (order["external_id"], order["payment_status"]) == (session["id"], "paid")
    assert (order["amount"], order["amount_paid"], order["currency"]) == (1090, 1090, "BRL")
    assert (order["livemode"], order["managed_by"]) == (False, "stripe")
    [payment] = await shop.rows("SELECT status, amount, fee, net FROM payments")
    assert (payment["status"], payment["amount"]) == ("succeeded", 1090)


async def test_I2_late_doubled_and_reordered_webhooks_make_the_same_order(
    shop: World, stand_in: StandIn, stripe: Stripe, receiver: Server
) -> None:
    session = await opened(stripe)
    stand_in.deliveries.holding = True
    paid = stand_in.pay(session["id"], "pm_stand_in_sepa_debit")
    stand_in.settle(paid["payment_intent"])
    refund = good(await stripe.create_refund({"payment_intent": paid["payment_intent"], "amount": 90}, key="refund"))
    stand_in.settle_refund(refund["id"], succeeds=True)  # a refund of a bank debit is pending first
    stand_in.deliveries.release("shuffled", copies=3, seed=5)
    await arrived(shop, stand_in)
    order = await the_order(shop)
    assert (order["payment_status"], order["amount_paid"], order["amount_refunded"]) == ("paid", 1090, 90)


async def test_P5_a_lost_dispute_and_an_expired_session(
    shop: World, stand_in: StandIn, stripe: Stripe, receiver: Server
) -> None:
    lost, left = await opened(stripe, "lost"), await opened(stripe, "left")
    intent = stand_in.pay(lost["id"])["payment_intent"]
    stand_in.close_dispute(stand_in.dispute(intent)["id"], won=False)
    stand_in.leave(left["id"])
    await arrived(shop, stand_in)
    assert (await shop.order(lost["id"]))["payment_status"] == "refunded"
    assert (await shop.order(left["id"]))["payment_status"] == "canceled"


async def test_X2_the_command_plays_stripe_until_it_is_told_to_end() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "worker.cli", "stripe-stand-in", "--webhook", "http://127.0.0.1:9/hook",
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "STRIPE_WEBHOOK_SECRET": "whsec_one,whsec_two"},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            lines = [(await process.stdout.readline()).decode().strip() for _ in range(4)]
        url = lines[0].removeprefix("Stand-in Stripe: ")
        assert lines[1].startswith(f"Point Daybook at it: STRIPE_API_BASE={url} STRIPE_API_KEY=sk_test_")
        async with Stripe("sk_test_any", url) as stripe, ClientSession() as session:
            made = good(await stripe.create_customer({"name": "Ana"}, key="one"))
            async with session.get(f"{url}/_stand_in/objects/{made['id']}") as answer:
                assert (await answer.json())["name"] == "Ana"
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_X2_the_command_says_what_is_missing() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "STRIPE_WEBHOOK_SECRET"}
    for options, told in (
        (["--webhook", "http://127.0.0.1:9/hook"], "--webhook needs --secret."),
        (["--webhook", "127.0.0.1", "--secret", "whsec_one"], "--webhook is no address."),
    ):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "worker.cli", "stripe-stand-in", *options,
            stderr=asyncio.subprocess.PIPE, env=environment,
        )  # fmt: skip
        _, said = await process.communicate()
        assert process.returncode == 1
        assert told in said.decode()
