"""What every answer tells the browser not to do."""

from __future__ import annotations

from aiohttp import web

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing from elsewhere, nothing inline. A page that needs more (the API's reference) sets its own policy."""

HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # not `no-referrer`: with it a browser sends `Origin: null` with our own forms
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


WEBHOOKS = "/webhooks/"
"""Answered to programs, thousands of times a second: no browser reads them."""


async def harden(request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers that the answer does not set itself, before it starts, streams included."""
    if request.path.startswith(WEBHOOKS):
        return
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
