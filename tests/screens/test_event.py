"""One event on a page (D3, D4): what arrived, what became of it and why, and the way on."""

from __future__ import annotations

import html
import re

import pytest

from schemas.account import Permission
from tests.screens.conftest import Desk
from tests.world import PAYLOADS, edited, payload
from worker.screens.payload import SHOWN_BYTES
from worker.store import tokens


def plain(page: str) -> str:
    """The words of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


async def read(desk: Desk, id_: str) -> str:
    return await desk.page(f"/events/{id_}")


async def test_D4_an_event_leads_to_its_order_its_payments_and_its_neighbours(desk: Desk) -> None:
    body = payload("shopify", "orders_create__three_lines.json")
    first = await desk.shop.deliver("shopify", body, "orders/create")
    order_id = await desk.shop.ctx.pool.fetchval("SELECT id FROM orders")
    later = edited(body, note="Leave it at the door", updated_at="2036-01-01T00:00:00Z")
    second = await desk.shop.deliver("shopify", later, "orders/updated")
    await desk.sign_in()
    page = await read(desk, second)
    assert f'href="/orders/{order_id}"' in page
    assert f'href="/events/{first}"' in page
    assert f'href="/events?q={order_id}"' in page
    words = plain(page)
    assert "notes — became Leave it at the door" in words
    assert "Changed order #1" in words
    for payment in await desk.shop.rows("SELECT id FROM payments"):
        assert f'href="/payments/{payment["id"]}"' in page
    assert "Nothing has to be done" not in words


async def test_D3_an_event_that_changed_nothing_says_so(desk: Desk) -> None:
    body = payload("shopify", "orders_create__minimal.json")
    await desk.shop.deliver("shopify", body, "orders/create")
    again = await desk.shop.deliver("shopify", body + b" ", "orders/updated")
    await desk.sign_in()
    assert "Nothing: the order already said so" in plain(await read(desk, again))


@pytest.mark.parametrize(
    ("state", "reason", "said"),
    [
        ("dead", "total_price: 'a lot' is not a decimal number", "Mend the cause at the sender"),
        ("dead", "the adapter failed with KeyError: x", "up to date"),
        ("retrying", "Transient: TimeoutError: ", "tried again by itself"),
        ("waiting", "no checkout that claims pi_1 has been seen yet", "applied by itself once that arrives"),
        ("waiting", "registry_off", "daybook account enable-registry"),
        ("ignored", "Daybook does not act on x.y", "Daybook does not act on x.y."),
    ],
)
async def test_D3_the_reason_is_a_sentence_with_what_to_do(desk: Desk, state: str, reason: str, said: str) -> None:
    id_ = await desk.event(state=state, reason=reason, attempts=2)
    await desk.sign_in()
    page = await read(desk, id_)
    assert f"notice is-{state}" in page
    assert said in plain(page)


async def test_Q4_a_retried_event_says_when_it_is_tried_again(desk: Desk) -> None:
    id_ = await desk.event(state="retrying", reason="Transient: TimeoutError: ", attempts=3, ago_s=10)
    await desk.sign_in()
    words = plain(await read(desk, id_))
    assert "3 of 8 attempts failed" in words
    assert "Attempt 4 of 8 planned" in words
    assert "Next attempt in 59 min." in words


async def test_D3_the_timeline_counts_from_when_it_was_received(desk: Desk) -> None:
    id_ = await desk.event(took_s=0.412)
    await desk.shop.ctx.pool.execute(
        "UPDATE events SET occurred_at = received_at - interval '1500 milliseconds' WHERE id = $1", id_
    )
    await desk.sign_in()
    offsets = re.findall(r'<span class="offset">([^<]*)</span>', await read(desk, id_))
    assert offsets == ["−1.5 s", "0 ms", "+412 ms"]


async def test_D3_the_body_is_shown_coloured_and_given_raw(desk: Desk) -> None:
    body = b'{"id":"evt_1","big":1e400000,"</script>":"<b>"}'
    id_ = await desk.event()
    await desk.shop.ctx.pool.execute("UPDATE events SET body = $2 WHERE id = $1", id_, body)
    await desk.sign_in()
    page = await read(desk, id_)
    assert '<span class="json-number">1e400000</span>' in page
    assert "&lt;/script&gt;" in page
    assert f'href="/api/v1/events/{id_}/body"' in page


async def test_D3_a_large_body_is_cut_and_says_so(desk: Desk) -> None:
    body = b'{"text":"' + b"x" * SHOWN_BYTES + b'"}'
    id_ = await desk.event()
    await desk.shop.ctx.pool.execute("UPDATE events SET body = $2 WHERE id = $1", id_, body)
    await desk.sign_in()
    page = await read(desk, id_)
    assert len(page) < SHOWN_BYTES + 60_000
    assert "The rest is not shown here." in page
    assert f"{len(body):,} bytes, the beginning" in page


async def test_I5_headers_are_shown_without_the_values_of_secrets(desk: Desk) -> None:
    id_ = await desk.event()
    await desk.shop.ctx.pool.execute(
        """UPDATE events SET headers = '{"x-topic":"a<b","Authorization":"Bearer hush","cookie":"hush"}' WHERE id = $1""",
        id_,
    )
    await desk.sign_in()
    page = await read(desk, id_)
    assert "hush" not in page
    assert "a&lt;b" in page
    assert plain(page).count("not shown") == 2
    await desk.shop.ctx.pool.execute("UPDATE events SET headers = 'no json' WHERE id = $1", id_)
    assert "Headers" not in plain(await read(desk, id_))


async def test_D5_replay_is_offered_to_those_who_may(desk: Desk) -> None:
    id_ = await desk.event(state="dead", reason="no")
    await desk.sign_in()
    page = await read(desk, id_)
    assert f'data-call="POST /api/v1/events/{id_}/replay"' in page
    assert f'data-replay-one="{id_}"' in page
    viewer = await tokens.issue(desk.shop.ctx.pool, desk.shop.account_id, "viewer", "rep", [Permission.OPS_VIEW])
    await desk.sign_in(viewer)
    page = await read(desk, id_)
    assert "data-call" not in page
    assert "data-replay" not in page


async def test_D3_the_preview_is_the_event_without_the_frame_of_its_page(desk: Desk) -> None:
    id_ = await desk.event(state="dead", reason="no")
    await desk.sign_in()
    page = await desk.page(f"/events/{id_}?preview=1")
    article = page.partition("<article")[2].partition("</article>")[0]
    assert f'data-event-page="{id_}"' in article
    assert "<h1" not in article
    assert "<dialog" not in article
    assert f'href="/events/{id_}"' in article


async def test_D3_a_payment_without_an_order_is_shown_with_what_it_waits_for(desk: Desk) -> None:
    [name] = [path.name for path in sorted((PAYLOADS / "stripe").glob("payment_intent_succeeded__*"))][:1]
    id_ = await desk.shop.deliver("stripe", payload("stripe", name))
    await desk.sign_in()
    page = await read(desk, id_)
    words = plain(page)
    assert "has been seen yet" in words
    assert "Payment" in words
    assert "/payments/" in page
    assert "/orders/" not in page.partition("<article")[2]


async def test_D3_an_unknown_event_is_not_there(desk: Desk) -> None:
    await desk.sign_in()
    async with desk.client.get("/events/00000000-0000-0000-0000-000000000000") as answer:
        assert answer.status == 404
        assert "There is no such event" in await answer.text()


async def test_Q8_an_event_whose_body_was_pruned_says_so_and_is_not_replayed(desk: Desk) -> None:
    id_ = await desk.event()
    await desk.shop.ctx.pool.execute("ALTER TABLE events ALTER body DROP NOT NULL")
    await desk.shop.ctx.pool.execute("UPDATE events SET body = NULL WHERE id = $1", id_)
    await desk.sign_in()
    page = await read(desk, id_)
    assert "The body was pruned" in page
    assert "As received" not in page
    assert "data-replay-one" not in page
