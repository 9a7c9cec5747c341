"""Currencies and minor units.

Exponents are ISO 4217's (the digits after the point), not CLDR's and not a provider's. Stripe's differ for a few
currencies (docs.stripe.com/currencies: zero-decimal list, and the special cases ISK and UGX, which are sent with two
digits that are always 00; MGA is sent with none).
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from handlers.errors import Refused, Unmappable

_ACTIVE = """AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF
CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL
HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK
MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS
SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"""
_WITHDRAWN = "BYN HRK LTL LVL EEK SLL VEF ZWL MRO STD SKK CUC AZM GHC MZM ROL TRL"  # still met in old payloads
EXPONENTS: dict[str, int] = (
    dict.fromkeys((_ACTIVE + " " + _WITHDRAWN).split(), 2)
    | dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
            "BYR",
        ],
        0,
    )
    | dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3)
    | dict.fromkeys(["CLF", "UYW"], 4)
)
_STRIPE = dict.fromkeys(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"], 0
) | dict.fromkeys(["BHD", "JOD", "KWD", "OMR", "TND"], 3)
LARGEST = 2**53 - 1
"""The largest amount, in minor units: beyond it a JSON reader in a browser would lose the last digit."""


def currency(code: Any, path: str) -> str:
    """The upper-case ISO 4217 code, or Unmappable."""
    known = code.upper() if isinstance(code, str) else None
    if known not in EXPONENTS:
        raise Unmappable(path, f"{code!r:.40} is not a currency of ISO 4217")
    return known


def wished_currency(code: str) -> str:
    """The currency that somebody asks for, as `currency`; Refused (`invalid`) for one that there is not."""
    try:
        return currency(code, "currency")
    except Unmappable as error:
        raise Refused(
            "invalid", error.problem, field="currency", remedy="Use a three-letter code such as BRL."
        ) from None


def bounded(amount: int, path: str) -> int:
    if abs(amount) > LARGEST:
        raise Unmappable(path, f"the amount is beyond {LARGEST} minor units")
    return amount


def decimal(value: Any, path: str) -> Decimal:
    """A finite decimal from a JSON number or its text. Never from a float: those have lost digits already."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise Unmappable(path, f"expected a decimal number, got {type(value).__name__}")
    if isinstance(value, str) and (len(value) > 40 or not value.isascii() or "_" in value):
        raise Unmappable(path, f"{value[:40]!r} is not a decimal number")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise Unmappable(path, f"{value!r:.40} is not a decimal number") from None
    if not number.is_finite() or abs(number.adjusted()) > 30:
        raise Unmappable(path, f"{value!r:.40} is not a usable decimal number")
    return number


def minor(value: Any, code: str, path: str) -> int:
    """Minor units from an amount in major units ("10.00"); what does not fit the currency's exponent is Unmappable."""
    scaled = decimal(value, path).scaleb(EXPONENTS[code])
    whole = scaled.to_integral_value()
    if whole != scaled:
        raise Unmappable(path, f"{value} does not fit {code}, which has {EXPONENTS[code]} decimal places")
    return bounded(int(whole), path)


def rounded(value: Decimal) -> int:
    """Half up (away from zero), the one rounding rule of Daybook."""
    return int(value.to_integral_value(ROUND_HALF_UP))


def minor_rounded(value: Any, code: str, path: str) -> int:
    """As `minor`, for figures that a sender keeps with more digits than the currency has (a tax on one line)."""
    return bounded(rounded(decimal(value, path).scaleb(EXPONENTS[code])), path)


def from_stripe(amount: Any, code: str, path: str) -> int:
    """ISO minor units from Stripe's integer for `code`."""
    if isinstance(amount, bool) or not isinstance(amount, int):
        raise Unmappable(path, f"expected an integer amount, got {type(amount).__name__}")
    shift = EXPONENTS[code] - _STRIPE.get(code, 2)
    if shift >= 0:
        return bounded(amount * 10**shift, path)
    whole, rest = divmod(amount, 10**-shift)
    if rest:
        raise Unmappable(path, f"{amount} does not fit {code}: Stripe sends it with {-shift} digits that are 0")
    return bounded(whole, path)


def to_stripe(amount: int, code: str, path: str) -> int:
    """Stripe's integer for `code` from ISO minor units, or Unmappable where Stripe cannot take the amount."""
    shift = EXPONENTS[code] - _STRIPE.get(code, 2)
    whole, rest = divmod(amount, 10**shift) if shift > 0 else (amount * 10**-shift, 0)
    if rest or (_STRIPE.get(code, 2) == 3 and whole % 10):
        raise Unmappable(path, f"{amount} {code} has more digits than Stripe takes")
    return bounded(whole, path)
