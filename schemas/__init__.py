"""What things are: shapes without behaviour.

Nothing here reads a clock, a network or an environment, and nothing here imports from `handlers` or `worker`.
"""
