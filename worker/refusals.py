"""What the causes of refusals are called, and what a person does about each."""

from __future__ import annotations

from schemas.refusal import Trace
from worker.screens import words

_WORDS = {
    Trace.MISSING_HEADER: "signature header missing",
    Trace.MALFORMED_HEADER: "signature header malformed",
    Trace.WRONG_SIGNATURE: "wrong secret",
    Trace.STALE: "clock off",
    Trace.FUTURE: "clock off",
    Trace.PREVIOUS_SECRET: "previous secret",
    Trace.OTHER_CONNECTION: "another connection's secret",
    Trace.CONTENT_ENCODING: "compressed body",
    Trace.NOT_UTF8: "wrong encoding",
    Trace.NOT_JSON: "no JSON object",
    Trace.TOO_LARGE: "body too large",
    Trace.TOO_SLOW: "body too slow",
    Trace.BROKEN_OFF: "body broke off",
    Trace.UNKNOWN_CONNECTION: "unknown connection",
}
_REMEDIES = {
    Trace.MISSING_HEADER: "Send from the provider's own webhooks, and let no proxy drop its signature header.",
    Trace.MALFORMED_HEADER: "See that the connection is of the sender's provider, and that no proxy rewrites headers.",
    Trace.WRONG_SIGNATURE: (
        "Put the secret that the provider shows for this address into a variable and run `daybook connection rotate "
        "{name} --secret-env VARIABLE`. If others are accepted, see that no proxy changes bodies."
    ),
    Trace.STALE: "Let this host keep time by NTP; if its clock is right, the sender's is wrong or it sends late.",
    Trace.FUTURE: "Let this host keep time by NTP; if its clock is right, the sender's is wrong.",
    Trace.PREVIOUS_SECRET: (
        "The sender still signs with a secret that was replaced. Enter the new one there, or bring the old one back "
        "with `daybook connection rotate {name} --secret-env VARIABLE`."
    ),
    Trace.OTHER_CONNECTION: (
        "The sender signs with the secret of {hint}. Enter that connection's address there, or this one's secret."
    ),
    Trace.CONTENT_ENCODING: "Let the sender, or the proxy before Daybook, send bodies uncompressed.",
    Trace.NOT_UTF8: "Let the sender write JSON in UTF-8, and see that no proxy converts bodies.",
    Trace.NOT_JSON: "Let the sender post one event as a JSON object.",
    Trace.TOO_LARGE: "If the sender is right, raise DAYBOOK_BODY_LIMIT_BYTES.",
    Trace.TOO_SLOW: "See the network between sender and receiver, or raise DAYBOOK_BODY_TIMEOUT_S.",
    Trace.BROKEN_OFF: "See the network, and the time limits of the proxy between sender and receiver.",
    Trace.UNKNOWN_CONNECTION: "Compare the addresses at the providers with `daybook connection list`.",
}


def cause_words(cause: str, skew_s: int | None = None, hint: str | None = None) -> str:
    """A cause in a few words, with what was measured."""
    try:
        trace = Trace(cause)
    except ValueError:
        return cause.replace("_", " ")
    if skew_s is not None and trace in (Trace.STALE, Trace.FUTURE):
        return f"clock off by {words.duration(abs(skew_s))} ({'old' if skew_s > 0 else 'ahead'})"
    if hint and trace is Trace.OTHER_CONNECTION:
        return f"secret of {hint}"
    return _WORDS[trace]


def remedy(cause: str, name: str, hint: str | None = None) -> str:
    """What to do about a cause at the connection of this name."""
    try:
        text = _REMEDIES[Trace(cause)]
    except ValueError:
        return ""
    return text.format(name=name, hint=hint or "another connection")
