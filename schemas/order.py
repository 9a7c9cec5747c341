"""The order as Daybook keeps it: derived from a dossier, projected into tables, spoken by the API."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from schemas.stated import Address, Charge, Line, Party


class Status(StrEnum):
    """Where the order is in its flow (T2). Facts never move it."""

    DRAFT = "draft"
    NEW = "new"
    PROCESSING = "processing"
    COMPLETED = "completed"
    VOID = "void"


class PaymentStatus(StrEnum):
    """What the money did (O5)."""

    PENDING = "pending"
    PAID = "paid"
    PARTIALLY_PAID = "partially_paid"
    OVERDUE = "overdue"
    REFUNDED = "refunded"
    CANCELED = "canceled"
    FAILED = "failed"


class ShippingStatus(StrEnum):
    UNSHIPPED = "unshipped"
    PARTIALLY_SHIPPED = "partially_shipped"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    RETURNED = "returned"
    CANCELED = "canceled"


class SalesStatus(StrEnum):
    """The label of the sales screens: a projection of the payment status."""

    OPEN = "open"
    COMPLETED = "completed"
    DECLINED = "declined"
    REFUND = "refund"


class OrderSource(StrEnum):
    MANUAL = "manual"
    WEBHOOK = "webhook"
    API = "api"
    PAYMENTS = "payments"
    COMMERCE = "commerce"


class ManagedBy(StrEnum):
    STRIPE = "stripe"
    MANUAL = "manual"


class OrderType(StrEnum):
    SALE = "sale"
    PURCHASE = "purchase"
    TRANSFER = "transfer"
    INVOICE = "invoice"
    SHIPPING = "shipping"
    RETURN = "return"
    CART = "cart"
    QUOTE = "quote"
    OPPORTUNITY = "opportunity"


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What an order comes to, in minor units. `charges` sums the signed amounts by kind; `discounts_total` counts
    the lines' discounts and the discount and promotion charges as a positive figure; `taxes_total` the lines' taxes
    and the tax charges. order_total = items_total - line discounts + line taxes + sum of charges."""

    items_total: int = 0
    discounts_total: int = 0
    taxes_total: int = 0
    charges: dict[str, int] = {}
    shipping_total: int = 0
    order_total: int = 0
    paid: int = 0
    refunded: int = 0
    remaining: int = 0


class PaymentRow(msgspec.Struct, frozen=True, kw_only=True):
    """A payment as derived. `key` is its identity within the account; `counted` is what it adds to the order's
    received sum, in the order's currency (0 while not succeeded, or in another currency)."""

    key: str
    status: str
    amount: int
    currency: str
    counted: int = 0
    system: str = ""
    merchant: str | None = None
    method: str | None = None
    one_click: bool = False
    fee: int | None = None
    net: int | None = None
    failure_code: str | None = None
    failure_reason: str | None = None
    advice: str | None = None  # the provider's word on another try; decides about retries, not stored
    comment: str | None = None
    attempted_at: int | None = None
    paid_at: int | None = None
    refunded: int = 0
    dispute: str | None = None
    percent: str | None = None  # of the order, two decimals; a matter of reading, not stored
    stated: bool = False  # known only from a document's own word
    flag: str | None = None  # `other_currency`


class RefundRow(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    amount: int
    currency: str
    status: str
    counted: int = 0
    payment: str | None = None
    reason: str | None = None
    refunded_at: int | None = None


class DisputeRow(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    amount: int
    currency: str
    status: str
    counted: int = 0
    payment: str | None = None
    reason: str | None = None
    evidence_due_at: int | None = None
    disputed_at: int | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about an order that follows from its dossier and from now. Times in microseconds since 1970 (UTC).
    What the store gives (id, number, contact, version, created_at, updated_at) is not here."""

    origin: str
    external_id: str | None
    external_number: str | None
    title: str
    slug: str
    type: str
    template: str
    status: str
    payment_status: str
    shipping_status: str
    source: str
    managed_by: str
    sales_status: str
    sale_kind: str
    sale_confirmed_at: int | None
    sale_confirmed_by: str | None
    payment_type: str
    livemode: bool
    currency: str
    amount: int
    shipping_amount: int
    amount_paid: int
    amount_refunded: int
    is_paid: bool
    ordered_at: int
    paid_at: int | None
    due_at: int | None
    rule: str  # which rule of the payment state fired
    notes: str | None
    billing_address: Address | None
    shipping_address: Address | None
    tracking_url: str | None
    contact_id: str | None  # only where a person set it; otherwise the store resolves `party`
    deal_id: str | None
    owner_id: str | None
    manager_id: str | None
    offer_id: str | None
    location_id: str | None
    destination_location_id: str | None
    stripe: dict[str, str]
    links: tuple[str, ...]
    lines: tuple[Line, ...]
    charges: tuple[Charge, ...]
    summary: Summary
    payments: tuple[PaymentRow, ...]
    refunds: tuple[RefundRow, ...]
    disputes: tuple[DisputeRow, ...]
    party: Party
    emails: tuple[str, ...]  # every address by which the documents name the customer
    party_at: int  # when the base document stated the customer
    moves_stock: bool = True  # as its template said when it was made
    parent_id: str | None = None  # as it was made; the store follows a parent that was merged into another order
    recurring_order_id: str | None = None  # the recurring order whose cycle it is
