"""The command `stripe-stand-in`: a Stripe of one's own, on the loopback, to develop against."""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import Annotated

import typer

from worker.cli.app import app
from worker.errors import UserError


@app.command(name="stripe-stand-in")
def stripe_stand_in(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the loopback; 0 takes a free one.")] = 0,
    webhook: Annotated[
        str | None, typer.Option(help="Address that events are posted to: http://127.0.0.1:8080/webhooks/stripe")
    ] = None,
    secret: Annotated[
        str | None, typer.Option(help="Secret that signs them: whsec_...", envvar="STRIPE_WEBHOOK_SECRET")
    ] = None,
    listen_fd: Annotated[
        int | None, typer.Option(min=3, hidden=True, help="An inherited, listening socket; `daybook up` gives it.")
    ] = None,
) -> None:
    """Play Stripe on this machine: API, checkout pages and webhooks. No money moves; Ctrl-C forgets everything."""
    if webhook and not webhook.startswith(("http://", "https://")):
        raise UserError("--webhook is no address.", remedy="Give one that begins with http:// or https://.")
    if webhook and not secret:
        raise UserError(
            "--webhook needs --secret.", remedy="Give the secret of the connection, or set STRIPE_WEBHOOK_SECRET."
        )
    asyncio.run(_run(port, webhook, (secret or "").split(",")[0].strip(), listen_fd))


async def _run(port: int, webhook: str | None, secret: str, listen_fd: int | None) -> None:
    from worker.local.stripe.stand_in import StandIn

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stand_in = StandIn(port=port, listener=None if listen_fd is None else socket.socket(fileno=listen_fd))
    try:
        await stand_in.start()
    except OSError:
        raise UserError(f"Port {port} is taken.", remedy="Give another --port, or 0 for a free one.") from None
    try:
        if webhook:
            stand_in.webhooks_to(webhook, secret)
        typer.echo(f"Stand-in Stripe: {stand_in.url}")
        typer.echo(f"Point Daybook at it: STRIPE_API_BASE={stand_in.url} STRIPE_API_KEY=sk_test_stand_in daybook up")
        typer.echo(f"Webhooks go to {webhook}" if webhook else "Webhooks go nowhere: --webhook and --secret send them.")
        typer.echo("Scripting below /_stand_in, see docs/stripe-stand-in.md. Ctrl-C ends it.")
        await stop.wait()
    finally:
        await stand_in.stop()
