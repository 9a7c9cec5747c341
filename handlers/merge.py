"""Merging: the join of facts. Commutative, associative and idempotent, whatever the order and the duplicates.

Each field of an object is decided on its own, by a total order over the statements that speak of it: by default the
latest statement wins (`version` where the sender counts them, `at`, `rank`, then the value itself, so that a tie is
broken the same way everywhere).
A few fields know better than a clock: sums that only grow take the largest, a status that cannot be left again
outranks every other. A fact keeps exactly the statements that decide a field; the rest can never matter again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any, TypeVar

import msgspec

from handlers.history import version_of
from schemas.fact import Dossier, Fact, Kind, Reading, Statement

Weight = tuple[Any, ...]
View = TypeVar("View", bound=msgspec.Struct)

_PAYMENT = {
    "pending": (0, 0),
    "requires_action": (0, 1),
    "processing": (0, 2),
    "failed": (0, 3),
    "canceled": (1, 0),
    "succeeded": (2, 0),
}
_REFUND = {"pending": 0, "requires_action": 1, "succeeded": 2, "canceled": 3, "failed": 4}
_DISPUTE = {
    "warning_needs_response": 0, "warning_under_review": 1, "warning_closed": 2, "needs_response": 3,
    "under_review": 4, "charge_refunded": 5, "prevented": 5, "won": 6, "lost": 7,
}  # fmt: skip


def _latest(statement: Statement, _value: Any) -> Weight:
    return _moment(statement)


def _largest(_statement: Statement, value: Any) -> Weight:
    return (value,)


def _payment_status(statement: Statement, value: Any) -> Weight:
    terminal, progress = _PAYMENT.get(value, (0, -1))
    return (terminal, statement.at, progress)


def _refund_status(_statement: Statement, value: Any) -> Weight:
    return (_REFUND.get(value, -1),)


def _dispute_status(_statement: Statement, value: Any) -> Weight:
    return (_DISPUTE.get(value, -1),)


WEIGHTS: Mapping[tuple[Kind, str], Callable[[Statement, Any], Weight]] = {
    (Kind.PAYMENT, "status"): _payment_status,
    (Kind.PAYMENT, "received"): _largest,
    (Kind.CHARGE, "refunded"): _largest,
    (Kind.REFUND, "status"): _refund_status,
    (Kind.DISPUTE, "status"): _dispute_status,
    (Kind.CREDIT, "void"): _largest,
    (Kind.CLAIM, "claims"): _largest,
}
_WEIGHED: Mapping[Kind, frozenset[str]] = {
    kind: frozenset(field for of, field in WEIGHTS if of is kind) for kind in {kind for kind, _ in WEIGHTS}
}
"""The fields of each kind that the latest statement does not simply decide."""


def _moment(statement: Statement) -> tuple[int, int, int]:
    return (statement.version, statement.at, statement.rank)


def _beats(kind: Kind, field: str, challenger: Statement, holder: Statement) -> bool:
    weigh = WEIGHTS.get((kind, field), _latest)
    mine, theirs = challenger.fields[field], holder.fields[field]
    left, right = weigh(challenger, mine), weigh(holder, theirs)
    if left != right:
        return left > right
    left, right = _latest(challenger, mine), _latest(holder, theirs)
    if left != right:
        return left > right
    if mine != theirs or type(mine) is not type(theirs):
        return msgspec.json.encode(mine, order="sorted") > msgspec.json.encode(theirs, order="sorted")
    return _identity(challenger) > _identity(holder)


def _identity(statement: Statement) -> bytes:
    return msgspec.json.encode(statement, order="sorted")


def holders(fact: Fact) -> dict[str, Statement]:
    """The statement that decides each field of the fact."""
    if len(fact.statements) == 1:
        return dict.fromkeys(fact.statements[0].fields, fact.statements[0])
    ascending = sorted(fact.statements, key=_moment)
    if any(_moment(left) == _moment(right) for left, right in pairwise(ascending)):
        return _weighed(fact, lambda _field: True)
    found: dict[str, Statement] = {}
    for statement in ascending:  # no two of one moment: by default the last that speaks of a field decides it
        found.update(dict.fromkeys(statement.fields, statement))
    if fact.kind in _WEIGHED:
        found.update(_weighed(fact, _WEIGHED[fact.kind].__contains__))
    return found


def _weighed(fact: Fact, wanted: Callable[[str], bool]) -> dict[str, Statement]:
    """The deciding statement of each wanted field, every statement weighed against the best so far."""
    found: dict[str, Statement] = {}
    for statement in fact.statements:
        for field in filter(wanted, statement.fields):
            holder = found.get(field)
            if holder is None or _beats(fact.kind, field, statement, holder):
                found[field] = statement
    return found


def values(fact: Fact) -> dict[str, Any]:
    """The decided value of each field. Not to be changed: it may be the statement's own."""
    if len(fact.statements) == 1:
        return fact.statements[0].fields
    return {field: statement.fields[field] for field, statement in holders(fact).items()}


