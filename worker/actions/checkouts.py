"""Opening and expiring checkouts (P1): an order and a Stripe Checkout Session, both or neither.

The checkout is committed first, with what Stripe will be asked in so many words; Stripe is asked with no transaction
open, under an idempotency key made from the checkout's id, so that asking again opens nothing new; the session and the
order are committed together. What is killed on the way is taken up by `worker.upkeep.checkouts`.
"""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from handlers import access, checkout
from handlers.errors import Refused, Unmappable
from handlers.reading import micros, moment
from schemas.account import Actor, Role
from schemas.api.checkout import CheckoutCreate
from schemas.checkout import USUAL_S
from schemas.fact import Dossier
from schemas.order import Status
from schemas.stated import Line
from worker.actions import catalog, references, stripe_key
from worker.actions.orders import given, stated
from worker.apply import told
from worker.apply.answers import answered
from worker.context import Context
from worker.errors import Transient, classify
from worker.ids import new_id
from worker.outside.outcome import Conflict, Declined, Limited, Outcome, Succeeded, Unknown
from worker.outside.outcome import Refused as StripeRefused
from worker.store import accounts, checkouts, contact_reads, offers, order_reads
from worker.store.checkouts import Held, Wanted
from worker.store.db import Pooled, acquire, transaction

if TYPE_CHECKING:
    from worker.outside.stripe import Stripe

log = structlog.get_logger("checkouts")

TAKEN = timedelta(seconds=60)
"""How long an opening is its opener's: a call to Stripe takes half a minute at most."""
PAUSES_S = (0.2, 1.0)
"""Before Stripe is asked again while somebody waits for the answer."""
PATIENCE_S = 8.0
"""What has taken so long is answered as it stands, and opened later."""
CLOCKS_DIFFER = timedelta(minutes=5)
LATER_S = (10, 30, 120, 600, 1800)
"""Before Stripe is asked again while nobody waits."""


async def open_(ctx: Context, actor: Actor, request: CheckoutCreate, request_key: str | None) -> str:
    """The id of a checkout, open, or `opening` where Stripe gave no clear answer for a while. The same `request_key`
    within a day gives the same checkout.

    Raises Refused: `stripe_refused`, `stripe_key_missing`, `connection_unknown`, `nothing_to_pay`, `terminal`,
    `not_found` (the order), and what making an order raises.
    """
    checkout_id, first = await _written(ctx, actor, request, _digest(request_key))
    began = _elapsed()
    for pause in (*PAUSES_S, None):
        clear = await advance(ctx, actor.account_id, checkout_id, first=first)
        if clear or pause is None or _elapsed() - began > PATIENCE_S:
            break
        first = False
        await asyncio.sleep(pause)
    async with acquire(ctx.pool) as connection:
        held = await checkouts.get(connection, actor.account_id, checkout_id)
    if held is not None and held.state == "refused":
        raise Refused(
            "stripe_refused", f"Stripe refused to open it: {held.problem}",
            remedy="Mend what it names. Nothing was made here or there.",
        )  # fmt: skip
    return checkout_id


def _digest(request_key: str | None) -> str | None:
    return None if request_key is None else hashlib.blake2b(request_key.encode(), digest_size=16).hexdigest()


def _elapsed() -> float:
    return asyncio.get_running_loop().time()


async def _written(ctx: Context, actor: Actor, request: CheckoutCreate, request_key: str | None) -> tuple[str, bool]:
    """The id of the checkout once it is committed, and whether it is new."""
    now = datetime.fromtimestamp(int(ctx.clock()), UTC)
    async with transaction(ctx.pool) as connection:
        if request_key and (known := await checkouts.of_request(connection, actor.account_id, request_key, now)):
            return known, False
        make = _of_order if request.order_id else _of_contact
        wanted = await make(ctx, connection, actor, given(request), request_key, now)
        await checkouts.add(connection, actor.account_id, wanted, _later(ctx, TAKEN.total_seconds()))
    return wanted.id, True


async def _of_contact(
    ctx: Context, connection: Pooled, actor: Actor, wish: dict[str, Any], request_key: str | None, now: datetime
) -> Wanted:
    """A checkout that makes an order."""
    within, account_id = access.reach(actor), actor.account_id
    if actor.role is Role.MANAGER:
        wish["owner_id"] = access.owner_of_new(actor, wish.get("owner_id"), "orders")
    await references.check(connection, within, wish)
    [contact] = await contact_reads.read(connection, within, [wish["contact_id"]])
    account = await accounts.get(connection, account_id)
    wish = await catalog.to_make(connection, account_id, wish, account.currency)
    sold = checkout.lines(wish)
    order_id = new_id()
    return await _wanted(
        ctx, connection, actor, wish, sold, order_id=order_id, contact_id=contact["id"], email=contact["email"],
        currency=wish["currency"], makes=True, request_key=request_key, now=now,
    )  # fmt: skip


