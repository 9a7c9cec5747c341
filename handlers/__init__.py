"""What follows from what: pure functions over the shapes of `schemas`.

No await, no clock, no randomness, no environment, no logging in here. Time and ids are arguments.
"""