def view(fact: Fact, shape: type[View]) -> View:
    """The fact as one of the shapes of `schemas.stated`."""
    return msgspec.convert(values(fact), shape)


def state(
    key: str, kind: Kind, stated: msgspec.Struct, *, at: int, rank: int = 0, event: str = "", version: int = 0
) -> Fact:
    """A fact of one statement: what an adapter returns. UNSET fields are left out."""
    return Fact(key, kind, (Statement(at, msgspec.to_builtins(stated), rank, event, version),))


def merge_facts(left: Fact, right: Fact) -> Fact:
    """The join of two facts about one object.

    Should two senders disagree about what the object is, the kind that sorts first stays and the other's statements
    go: which statements decide depends on the kind, so a mixture would depend on the order of arrival.
    """
    if left.kind != right.kind:
        left, right = sorted((left, right), key=lambda fact: fact.kind)
        return merge_facts(left, Fact(left.key, left.kind))
    if left.statements == right.statements and left.statements:
        return left
    both = Fact(left.key, left.kind, (*left.statements, *right.statements))
    deciding = list({id(statement): statement for statement in holders(both).values()}.values())
    return Fact(left.key, left.kind, tuple(_ordered(deciding)))


def _ordered(statements: list[Statement]) -> list[Statement]:
    """By time and rank; only where these do not tell two apart by all that they say, which costs more."""
    if len({(statement.at, statement.rank) for statement in statements}) < len(statements):
        statements.sort(key=_identity)
    return sorted(statements, key=lambda statement: (statement.at, statement.rank))


def merge_dossiers(left: Dossier, right: Dossier) -> Dossier:
    """The join of two dossiers: what was two sales turns out to be one."""
    return Dossier(
        _join(left.facts, right.facts.values()), _union(left.links, right.links), _union(left.refs, right.refs)
    )


def add(dossier: Dossier, reading: Reading) -> Dossier:
    """The dossier with one event's reading joined in; the very same object if nothing in it changed."""
    history = (entry for fact in reading.facts if (entry := version_of(fact)))
    facts = _join(dossier.facts, (*reading.facts, *history))
    added = Dossier(facts, _union(dossier.links, reading.keys), _union(dossier.refs, reading.refs))
    return dossier if added == dossier else added


def _union(left: tuple[str, ...], right: Iterable[str]) -> tuple[str, ...]:
    both = {*left, *right}
    return left if len(both) == len(left) else tuple(sorted(both))


def _join(facts: Mapping[str, Fact], more: Iterable[Fact]) -> dict[str, Fact]:
    joined = dict(facts)
    for fact in more:
        held = joined.get(fact.key)
        if held:
            joined[fact.key] = merge_facts(held, fact)
        elif len(fact.statements) == 1 and fact.statements[0].fields:
            joined[fact.key] = fact  # one statement decides all that it speaks of
        else:
            joined[fact.key] = merge_facts(fact, Fact(fact.key, fact.kind))
    return dict(sorted(joined.items()))
