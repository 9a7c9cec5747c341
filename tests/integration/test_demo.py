"""`daybook demo` on a real `daybook up`: a shop's day, all true at its end, and a planted difference found (X2)."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from tests.integration.test_up import OWN, Running, asked, played, start
from worker.demo import checkouts, recurring, shops

__all__ = ["start"]
SHOULD = re.compile(r"^(?P<what>\S.*?)  +(?P<should>\S+)  +(?P<says>\S.*?)  +(?P<ok>ok|NO)$", re.MULTILINE)
FAULT = """
CREATE FUNCTION lose_a_cent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.amount_paid := NEW.amount_paid - 1; RETURN NEW; END $$;
CREATE TRIGGER lose_a_cent BEFORE INSERT OR UPDATE ON orders
    FOR EACH ROW WHEN (NEW.amount_paid > 0 AND NEW.origin = 'woocommerce') EXECUTE FUNCTION lose_a_cent();
"""


def demo(running: Running, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in OWN}
    command = [sys.executable, "-m", "worker.cli", "demo", "--data", str(running.data), *options]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)


def table(done: subprocess.CompletedProcess[str]) -> dict[str, tuple[str, str, str]]:
    return {row["what"]: (row["should"], row["says"], row["ok"]) for row in SHOULD.finditer(done.stdout)}


def test_X2_a_shops_day_ends_true_twice_and_a_planted_difference_is_found(start: Callable[..., Running]) -> None:
    running = start().ready()
    for seed in ("1", "2"):
        done = demo(running, "--orders", "17", "--seed", seed)
        assert done.returncode == 0, done.stdout + done.stderr
        rows = table(done)
        assert {ok for _, _, ok in rows.values()} == {"ok"}
        assert rows["orders of checkouts and shops"][1] == str(17 + 2 + len(shops.STORIES))
        assert rows["charged twice, by Stripe's list"] == ("0", "0", "ok")
        assert rows["events of shops dead: the planted one"] == ("1", "1", "ok")
        assert rows["recurring orders: failed"] == ("1", "1", "ok")
        assert f"Recurring orders: {len(recurring.STORIES)}. Nobody can set the clock" in done.stdout
        assert "no money moves" in done.stdout
        assert done.stdout.splitlines()[-1] == f"All {len(rows)} are true."
    asyncio.run(_plant(running))
    done = demo(running, "--orders", "1", "--wait", "2")
    assert done.returncode == 1, done.stdout + done.stderr
    wrong = {what for what, (_, _, ok) in table(done).items() if ok == "NO"}
    assert "received, BRL in minor units" in wrong
    assert re.search(r"^WooCommerce, paid, order \S+: amount_paid is \d+, not \d+$", done.stdout, re.MULTILINE)
    assert "are not true" in done.stdout.splitlines()[-1]
    assert {order["livemode"] for order in asked(running, "orders?managed_by=stripe&limit=100")["items"]} == {False}
    assert played(running) in done.stdout


def test_X2_the_demo_never_asks_the_real_stripe(start: Callable[..., Running]) -> None:
    running = start(STRIPE_API_KEY="sk_test_of_a_person", STRIPE_API_BASE="http://127.0.0.1:1").ready()
    done = demo(running)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("No stand-in Stripe plays for this instance")
    assert asked(running, "contacts")["items"] == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--stand-in", "no address"), "no address is not an address."),
        (("--secret", "paypal=x"), "--secret names paypal."),
    ],
)
def test_X2_options_that_mean_nothing_are_refused(options: tuple[str, ...], said: str, tmp_path: Path) -> None:
    named = ["--url", "http://127.0.0.1:1", "--token", "t", "--stand-in", "http://127.0.0.1:1"]
    done = subprocess.run(
        [sys.executable, "-m", "worker.cli", "demo", "--data", str(tmp_path), *named, *options],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(said)


def test_X2_every_way_a_checkout_can_end_is_in_the_day() -> None:
    ends = {(story.payment_status, story.then) for story in checkouts.STORIES}
    assert {status for status, _ in ends} == {"paid", "pending", "failed", "canceled", "refunded"}
    assert {then for _, then in ends} == {
        "", "expire", "confirms", "refuses", "settles", "bounces", "refund", "part", "won", "lost",
    }  # fmt: skip
    assert len({story.declined for story in checkouts.STORIES if story.declined}) > 5


async def _plant(running: Running) -> None:
    """From now on the database loses a cent of what a shop's orders received."""
    address = json.loads((running.data / "servers.json").read_text())["database_url"]
    connection = await asyncpg.connect(address)
    try:
        await connection.execute(FAULT)
    finally:
        await connection.close()
