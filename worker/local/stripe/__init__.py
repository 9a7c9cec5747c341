"""The stand-in Stripe: one server of the loopback that the real `stripe` SDK talks to, for development and tests.

What it plays is what Daybook uses: customers, payment methods, payment intents, checkout sessions, refunds, disputes,
events and webhooks, with Stripe's idempotency, its errors and its silences. Its state is in memory and gone with it.
**No money moves here, and a live key is refused.** Nothing of it is imported by what runs in production.
"""
