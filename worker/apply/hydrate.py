"""Fetching what thin events only name, outside any transaction: one call for many events that name the same object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aiohttp
import msgspec

from schemas.provider import Fetch
from worker.apply.read import Wanted
from worker.context import Context
from worker.errors import Transient
from worker.outside import fetch as outside
from worker.store.inbox import Outcome


class Hydrated(msgspec.Struct, frozen=True):
    """By event: the fetched objects by name. `outcomes`: events that need no fetching any more, since it cannot help.
    `later`: events that must be tried again, with the reason."""

    fetched: dict[str, dict[str, dict[str, Any]]]
    outcomes: list[Outcome]
    later: dict[str, str]


def keyless(provider: str) -> str:
    """Why an event waits that cannot be read without calling its provider."""
    return f"the body holds only ids, and there is no API key of {provider} to fetch the object with"


async def hydrate(ctx: Context, wanted: Sequence[Wanted]) -> Hydrated:
    """Run each distinct fetch once."""
    answers: dict[tuple[str, str], dict[str, Any] | Exception] = {}
    found = Hydrated({}, [], {})
    async with aiohttp.ClientSession() as session:
        for event in wanted:
            api = outside.api_of(event.connection, event.provider, ctx.settings)
            if api is None:
                found.outcomes.append(Outcome(event.event_id, "waiting", keyless(event.provider)))
                continue
            got = {}
            for fetch in event.fetches:
                key = (event.provider, fetch.name)
                if key not in answers:
                    answers[key] = await _answer(session, api, fetch)
                got[fetch.name] = answers[key]
            failures = [answer for answer in got.values() if isinstance(answer, Exception)]
            if not failures:
                found.fetched[event.event_id] = {
                    name: answer for name, answer in got.items() if isinstance(answer, dict)
                }
            elif any(isinstance(failure, Transient) for failure in failures):
                found.later[event.event_id] = str(failures[0])
            else:
                found.outcomes.append(Outcome(event.event_id, "dead", str(failures[0])))
    return found


async def _answer(session: aiohttp.ClientSession, api: outside.Api, fetch: Fetch) -> dict[str, Any] | Exception:
    try:
        return await outside.run(session, api, fetch)
    except (Transient, outside.Gone) as error:
        return error
