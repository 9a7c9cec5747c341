"""What can be stated of each kind of object: the fields that statements carry.

A field that a sender does not speak of is left UNSET; `None` says that there is none. All amounts are integers of the
ISO 4217 minor unit of the `currency` beside them (JPY 0, BRL 2, KWD 3 digits); all times are microseconds since 1970
(UTC); quantities and rates are decimal strings.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

T = TypeVar("T")
Maybe: TypeAlias = T | UnsetType
"""A field that a sender may not speak of."""


class Form(StrEnum):
    """What kind of document claims the sale; the first of these that a dossier holds is the order's base."""

    HAND = "hand"  # made by a person or over the API
    SHOP = "shop"  # a commerce platform's order
    FEED = "feed"  # Daybook's own order payload, over Standard Webhooks
    CHECKOUT = "checkout"  # a Stripe Checkout Session
    INVOICE = "invoice"  # a finalized Stripe invoice
    INTENT = "intent"  # a Stripe payment intent, where the connection's `orders_from` lists it


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a sale as it was sold. `subtotal` = quantity x unit_price before the discount, net of tax;
    `total` = subtotal - discount + tax. `key` is the sender's own line id, unique within its document; `parent_line` is
    the key of the parent order's line that this one carries."""

    key: str
    name: str
    sku: str | None = None
    quantity: str = "1"
    unit_price: int = 0
    tax_rate: str | None = None
    discount: int = 0
    subtotal: int = 0
    tax: int = 0
    total: int = 0
    delivery_method: str | None = None
    service: bool = False
    parent_line: str | None = None
    attributes: dict[str, str | int | bool | None] | None = None  # what the product of the catalogue was like then


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """A charge on the whole order. `kind`: discount, promotion (subtract); tax, shipping, surcharges, additional_cost
    (add); other, price_adjustment (by `sign`). `mode`: fixed (then `value` is an amount in minor units, as text) or
    percent (then `value` is a percentage as a decimal string, `of` the subtotal or the running total). `amount` is the
    computed figure, signed as it counts towards the total."""

    kind: str
    key: str = ""
    mode: str = "fixed"
    of: str | None = None
    value: str = "0"
    sign: int = 1
    amount: int = 0
    label: str | None = None


