"""How many events some filters hold for, by state: counted as far as that is quick."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.account import Reach
from worker.store.db import Pooled
from worker.store.search import UNSETTLED, events_query

SETTLED = ("applied", "ignored")


async def by_state(
    connection: Pooled, reach: Reach, given: Mapping[str, Any], limit: int
) -> dict[str, tuple[int, bool]]:
    """By state, how many events the filters hold for, and whether there may be more: looked at are the newest of each
    unsettled state up to a limit, and for the settled ones the newest of all up to it; of these, what the reader sees.
    What is given of a state, and of a reason with it, is left out of it.

    Every clause is a constant of `worker.store.search`; what a caller gives is only ever an argument."""
    query, topic = await events_query(connection, reach, given)
    quick, narrow, mine = query.where(whosever=True), query.where(topic or "true"), query.mine or "true"
    bound = query.argument(limit)
    # LIMIT 1 keeps the planner from reading a whole table once in place of looking up some of it
    join = "CROSS JOIN LATERAL (SELECT * FROM events e WHERE e.account_id = $1 AND e.id = s.event_id LIMIT 1) e"
    holds, join = (f"FILTER (WHERE {narrow})", join) if query.clauses or topic or query.mine else ("", "")
    parts = [
        f"""SELECT '{state}' AS state, count(*) {holds} AS events, count(*) AS looked_at
              FROM (SELECT event_id FROM event_states WHERE account_id = $1 AND state = '{state}'
                     ORDER BY event_id DESC LIMIT {bound}) s {join}"""  # noqa: S608  (see above)
        for state in UNSETTLED
    ]
    parts += [
        f"SELECT '{state}', count(*) FILTER (WHERE state = '{state}'), (SELECT count(*) FROM recent) FROM chosen"  # noqa: S608  (see above)
        for state in SETTLED
    ]
    rows = await connection.fetch(
        f"""WITH recent AS MATERIALIZED (
                SELECT e.id, e.topic, {mine} AS mine
                  FROM (SELECT e.id, e.topic FROM events e WHERE {quick}
                         ORDER BY e.received_at DESC, e.id DESC LIMIT {bound}) AS e),
            chosen AS MATERIALIZED (
                SELECT s.state
                  FROM recent e
                 CROSS JOIN LATERAL (
                       SELECT state FROM event_states WHERE account_id = $1 AND event_id = e.id LIMIT 1) s
                 WHERE e.mine AND {topic or "true"})
            {" UNION ALL ".join(parts)}""",  # noqa: S608  (see above)
        *query.arguments,
    )
    return {row["state"]: (row["events"], row["looked_at"] >= limit) for row in rows}
