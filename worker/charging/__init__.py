"""Charging recurring orders: an attempt is written down, Stripe is asked, what it says is recorded (C2-C6).

**No transaction is open while Stripe is asked, and it is asked for nothing that was not committed before.** Answers and
webhooks go the same way: their facts are folded into the order, and what the order's payments say settles the attempt.
"""