async def _of_order(
    ctx: Context, connection: Pooled, actor: Actor, wish: dict[str, Any], request_key: str | None, now: datetime
) -> Wanted:
    """A checkout that pays for an order that there is, or for a part of it."""
    within = access.reach(actor)
    order_id = await order_reads.surviving(connection, within, wish["order_id"]) or wish["order_id"]
    rows = await order_reads.read(connection, within, [order_id])
    if not rows:
        raise Refused(
            "order_unknown", f"There is no order {order_id} in this account.", field="order_id",
            remedy="Use the id of an order, or give contact_id for a new one.",
        )  # fmt: skip
    row = rows[0].order
    access.check_write(actor, row["owner_id"], "orders")
    if row["status"] == Status.VOID:
        raise Refused("terminal", "The order is void, which is final.", remedy="Make a new order.")
    offer = await offers.RECORDS.read(connection, within, [row["offer_id"]]) if row["offer_id"] else []
    in_parts = not offer or offer[0]["partial_payment"]
    sold = checkout.part(row["title"], row["summary"]["remaining"], wish.get("amount"), in_parts=in_parts)
    contacts = await contact_reads.read(connection, within, [row["contact_id"]])
    return await _wanted(
        ctx, connection, actor, wish, sold, order_id=order_id, contact_id=row["contact_id"],
        email=contacts[0]["email"] if contacts else None, currency=row["currency"], makes=False,
        request_key=request_key, now=now,
    )  # fmt: skip


async def _wanted(
    ctx: Context, connection: Pooled, actor: Actor, wish: dict[str, Any], sold: tuple[Line, ...], *, order_id: str,
    contact_id: str, email: str | None, currency: str, makes: bool, request_key: str | None, now: datetime,
) -> Wanted:  # fmt: skip
    connection_id = await stripe_key.connection(ctx, connection, actor.account_id, wish.get("connection"))
    checkout_id = new_id()
    expires_at = now + timedelta(seconds=wish.get("expires_in_s", USUAL_S))
    try:
        params = checkout.params(
            wish, checkout_id=checkout_id, order_id=order_id, currency=currency, sold=sold, email=email,
            expires_at=int(expires_at.timestamp()),
        )  # fmt: skip
    except Unmappable as error:
        raise Refused("invalid", error.problem, field=error.path, remedy="Stripe does not take it.") from None
    return Wanted(
        id=checkout_id,
        connection_id=connection_id,
        request_key=request_key,
        contact_id=contact_id,
        order_id=order_id,
        currency=currency,
        amount=sum(line.total for line in sold),
        params=params,
        lines=sold,
        stated=checkout.stated(wish, sold) if makes else None,
        actor=actor.label,
        expires_at=expires_at,
        created_at=now,
    )


async def advance(ctx: Context, account_id: str, checkout_id: str, *, first: bool = False) -> bool:
    """Ask Stripe for the session of a checkout, and note what it says; whether that was clear. `first`: nobody can have
    asked before, so that a refusal of the key itself means that nothing was opened."""
    async with acquire(ctx.pool) as connection:
        held = await checkouts.get(connection, account_id, checkout_id)
    if held is None or held.state != "opening":
        return True
    age_s = ctx.clock() - held.created_at.timestamp()
    async with stripe_key.client(ctx) as stripe:
        if checkout.may_be_asked_for(age_s, held.expires_at.timestamp() - ctx.clock()):
            outcome = await stripe.create_checkout_session(held.params, key=key_of(held.id))
            if isinstance(outcome, Unknown) and outcome.replayed:  # Stripe keeps its own fault, and says no more
                found = await _looked_up(stripe, held)
                missing = isinstance(found, StripeRefused)
                outcome = outcome if missing and age_s < checkout.SURELY_LISTED_S else found
        else:
            outcome = await _looked_up(stripe, held)
    return await _noted(ctx, account_id, held, outcome, first=first)


def key_of(checkout_id: str) -> str:
    """The idempotency key under which Stripe is asked for a checkout's session."""
    return f"daybook-checkout-{checkout_id}"


async def _noted(ctx: Context, account_id: str, held: Held, outcome: Outcome, *, first: bool) -> bool:
    match outcome:
        case Succeeded(object=session):
            try:
                await _opened(ctx, account_id, held, session)
            except Unmappable:  # it is no session that we know how to read: a newer Daybook may
                await _postpone(ctx, account_id, held, "Unmappable", None)
                return False
            return True
        case StripeRefused(problem="missing", param=checkout.KEY):
            await _end(ctx, account_id, held.id, "given_up", "It was not opened in time.")
            return True
        case StripeRefused(problem="invalid" | "missing", message=message) | Declined(message=message):
            await _end(ctx, account_id, held.id, "refused", message)
            return True
        case StripeRefused(message=message) if first:
            await _end(ctx, account_id, held.id, "refused", message)
            return True
        case Limited(retry_after_s=seconds):
            await _postpone(ctx, account_id, held, "Limited", seconds)
        case Unknown() | Conflict() | StripeRefused():
            await _postpone(ctx, account_id, held, type(outcome).__name__, None)
    return False