class Party(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The customer as one document names them. `ids` are keys (`stripe:cus_1`, `<connection>:customer:7`);
    `email` is lower-cased and stripped."""

    ids: tuple[str, ...] = ()
    email: str | None = None
    name: str | None = None
    phone: str | None = None


class Address(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    name: str | None = None
    company: str | None = None
    line1: str | None = None
    line2: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None
    phone: str | None = None


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A document that makes an order. What the document itself says of the money (`stated_paid`, `stated_returned`:
    totals, before and apart from refunds) fills only what payments and refunds of their own do not account for."""

    form: Maybe[Form] = UNSET
    claims: Maybe[bool] = UNSET  # False while the document makes no order yet (a draft invoice)
    connection: Maybe[str] = UNSET
    external_id: Maybe[str] = UNSET
    external_number: Maybe[str | None] = UNSET
    title: Maybe[str | None] = UNSET
    currency: Maybe[str] = UNSET  # ISO 4217, upper case
    total: Maybe[int] = UNSET  # grand total at the sale
    lines: Maybe[tuple[Line, ...]] = UNSET
    detail: Maybe[tuple[Line, ...]] = UNSET  # what `lines` are in detail, where others only state their sum
    charges: Maybe[tuple[Charge, ...]] = UNSET
    open: Maybe[bool] = UNSET  # money is still expected by itself (an open checkout, an invoice never yet tried)
    failed: Maybe[bool] = UNSET  # the last try to collect failed
    canceled: Maybe[bool] = UNSET  # canceled, expired, voided
    settled: Maybe[bool] = UNSET  # completed: nothing more is owed by the sender's own word (makes a zero total paid)
    stated_paid: Maybe[int | None] = UNSET
    stated_returned: Maybe[int | None] = UNSET
    note: Maybe[str | None] = UNSET  # a payment status that is only said (O5), where no sums are stated
    pays_with: Maybe[tuple[str, ...]] = UNSET  # keys of the payments that the document names
    payment_system: Maybe[str | None] = UNSET
    party: Maybe[Party] = UNSET
    billing_address: Maybe[Address | None] = UNSET
    shipping_address: Maybe[Address | None] = UNSET
    shipping_status: Maybe[str | None] = UNSET
    tracking_url: Maybe[str | None] = UNSET
    notes: Maybe[str | None] = UNSET
    ordered_at: Maybe[int] = UNSET
    paid_at: Maybe[int | None] = UNSET
    due_at: Maybe[int | None] = UNSET
    deleted_at: Maybe[int] = UNSET  # the sender deleted the document; it stands as canceled unless a later version came
    livemode: Maybe[bool] = UNSET
    provider_amount: Maybe[int] = UNSET  # the raw integer of the total, where the provider's unit is not ISO's
    stripe: Maybe[dict[str, str]] = (
        UNSET  # checkout_session_id, payment_intent_id, subscription_id, invoice_id, customer_id
    )


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to move money. `status`: pending, processing, requires_action, succeeded, failed, canceled."""

    status: Maybe[str] = UNSET
    amount: Maybe[int] = UNSET
    received: Maybe[int] = UNSET  # what really came in; the largest stated wins
    currency: Maybe[str] = UNSET
    system: Maybe[str] = UNSET  # payment system: `stripe`, a shop's gateway name
    merchant: Maybe[str | None] = UNSET
    method: Maybe[str | None] = UNSET  # card, pix, boleto, ...
    one_click: Maybe[bool] = UNSET
    fee: Maybe[int] = UNSET
    net: Maybe[int] = UNSET
    failure_code: Maybe[str | None] = UNSET
    failure_message: Maybe[str | None] = UNSET  # the provider's own words
    advice: Maybe[str | None] = UNSET  # the provider's word on another try: do_not_try_again, try_again_later, ...
    attempted_at: Maybe[int] = UNSET
    paid_at: Maybe[int | None] = UNSET
    claims: Maybe[bool] = UNSET  # may make an order of its own (the connection's `orders_from` lists it)
    connection: Maybe[str] = UNSET  # whose order that would be
    party: Maybe[Party] = UNSET
    livemode: Maybe[bool] = UNSET
    provider_amount: Maybe[int] = UNSET
    customer_id: Maybe[str] = UNSET
    comment: Maybe[str | None] = UNSET


class ChargeTotal(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's charge: which payment it belongs to and the running total refunded from it (the largest wins)."""

    payment: Maybe[str] = UNSET
    refunded: Maybe[int] = UNSET
    currency: Maybe[str] = UNSET


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """`status`: pending, requires_action, succeeded, canceled, failed (a refund may fail after it succeeded).
    `payment` and `charge` are keys, whichever the provider names."""

    payment: Maybe[str | None] = UNSET
    charge: Maybe[str | None] = UNSET
    amount: Maybe[int] = UNSET
    currency: Maybe[str] = UNSET
    status: Maybe[str] = UNSET
    reason: Maybe[str | None] = UNSET
    refunded_at: Maybe[int] = UNSET


class Dispute(msgspec.Struct, frozen=True, kw_only=True):
    """`status` is the provider's: warning_*, needs_response, under_review, won, lost."""

    payment: Maybe[str | None] = UNSET
    charge: Maybe[str | None] = UNSET
    amount: Maybe[int] = UNSET
    currency: Maybe[str] = UNSET
    status: Maybe[str] = UNSET
    reason: Maybe[str | None] = UNSET
    evidence_due_at: Maybe[int | None] = UNSET
    disputed_at: Maybe[int] = UNSET


class Credit(msgspec.Struct, frozen=True, kw_only=True):
    """What a credit note takes off the amount owed; `void` undoes it."""

    amount: Maybe[int] = UNSET
    currency: Maybe[str] = UNSET
    void: Maybe[bool] = UNSET


class Fulfillment(msgspec.Struct, frozen=True, kw_only=True):
    """`status`: success, cancelled, error, failure, pending, open. `lines`: shipped quantity by line key."""

    status: Maybe[str] = UNSET
    tracking_url: Maybe[str | None] = UNSET
    lines: Maybe[dict[str, str]] = UNSET


class Child(msgspec.Struct, frozen=True, kw_only=True):
    """What an order's child received and returned, as it counts for the parent: an invoice's payments and refunds, and
    for a return what its own invoice gave back (as `returned`). In the parent's currency."""

    type: Maybe[str] = UNSET
    received: Maybe[int] = UNSET
    returned: Maybe[int] = UNSET
    paid_at: Maybe[int | None] = UNSET


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's own subscription, shown beside recurring orders and never charged by Daybook."""

    status: Maybe[str] = UNSET
    customer: Maybe[str] = UNSET
    currency: Maybe[str | None] = UNSET
    started_at: Maybe[int | None] = UNSET
    ended_at: Maybe[int | None] = UNSET
    current_period_end: Maybe[int | None] = UNSET
    cancel_at_period_end: Maybe[bool] = UNSET
    connection: Maybe[str] = UNSET
    livemode: Maybe[bool] = UNSET
    title: Maybe[str | None] = UNSET
    amount: Maybe[int | None] = UNSET  # of one period; None where it depends on use
    interval: Maybe[dict[str, str | int] | None] = UNSET  # {"unit": "month", "count": 1}


class Hand(msgspec.Struct, frozen=True, kw_only=True):
    """What people (and programs over the API) state of an order. `origin` is set where they made it; every other field
    is an edit that stands until the sender of a document changes that field."""

    origin: Maybe[str] = UNSET  # api, manual, import
    source: Maybe[str] = UNSET
    external_id: Maybe[str | None] = UNSET
    external_number: Maybe[str | None] = UNSET
    type: Maybe[str] = UNSET
    template: Maybe[str] = UNSET
    slug: Maybe[str] = UNSET
    title: Maybe[str | None] = UNSET
    status: Maybe[str] = UNSET
    payment_status: Maybe[str] = UNSET  # a note: no money moves because of it
    amount_paid: Maybe[int | None] = UNSET
    amount_refunded: Maybe[int | None] = UNSET
    paid_at: Maybe[int | None] = UNSET
    currency: Maybe[str] = UNSET
    lines: Maybe[tuple[Line, ...]] = UNSET
    charges: Maybe[tuple[Charge, ...]] = UNSET
    billing_address: Maybe[Address | None] = UNSET
    shipping_address: Maybe[Address | None] = UNSET
    shipping_status: Maybe[str | None] = UNSET
    tracking_url: Maybe[str | None] = UNSET
    notes: Maybe[str | None] = UNSET
    ordered_at: Maybe[int] = UNSET
    due_at: Maybe[int | None] = UNSET
    contact_id: Maybe[str] = UNSET
    deal_id: Maybe[str | None] = UNSET
    owner_id: Maybe[str | None] = UNSET
    manager_id: Maybe[str | None] = UNSET
    offer_id: Maybe[str | None] = UNSET
    location_id: Maybe[str | None] = UNSET
    destination_location_id: Maybe[str | None] = UNSET
    parent_id: Maybe[str] = UNSET
    recurring_order_id: Maybe[str] = UNSET  # the recurring order whose cycle it is: Daybook charges it through Stripe
    livemode: Maybe[bool] = UNSET
    moves_stock: Maybe[bool] = UNSET
    verdict: Maybe[str] = UNSET  # what somebody decided about a partly paid sale: confirmed, declined
    sale_kind: Maybe[str] = UNSET
    sale_confirmed_at: Maybe[int] = UNSET
    sale_confirmed_by: Maybe[str] = UNSET
