"""Refused deliveries as ops see them: the likely cause, and what a refusal leaves behind."""

from __future__ import annotations

from enum import StrEnum


class Trace(StrEnum):
    """The likely cause of a refusal. The first five are what an adapter says (`schemas.provider.Cause`)."""

    MISSING_HEADER = "missing_header"
    MALFORMED_HEADER = "malformed_header"
    WRONG_SIGNATURE = "wrong_signature"  # a secret that nobody here knows, or a body changed on its way
    STALE = "stale"
    FUTURE = "future"
    PREVIOUS_SECRET = "previous_secret"  # noqa: S105  (the name of a cause)
    OTHER_CONNECTION = "other_connection"
    CONTENT_ENCODING = "content_encoding"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    BROKEN_OFF = "broken_off"
    UNKNOWN_CONNECTION = "unknown_connection"  # counted for the installation, under no name
