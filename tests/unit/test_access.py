"""How far an actor sees and writes is decided in one pure place (O12, O13, H2)."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import access
from handlers.errors import Refused
from schemas.account import Actor, Permission, Reach, Role
from worker.store import contact_reads, deals, event_reads, order_reads, overview, search

ACTORS = st.builds(
    Actor,
    account_id=st.just("account"),
    token_id=st.sampled_from(["a", "b"]),
    name=st.just("name"),
    role=st.sampled_from(Role),
    permissions=st.frozensets(st.sampled_from([str(one) for one in Permission])),
    owner_privacy=st.booleans(),
    registry_enabled=st.booleans(),
)
OWNERS = st.sampled_from([None, "a", "b"])


def refused(rule: object, *arguments: object) -> bool:
    assert callable(rule)
    try:
        rule(*arguments)
    except Refused as error:
        return bool(error.remedy)
    return False


@given(ACTORS)
def test_O12_only_a_rep_under_owner_privacy_sees_less_than_the_account(actor: Actor) -> None:
    private = actor.role is Role.REP and actor.owner_privacy
    assert access.reach(actor) == Reach("account", actor.token_id if private else None)


@given(ACTORS, OWNERS)
def test_H2_a_manager_writes_what_they_own_and_nothing_else(actor: Actor, owner_id: str | None) -> None:
    theirs = owner_id == actor.token_id
    assert refused(access.check_write, actor, owner_id, "orders") == (actor.role is Role.MANAGER and not theirs)


@given(ACTORS, OWNERS)
def test_O12_nobody_makes_what_they_could_not_see_or_change(actor: Actor, asked: str | None) -> None:
    if refused(access.owner_of_new, actor, asked, "deals"):
        assert asked not in (None, actor.token_id)
        return
    owner_id = access.owner_of_new(actor, asked, "deals")
    access.check_write(actor, owner_id, "deals")
    access.check_kept(access.reach(actor), (owner_id,), "owner_id")
    assert asked is None or owner_id == asked


@given(ACTORS)
def test_O13_the_registry_is_closed_to_all_while_it_is_off(actor: Actor) -> None:
    assert refused(access.check_registry, actor) == (not actor.registry_enabled)


@pytest.mark.parametrize("room", [contact_reads, order_reads, event_reads])
def test_I4_no_read_for_an_actor_can_be_written_without_their_reach(room: object) -> None:
    reads = [one for name, one in vars(room).items() if inspect.iscoroutinefunction(one) and not name.startswith("_")]
    assert reads
    for read in reads:
        assert [*inspect.signature(read).parameters][:2] == ["connection", "reach"], read


@pytest.mark.parametrize(
    "read",
    [search.orders, search.contacts, search.deals, search.events, deals.read, deals.hold, overview.read],
)
def test_I4_nor_a_search_a_deal_or_the_overview(read: object) -> None:
    assert callable(read)
    assert [*inspect.signature(read).parameters][1] == "reach"
