"""The search language of the events (D3): what a text comes to, and what it is told when it is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.errors import Refused
from handlers.event_search import FIELDS, STATES, EventSearch, parse, without


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", EventSearch()),
        ("   ", EventSearch()),
        ("state:dead", EventSearch(state="dead")),
        ("STATE:dead  topic:charge.*", EventSearch(state="dead", topic="charge.*")),
        ("connection:stripe pi_123", EventSearch(connection="stripe", q="pi_123")),
        ("order:7f8e", EventSearch(q="7f8e")),
        ("id:evt_1 state:waiting", EventSearch(state="waiting", q="evt_1")),
        ("topic:orders/create", EventSearch(topic="orders/create")),
        ('"gid://shopify/Order/1"', EventSearch(q="gid://shopify/Order/1")),
        ('topic:"two words" x', EventSearch(topic="two words", q="x")),
        ("2026-11-21T14:03", EventSearch(q="2026-11-21T14:03")),
    ],
)
def test_D3_a_search_comes_to_filters(text: str, found: EventSearch) -> None:
    assert parse(text) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stat:dead", "There is no field “stat:”"),
        ("state:lost", "There is no state “lost”"),
        ("state:", "Nothing stands after “state:”"),
        ('topic:""', "Nothing stands after “topic:”"),
        ('""', "The quotes are empty"),
        ("state:dead state:waiting", "One state can be searched for at a time"),
        ("one two", "One id or text can be searched for at a time"),
        ("order:1 id:2", "One id or text can be searched for at a time"),
    ],
)
def test_D3_a_search_that_is_wrong_is_told_why(text: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(text)
    assert said in refused.value.message
    assert (refused.value.code, refused.value.field) == ("invalid", "q")
    assert refused.value.remedy


def test_D3_an_unknown_field_is_answered_with_the_fields_that_there_are() -> None:
    with pytest.raises(Refused) as refused:
        parse("color:red")
    assert all(f"{field}:" in refused.value.remedy for field in FIELDS)


@given(st.text(max_size=200))
def test_D3_any_text_is_either_understood_or_refused_with_a_remedy(text: str) -> None:
    try:
        found = parse(text)
    except Refused as refused:
        assert refused.remedy  # noqa: PT017  (one of two right ends)
    else:
        assert found.state is None or found.state in STATES
        assert all(value for value in (found.connection, found.topic, found.q) if value is not None)


@given(st.sampled_from(STATES), st.sampled_from(["", "pi_1", "topic:charge.*", "connection:stripe x"]))
def test_D3_a_field_can_be_taken_out_of_a_search(state: str, rest: str) -> None:
    text = f"state:{state} {rest}"
    assert parse(without(text, "state")) == parse(rest)
