"""Jobs that wait are applied together: none is lost, none twice, none beside what must stand alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.provider import Lane
from worker.together import BATCHES, Together


class Applied:
    """Batches in the order in which they began; each waits for `go`."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[str]]] = []
        self.go = asyncio.Event()
        self.running = self.most = 0

    async def apply(self, account_id: str, event_ids: Sequence[str]) -> None:
        self.batches.append((account_id, list(event_ids)))
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.go.wait()
        finally:
            self.running -= 1
        if "bad" in event_ids:
            raise ValueError("boom")


async def begun(*jobs: asyncio.Task[None]) -> None:
    for _ in jobs:
        await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_jobs_that_wait_are_one_batch() -> None:
    applied = Applied()
    together = Together(applied.apply, limit=100)
    jobs = [asyncio.create_task(together.apply(Lane.ORDERS, "a", [f"e{n}"])) for n in range(6)]
    await begun(*jobs)
    applied.go.set()
    await asyncio.gather(*jobs)
    places = BATCHES[Lane.ORDERS]
    assert applied.batches == [*(("a", [f"e{n}"]) for n in range(places)), ("a", [f"e{n}" for n in range(places, 6)])]


async def test_an_event_that_stands_alone_shares_its_batch_with_nothing() -> None:
    applied = Applied()
    applied.go.set()
    together = Together(applied.apply, limit=100)
    jobs = [together.apply(Lane.BULK, "a", [name], alone=name == "tried") for name in ("e1", "tried", "e2", "e3")]
    await asyncio.gather(*jobs)
    assert ("a", ["tried"]) in applied.batches


async def test_accounts_are_never_mixed() -> None:
    applied = Applied()
    applied.go.set()
    together = Together(applied.apply, limit=100)
    await asyncio.gather(*(together.apply(Lane.BULK, account, [f"{account}{n}"]) for n in range(3) for account in "ab"))
    assert all({event[0] for event in ids} == {account} for account, ids in applied.batches)


async def test_a_failed_batch_fails_its_jobs_and_no_others() -> None:
    applied = Applied()
    together = Together(applied.apply, limit=100)
    names = ("e1", "bad", "e2", "e3")
    jobs = [asyncio.create_task(together.apply(Lane.BULK, "a", [name])) for name in names]
    await begun(*jobs)
    applied.go.set()
    answers = dict(zip(names, await asyncio.gather(*jobs, return_exceptions=True), strict=True))
    assert answers["e1"] is None  # led alone, since it was the first
    assert {type(answers[name]) for name in names[1:]} == {ValueError}
    await together.apply(Lane.BULK, "a", ["later"])
    assert applied.batches[-1] == ("a", ["later"])


async def test_a_leader_that_is_cancelled_leaves_nobody_waiting() -> None:
    applied = Applied()
    together = Together(applied.apply, limit=100)
    first, second, third = (asyncio.create_task(together.apply(Lane.BULK, "a", [name])) for name in ("x", "y", "z"))
    await begun(first, second, third)
    first.cancel()
    await begun(first, second, third)
    second.cancel()  # it leads for the third by now
    with pytest.raises(Exception, match="broken off"):
        await third
    applied.go.set()
    await together.apply(Lane.BULK, "a", ["later"])
    assert applied.batches[-1] == ("a", ["later"])


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 9), st.booleans()), max_size=30), st.integers(1, 12)
)  # fmt: skip
def test_every_event_is_applied_once_in_batches_within_the_limit(
    asked: list[tuple[str, int, bool]], limit: int
) -> None:
    async def run() -> Applied:
        applied = Applied()
        applied.go.set()
        together = Together(applied.apply, limit=limit)
        async with asyncio.TaskGroup() as group:
            for number, (account, size, alone) in enumerate(asked):
                ids = [f"{number}.{place}" for place in range(size)]
                group.create_task(together.apply(Lane.ORDERS, account, ids, alone=alone))
        return applied

    applied = asyncio.run(run())
    ids = [event_id for _, batch in applied.batches for event_id in batch]
    assert sorted(ids) == sorted(f"{n}.{place}" for n, (_, size, _) in enumerate(asked) for place in range(size))
    alone = {tuple(f"{n}.{p}" for p in range(size)) for n, (_, size, one) in enumerate(asked) if one}
    assert all(len(batch) <= limit or tuple(batch) in alone for _, batch in applied.batches)
    assert applied.most <= BATCHES[Lane.ORDERS]
