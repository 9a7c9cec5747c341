"""A shop's day, played on a running instance through its public doors, and what has to be true at its end.

`day` plays it, `checkouts`, `shops` and `recurring` are its parts, `truth` compares. Nothing here knows the database.
"""
