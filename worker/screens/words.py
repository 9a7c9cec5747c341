"""Numbers, times and reasons as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from handlers.money import EXPONENTS

NONE = "—"
_REASONS = {
    "registry_off": "The order registry is off. Events are kept, and applied once an administrator enables it.",
    "lane_paused": "Its lane is paused. It is applied once somebody resumes the lane.",
    "": "No reason was noted.",
}
_FAULTS = {
    "CannotConnectNowError": "PostgreSQL was starting up or shutting down.",
    "ConnectionDoesNotExistError": "The connection to PostgreSQL broke off.",
    "ConnectionRefusedError": "PostgreSQL could not be reached.",
    "DeadlockDetectedError": "PostgreSQL saw a deadlock with another batch.",
    "LockNotAvailableError": "Another batch held what was needed for too long.",
    "QueryCanceledError": "PostgreSQL took too long and was stopped.",
    "SerializationError": "Another batch changed the same rows at the same moment.",
    "TimeoutError": "PostgreSQL did not answer in time.",
    "TooManyConnectionsError": "PostgreSQL had no connection to spare.",
    "UniqueViolationError": "Another batch made the same row a moment before.",
}
"""Faults that pass by themselves, by the name that the applier notes."""


def count(value: int, *, capped: bool = False) -> str:
    """A whole number: in full below ten million, then `12.3 M`; a `+` where counting stopped."""
    return f"{_whole(value)}{'+' if capped else ''}"


def _whole(value: int) -> str:
    for limit, unit in ((10**12, "T"), (10**9, "G"), (10**7, "M")):
        if value >= limit:
            return f"{value / min(limit, 10**6 if unit == 'M' else limit):,.1f} {unit}"
    return f"{value:,}"


def rate(value: float | None) -> str:
    """A rate: three figures that matter."""
    if value is None:
        return NONE
    if value >= 1000:
        return _whole(round(value))
    if value >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 0.1 else "< 0.1"


def percent(part: int, whole: int) -> str | None:
    """A share, never rounded up to 100 nor down to 0."""
    if not whole:
        return None
    share = part / whole * 100
    if part == whole or part == 0:
        return f"{share:.0f}"
    return f"{min(99.99, max(0.01, share)):.2f}" if share >= 99.9 or share < 1 else f"{share:.1f}"


def duration(seconds: float) -> str:
    """How long: `350 ms`, `2.4 s`, `41 s`, `21 min`, `5 h`, `3 d`."""
    seconds = max(0.0, seconds)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    for limit, unit, size in ((60, "s", 1), (3600, "min", 60), (172_800, "h", 3600)):
        if seconds < limit:
            return f"{int(seconds / size)} {unit}"
    return f"{int(seconds / 86_400):,} d"


def millis(value: float | None) -> tuple[str, str]:
    """Milliseconds as a number and its unit."""
    if value is None:
        return NONE, ""
    number, unit = (f"{value:.0f}", "ms") if value < 1000 else duration(value / 1000).split(" ")
    return number, unit


def age(since: datetime | None, now: datetime) -> str:
    """How long ago, in whole units; a moment ago is `now`."""
    if since is None:
        return NONE
    seconds = (now - since).total_seconds()
    return "now" if seconds < 1 else duration(int(seconds)).replace(".0 ", " ")


def ago(since: datetime | None, now: datetime) -> str:
    text = age(since, now)
    return text if text in (NONE, "now") else f"{text} ago"


def until(at: datetime | None, now: datetime) -> str:
    """When something comes."""
    if at is None:
        return NONE
    seconds = (at - now).total_seconds()
    return "now" if seconds < 1 else f"in {duration(int(seconds)).replace('.0 ', ' ')}"


def clock(at: datetime) -> str:
    """The full time, for tooltips and machines."""
    return at.astimezone(UTC).strftime("%d %b %Y, %H:%M:%S UTC")


def moment(at: datetime | None, zone: tzinfo = UTC) -> str:
    """A time as a row shows it, where the account is: `21 Nov 2026, 14:03`."""
    return at.astimezone(zone).strftime("%d %b %Y, %H:%M") if at else NONE


def day(at: datetime | None, zone: tzinfo = UTC) -> str:
    return at.astimezone(zone).strftime("%d %b %Y") if at else NONE


def money(amount: int | None, currency: str) -> str:
    """An amount in minor units: `BRL 1,234.50`, `JPY 1,235`, `BRL -3.00`."""
    if amount is None:
        return NONE
    digits = EXPONENTS.get(currency, 2)
    whole, rest = divmod(abs(amount), 10**digits)
    sign = "-" if amount < 0 else ""
    return f"{currency} {sign}{whole:,}" + (f".{rest:0{digits}d}" if digits else "")


def plain_money(amount: int, currency: str) -> str:
    """An amount in minor units as a field holds it: `1234.50`."""
    return money(amount, currency).partition(" ")[2].replace(",", "")


def person(name: str | None, email: str | None = None, phone: str | None = None, *, anonymous: bool = False) -> str:
    """What a customer is called: the first that is known of them."""
    return name or email or phone or ("Anonymous customer" if anonymous else "Customer without a name")


def label(word: str | None) -> str:
    """A word of the contract as people read it: `partially_paid` is `partially paid`."""
    return word.replace("_", " ").replace("-", " ") if word else NONE


def reason(text: str | None) -> tuple[str, str]:
    """Why an event is where it is, as (what, sentence): `data.object.currency` and what is wrong with it."""
    text = (text or "").strip().removeprefix("Transient: ")
    if fault := _FAULTS.get(text.partition(":")[0]):
        return "", fault
    if text in _REASONS:
        return "", _REASONS[text]
    head, colon, rest = text.partition(": ")
    if colon and rest.strip() and " " not in head:
        return head, _sentence(rest)
    return "", _sentence(text)


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
