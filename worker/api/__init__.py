"""The HTTP API: each operation declared once, so that it is validated, answered and documented from one place."""
