"""One header with base64(HMAC-SHA256(secret, raw body)): how Shopify and WooCommerce sign.

The scheme has no timestamp, so the only protection against a replay is that the inbox knows the delivery.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable

from handlers.providers.signing import (
    SIGNATURES_LIMIT,
    VERIFIED,
    WRONG,
    from_base64,
    hmac_sha256,
    missing,
    refused,
    same,
)
from schemas.provider import Cause, Verification

NO_SECRET = refused(
    Cause.WRONG_SIGNATURE,
    "This connection holds no secret, so nothing can be verified. Give it the secret that the provider signs with.",
)


def check(header: str, value: str | None, body: bytes, secrets: Iterable[bytes]) -> Verification:
    """Whether any signature in the header (one, unless it was sent twice) is made with any of the secrets."""
    if value is None or not value.strip():
        return missing(header)
    given = value.split(",", SIGNATURES_LIMIT)
    if len(given) > SIGNATURES_LIMIT:
        return refused(Cause.MALFORMED_HEADER, f"The header {header} holds more than {SIGNATURES_LIMIT} signatures.")
    signatures = [found for text in given if (found := from_base64(text.strip())) is not None]
    if not signatures:
        return refused(Cause.MALFORMED_HEADER, f"The header {header} is not base64. Send it as the provider does.")
    keys = [secret for secret in secrets if secret]
    if not keys:
        return NO_SECRET
    expected = [hmac_sha256(key, body) for key in keys]
    matches = [same(one, signature) for one in expected for signature in signatures]
    return VERIFIED if any(matches) else WRONG


def signature(secret: bytes, body: bytes) -> str:
    return base64.b64encode(hmac_sha256(secret, body)).decode("ascii")
