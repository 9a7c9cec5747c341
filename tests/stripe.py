"""The stand-in Stripe for tests, in the test's own process, over real HTTP.

    async def test_a_charge(shop, stand_in, stripe):
        customer, card = stand_in.customer()
        stand_in.trouble("cut_after", on="payment_intents.confirm")
        ...                                    # what is tested calls Stripe at stand_in.url with KEY
        assert len(stand_in.made) == 1         # the charges that took money

`stand_in.clock` stands still at `tests.world.NOW`, as the clock of `shop` does: `set` and `advance` move it. Webhooks are
not retried. Where processes of their own run on the machine's time: `async with StandIn(retries_s=()) as stand_in`.
`stand_in.webhooks_to(url, SECRETS["stripe"])` sends what happens to a receiver; `await stand_in.settled()` waits for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.world import NOW
from worker.local.stripe.stand_in import StandIn
from worker.outside.stripe import Stripe

KEY = "sk_test_stand_in"


@pytest.fixture
async def stand_in() -> AsyncIterator[StandIn]:
    """A stand-in of this test's own."""
    async with StandIn(clock=lambda: NOW, retries_s=()) as made:
        yield made


@pytest.fixture
async def stripe(stand_in: StandIn) -> AsyncIterator[Stripe]:
    """Daybook's client of it, patient, so that a busy machine changes nothing."""
    async with Stripe(KEY, stand_in.url, pause_s=0.001) as made:
        yield made


@pytest.fixture
async def impatient(stand_in: StandIn) -> AsyncIterator[Stripe]:
    """A client that gives up after a fifth of a second, for calls that are to hang."""
    async with Stripe(KEY, stand_in.url, total_s=0.2, pause_s=0.001) as made:
        yield made
