"""A person's edit stands until the sender changes that field, whichever versions were seen first (settled question 5)."""

from __future__ import annotations

from itertools import permutations

from handlers.derive import derive
from handlers.merge import add, state
from schemas.fact import Dossier, Fact, Kind, Reading
from schemas.stated import Claim, Form, Hand

BASE = 1_700_000_000_000_000


def version(at: int, tracking: str | None) -> Fact:
    claim = Claim(
        form=Form.SHOP,
        claims=True,
        connection="shop",
        external_id="1",
        currency="USD",
        total=100,
        tracking_url=tracking,
        ordered_at=BASE,
    )
    return state("shop:order:1", Kind.CLAIM, claim, at=BASE + at)


def edit(at: int, tracking: str) -> Fact:
    return state("hand:1", Kind.HAND, Hand(tracking_url=tracking), at=BASE + at)


def tracking_after(*facts: Fact) -> set[str | None]:
    """The outcomes over every order of arrival."""
    outcomes = set()
    for arrival in permutations(facts):
        dossier = Dossier()
        for fact in arrival:
            dossier = add(dossier, Reading((fact,)))
        outcomes.add(derive(dossier, BASE).tracking_url)
    return outcomes


def test_an_edit_outlives_versions_that_restate_the_old_value() -> None:
    assert tracking_after(version(1, "a"), edit(5, "mine"), version(9, "a")) == {"mine"}


def test_an_edit_ends_when_the_sender_changes_the_field_later() -> None:
    assert tracking_after(version(1, "a"), edit(5, "mine"), version(9, "b")) == {"b"}


def test_a_change_by_the_sender_before_the_edit_does_not_undo_it() -> None:
    assert tracking_after(version(1, "a"), version(3, "b"), edit(5, "mine"), version(9, "b")) == {"mine"}


def test_an_older_version_that_comes_late_shows_that_nothing_was_changed() -> None:
    assert tracking_after(edit(5, "mine"), version(9, "a")) == {"a"}
    assert tracking_after(edit(5, "mine"), version(9, "a"), version(2, "a")) == {"mine"}