async def _opened(ctx: Context, account_id: str, held: Held, session: dict[str, Any]) -> None:
    """Note the session and make its order, in one transaction; again where others were at the same objects."""
    for last in (False, False, True):
        try:
            async with transaction(ctx.pool) as connection:
                woken = await _made(ctx, connection, account_id, held.id, session)
        except Exception as error:
            if last or not isinstance(classify(error), Transient):
                raise
        else:
            told.woken(account_id, woken, ctx.clock())
            log.info("checkout_opened", checkout=held.id, session=session["id"])
            return


async def _made(ctx: Context, connection: Pooled, account_id: str, checkout_id: str, session: dict[str, Any]) -> Any:
    held = await checkouts.hold(connection, account_id, checkout_id)
    if held is None or held.state != "opening":
        return ()
    now = micros(datetime.fromtimestamp(ctx.clock(), UTC))
    reading = checkout.reading(session, held.connection, held.lines, held.actor)
    hand = held.stated and msgspec.structs.replace(held.stated, contact_id=held.contact_id)

    def beside(order_id: str, dossier: Dossier) -> Dossier:
        if hand is None:
            return dossier
        at = max(now, *(statement.at for fact in reading.facts for statement in fact.statements))
        return stated(dossier, order_id, hand, at, held.actor)

    order_id, woken = await answered(connection, account_id, held.order_id, reading, now, held.actor, beside)
    await checkouts.opened(
        connection, account_id, checkout_id, order_id=order_id, session_id=session["id"], url=session.get("url"),
        expires_at=moment(session["expires_at"] * 1_000_000) if session.get("expires_at") else None,
        now=datetime.fromtimestamp(ctx.clock(), UTC),
    )  # fmt: skip
    return woken


async def _looked_up(stripe: Stripe, held: Held) -> Outcome:
    """The session of a checkout that asking for it does not give; `Refused` as missing where there is none."""
    after = None
    while True:
        page = await stripe.list_checkout_sessions(
            created_from=held.created_at - CLOCKS_DIFFER, created_to=held.expires_at, after=after
        )
        if not isinstance(page, Succeeded):
            return page
        for session in page.object["data"]:
            if (session.get("metadata") or {}).get(checkout.KEY) == held.id:
                return msgspec.structs.replace(page, object=session)
        if not page.object.get("has_more") or not page.object["data"]:
            return StripeRefused("missing", "No session was opened for it.", param=checkout.KEY)
        after = page.object["data"][-1]["id"]


async def expire(ctx: Context, actor: Actor, checkout_id: str) -> None:
    """Expire the session of a checkout at Stripe, so that nobody can pay in it any more.

    Raises Refused: `not_found`, `not_open`, `stripe_refused`, and `stripe_silent` where it gave no clear answer.
    """
    async with acquire(ctx.pool) as connection:
        seen = await checkouts.read(connection, access.reach(actor), [checkout_id])
        held = await checkouts.get(connection, actor.account_id, checkout_id) if seen else None
        order_id = seen[0]["order_id"] if seen else None
        owner = await order_reads.owner(connection, access.reach(actor), order_id) if order_id else None
    if held is None:
        raise Refused("not_found", "There is nothing of this id among your checkouts.", remedy="See the list of them.")
    if owner is not None:
        access.check_write(actor, owner[0], "orders")
    if held.session_id is None or order_id is None:
        raise Refused(
            "not_open", f"This checkout is {held.state}.", remedy="Only a checkout that is open can be expired."
        )
    async with stripe_key.client(ctx) as stripe:
        outcome = await stripe.expire_checkout_session(held.session_id, key=f"{key_of(held.id)}-expire")
    match outcome:
        case Succeeded(object=session):
            now = micros(datetime.fromtimestamp(ctx.clock(), UTC))
            reading = checkout.expired(session, held.connection, now, actor.label)
            async with transaction(ctx.pool) as connection:
                _, woken = await answered(connection, actor.account_id, order_id, reading, now, actor.label)
            told.woken(actor.account_id, woken, ctx.clock())
        case StripeRefused(message=message):
            raise Refused("stripe_refused", f"Stripe did not expire it: {message}", remedy="Look at its order.")
        case _:
            raise Refused(
                "stripe_silent", "Stripe gave no clear answer: the session may be expired or not.",
                remedy="Send it again in a moment.",
            )  # fmt: skip


async def _end(ctx: Context, account_id: str, checkout_id: str, state: str, problem: str | None) -> None:
    async with acquire(ctx.pool) as connection:
        await checkouts.end(connection, account_id, checkout_id, state, problem)
    log.warning("checkout_not_opened", checkout=checkout_id, state=state)


async def _postpone(ctx: Context, account_id: str, held: Held, outcome: str, seconds: float | None) -> None:
    pause = max(seconds or 0, LATER_S[min(held.attempts, len(LATER_S) - 1)])
    async with acquire(ctx.pool) as connection:
        await checkouts.postpone(connection, account_id, held.id, _later(ctx, pause))
    log.warning("checkout_postponed", checkout=held.id, outcome=outcome, seconds=pause)


def _later(ctx: Context, seconds: float) -> datetime:
    return datetime.fromtimestamp(ctx.clock() + seconds, UTC)
