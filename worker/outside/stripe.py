"""Calls to Stripe: each gives one of the outcomes of `worker.outside.outcome`, never an exception and never a guess.

    async with Stripe(key, settings.stripe_api_base) as stripe:          # or `of(settings)`, None where no key is set
        match await stripe.confirm_payment_intent(intent_id, {"payment_method": pm, "off_session": True}, key=key):
            case Succeeded(object=intent): ...      # intent["status"]: succeeded, processing, requires_action, ...
            case Declined(advice_code="do_not_try_again"): ...
            case Limited(retry_after_s=seconds): ...
            case Unknown(): ...                     # the same key again while it is young, else retrieve

One `Stripe` a process and key, opened once and closed at its end: it keeps its connections. Parameters are Stripe's own
names and nesting; every write has an idempotency key (`key`, 255 characters at most) of the caller's, and is sent once.
Reads are asked up to three times. How many calls at once, and how many a second, is for the caller to decide. A call
that is cancelled has no outcome: to whoever cancelled it, it is `Unknown`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import stripe
import tenacity

from worker.config import Settings
from worker.outside.outcome import Limited, Outcome, Refused, Succeeded, Unknown
from worker.outside.stripe_answer import outcome_of
from worker.outside.stripe_wire import HEARD, Lost, NeverSent, Wire

API_VERSION = "2026-10-28.endive"
"""The shape of what is sent and answered, whatever the account's default or the SDK's release. Webhooks come in the
version of their endpoint, which is another matter."""
CONNECT_S = 5.0
TOTAL_S = 30.0
PAGE = 100
PAGES = 1000
_READS = 3
_PATIENCE_S = 5.0
"""The longest Retry-After that a read waits for by itself."""

stripe.enable_telemetry = False
logging.getLogger("stripe").setLevel(logging.WARNING)  # below it, it logs what is sent and answered


def of(settings: Settings) -> Stripe | None:
    """The client of the connection `stripe`, or None where STRIPE_API_KEY is not set."""
    if settings.stripe_api_key is None:
        return None
    return Stripe(settings.stripe_api_key.get_secret_value(), settings.stripe_api_base)


class Stripe:
    """A client with one API key. `connect_s`, `total_s`: seconds for a connection, and for a whole call."""

    def __init__(
        self,
        key: str,
        base: str = "https://api.stripe.com",
        *,
        connect_s: float = CONNECT_S,
        total_s: float = TOTAL_S,
        pause_s: float = 0.25,
    ) -> None:
        self._wire = Wire(connect_s=connect_s, total_s=total_s, tls=base.startswith("https:"))
        self._stripe = stripe.StripeClient(
            key,
            base_addresses={"api": base.rstrip("/")},
            stripe_version=API_VERSION,
            max_network_retries=0,
            http_client=self._wire,
        ).v1
        self._pause_s = pause_s
        self.livemode = re.match(r"[a-z]+_(org_)?test_", key) is None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections. It may be used again, and then opens new ones."""
        await self._wire.close_async()

    # Payment intents

    async def create_payment_intent(self, params: Mapping[str, Any], *, key: str) -> Outcome:
        return await self._write(self._stripe.payment_intents.create_async, params, key)

    async def confirm_payment_intent(self, intent_id: str, params: Mapping[str, Any], *, key: str) -> Outcome:
        """Off session, `params` has `off_session`: True and a `payment_method`. One that has succeeded already is
        `Refused` with `code` `payment_intent_unexpected_state` and the intent."""
        return await self._write(self._stripe.payment_intents.confirm_async, params, key, intent_id)

    async def cancel_payment_intent(self, intent_id: str, params: Mapping[str, Any], *, key: str) -> Outcome:
        return await self._write(self._stripe.payment_intents.cancel_async, params, key, intent_id)

    async def retrieve_payment_intent(self, intent_id: str, *, expand: Sequence[str] = ()) -> Outcome:
        return await self._read(self._stripe.payment_intents.retrieve_async, _expanded(expand), intent_id)

    async def list_payment_intents(
        self,
        *,
        customer: str | None = None,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        after: str | None = None,
        limit: int = PAGE,
    ) -> Outcome:
        """A page, the newest first: `data`, `has_more`. `created_to` is exclusive; `after` is the last id of the page
        before."""
        params = {"customer": customer, **_page(created_from, created_to, after, limit)}
        return await self._read(self._stripe.payment_intents.list_async, params)

    # Customers and their payment methods

    async def create_customer(self, params: Mapping[str, Any], *, key: str) -> Outcome:
        return await self._write(self._stripe.customers.create_async, params, key)

    async def retrieve_customer(self, customer_id: str) -> Outcome:
        """A deleted customer succeeds as `{"id", "deleted": true}`."""
        return await self._read(self._stripe.customers.retrieve_async, {}, customer_id)

    async def retrieve_payment_method(self, payment_method_id: str) -> Outcome:
        return await self._read(self._stripe.payment_methods.retrieve_async, {}, payment_method_id)

    async def list_payment_methods(
        self, customer_id: str, *, of_type: str | None = None, after: str | None = None, limit: int = PAGE
    ) -> Outcome:
        params = {"customer": customer_id, "type": of_type, "starting_after": after, "limit": limit}
        return await self._read(self._stripe.payment_methods.list_async, params)

    # Checkout sessions

    async def create_checkout_session(self, params: Mapping[str, Any], *, key: str) -> Outcome:
        return await self._write(self._stripe.checkout.sessions.create_async, params, key)

    async def retrieve_checkout_session(self, session_id: str, *, expand: Sequence[str] = ()) -> Outcome:
        return await self._read(self._stripe.checkout.sessions.retrieve_async, _expanded(expand), session_id)

    async def expire_checkout_session(self, session_id: str, *, key: str) -> Outcome:
        """One that is complete or expired is `Refused`."""
        return await self._write(self._stripe.checkout.sessions.expire_async, {}, key, session_id)

    async def list_checkout_sessions(
        self,
        *,
        payment_intent: str | None = None,
        customer: str | None = None,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        after: str | None = None,
        limit: int = PAGE,
    ) -> Outcome:
        params = {
            "payment_intent": payment_intent,
            "customer": customer,
            **_page(created_from, created_to, after, limit),
        }
        return await self._read(self._stripe.checkout.sessions.list_async, params)

    # Money that moved

    async def create_refund(self, params: Mapping[str, Any], *, key: str) -> Outcome:
        """`params`: `payment_intent` or `charge`, and `amount` for a part. The object's `status` may be `pending`."""
        return await self._write(self._stripe.refunds.create_async, params, key)

    async def retrieve_refund(self, refund_id: str) -> Outcome:
        return await self._read(self._stripe.refunds.retrieve_async, {}, refund_id)

    async def retrieve_charge(self, charge_id: str, *, expand: Sequence[str] = ()) -> Outcome:
        return await self._read(self._stripe.charges.retrieve_async, _expanded(expand), charge_id)

    async def retrieve_balance_transaction(self, transaction_id: str) -> Outcome:
        """What a charge cost (`fee`) and brought (`net`), in the currency of the Stripe account."""
        return await self._read(self._stripe.balance_transactions.retrieve_async, {}, transaction_id)

    # Events

    async def retrieve_event(self, event_id: str) -> Outcome:
        return await self._read(self._stripe.events.retrieve_async, {}, event_id)

    async def list_events(
        self,
        *,
        types: Sequence[str] = (),
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        undelivered: bool = False,
        after: str | None = None,
        limit: int = PAGE,
    ) -> Outcome:
        """A page of events, the newest first, 30 days back at most. `types`: 20 at most; `undelivered`: only those that
        an endpoint has not taken."""
        params = {
            "types": list(types) or None,
            "delivery_success": False if undelivered else None,
            **_page(created_from, created_to, after, limit),
        }
        return await self._read(self._stripe.events.list_async, params)

    async def event_pages(
        self,
        *,
        types: Sequence[str] = (),
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        undelivered: bool = False,
        after: str | None = None,
        pages: int = PAGES,
    ) -> AsyncIterator[Outcome]:
        """The pages of `list_events` one after another, `pages` of them at most. The last may be an outcome other than
        `Succeeded`: go on later with `after`, the id of the last event that was had."""
        for _ in range(pages):
            page = await self.list_events(
                types=types, created_from=created_from, created_to=created_to, undelivered=undelivered, after=after
            )
            yield page
            if not isinstance(page, Succeeded) or not page.object.get("has_more") or not page.object.get("data"):
                return
            after = page.object["data"][-1]["id"]

    # One call

    async def _write(
        self, call: Callable[..., Awaitable[object]], params: Mapping[str, Any], key: str, *ids: str
    ) -> Outcome:
        """Once. A key that is empty would be one that the SDK makes up."""
        if not 1 <= len(key) <= 255:
            return Refused("invalid", "The idempotency key is not of 1 to 255 characters.", param="idempotency_key")
        return await _once(lambda: call(*ids, params=dict(params), options={"idempotency_key": key}))

    async def _read(self, call: Callable[..., Awaitable[object]], params: Mapping[str, Any], *ids: str) -> Outcome:
        """Up to three times, with growing pauses, while asking again may help."""
        given = {name: value for name, value in params.items() if value is not None}
        asking = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(_READS),
            retry=tenacity.retry_if_result(_may_help),
            wait=self._pause,
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        found: Outcome = await asking(_once, lambda: call(*ids, params=given))
        return found

    def _pause(self, state: tenacity.RetryCallState) -> float:
        found = state.outcome.result() if state.outcome else None
        asked = found.retry_after_s if isinstance(found, Limited) else None
        grown = tenacity.wait_exponential_jitter(multiplier=self._pause_s, max=4, jitter=self._pause_s)(state)
        return max(grown, asked or 0.0)


