"""Seed files (T7): reading and checking them, making what they say, writing them."""
