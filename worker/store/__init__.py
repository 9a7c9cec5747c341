"""Everything that touches PostgreSQL. One noun is `NAME.py` (typed functions) beside `NAME.sql` (named statements).

No rule lives here: what follows from what is asked of `handlers`. Every multi-row write is sorted by its key, and the
tables are always locked in one order: refs, links, dossiers, contacts, orders and their rows, event states, counters.
"""