def _may_help(found: Outcome) -> bool:
    return isinstance(found, Unknown) or (isinstance(found, Limited) and (found.retry_after_s or 0.0) <= _PATIENCE_S)


async def _once(call: Callable[[], Awaitable[object]]) -> Outcome:
    """What is read is Stripe's answer itself, not what the SDK makes of it: it raises other things than its own errors
    for answers that it does not expect."""
    HEARD.set(None)
    problem: Exception | None = None
    try:
        await call()
    except NeverSent as error:
        return Limited(str(error))
    except Lost as error:
        return Unknown(str(error))
    except Exception as error:  # noqa: BLE001  (whatever the SDK raises; see above)
        problem = error
    heard = HEARD.get()
    if heard is None:
        return Refused("invalid", f"The request could not be put together: {type(problem).__name__}.")
    return outcome_of(heard)


def _expanded(names: Sequence[str]) -> dict[str, Any]:
    return {"expand": list(names) or None}


def _page(since: datetime | None, until: datetime | None, after: str | None, limit: int) -> dict[str, Any]:
    created = {"gte": since and int(since.timestamp()), "lt": until and int(until.timestamp())}
    return {
        "created": {name: value for name, value in created.items() if value is not None} or None,
        "starting_after": after,
        "limit": limit,
    }
