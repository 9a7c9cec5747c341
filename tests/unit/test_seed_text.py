"""Reading seed files: any form, cut anywhere, gives the same entries with their lines (T7)."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.errors import Refused
from handlers.seed import GROUPS, Reference, helper, key_of, reference, references, replaced, typed
from handlers.seed_text import LARGEST_ENTRY, FaultyError, entries, line_of
from schemas.seed import SeedType

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
ENTRIES = st.lists(st.dictionaries(st.text(min_size=1, max_size=8), VALUES, max_size=5), max_size=6)


def _cut(text: str, size: int) -> Iterator[str]:
    return (text[start : start + size] for start in range(0, len(text), size))


@given(ENTRIES, st.sampled_from([None, 1, 2]), st.integers(1, 50))
def test_T7_a_list_cut_anywhere_gives_its_entries(some: list[dict[str, Any]], indent: int | None, size: int) -> None:
    text = json.dumps(some, indent=indent)
    assert [entry.values for entry in entries(_cut(text, size), GROUPS)] == some


@given(ENTRIES, st.integers(1, 50))
def test_T7_lists_by_name_and_lines_give_the_same(some: list[dict[str, Any]], size: int) -> None:
    named = json.dumps({"contacts": some, "orders": []})
    assert [(entry.group, entry.values) for entry in entries(_cut(named, size), GROUPS)] == [
        ("contacts", values) for values in some
    ]
    if some and not set(some[0]) & GROUPS:
        lines = "\n".join(map(json.dumps, some))
        found = list(entries(_cut(lines, size), GROUPS))
        assert [(entry.line, entry.values) for entry in found] == list(enumerate(some, 1))


@given(ENTRIES.filter(bool), st.integers(1, 50))
def test_T7_the_line_of_each_field_is_where_it_stands(some: list[dict[str, Any]], size: int) -> None:
    text = json.dumps(some, indent=1)
    lines = text.splitlines()
    for entry in entries(_cut(text, size), GROUPS):
        for name in entry.values:
            assert lines[line_of(entry, (name,)) - 1].strip().startswith(json.dumps(name))
        assert line_of(entry, ("no such", 3)) == entry.line


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "no seed file"),
        ("hello", 1, "no seed file"),
        ('[{"a": 1},\n{"b": }]', 2, "no JSON"),
        ('[{"a": 1}\n{"b": 2}]', 2, '"]" is missing'),
        ('[{"a": 1}', 1, "the file ends here"),
        ('[\n{"a": 1, "a": 2}]', 2, '"a" stands twice'),
        ('[{"a": NaN}]', 1, "NaN is no number"),
        ("[1]", 1, "here is no entry"),
        ("[{}]\n[]", 2, "after the end"),
        ('{"orders": [],\n"ships": []}', 2, '"ships" is no list'),
        ("[" + '{"a":' * 100_000, 1, "nested too deep"),
        ('[{"a": "' + "x" * (LARGEST_ENTRY + 1), 1, "larger than"),
    ],
)
def test_T7_what_cannot_be_read_says_where(text: str, line: int, says: str) -> None:
    with pytest.raises(FaultyError, match=says) as raised:
        list(entries(_cut(text, 100_000), GROUPS))
    assert raised.value.line == line
    assert raised.value.remedy


def test_T7_a_long_file_needs_no_more_memory_than_a_short_one() -> None:
    entry = json.dumps({"object_type": "order", "items": [{"name": "Tea", "unit_price": 1}] * 10}) + ",\n"

    def peak(count: int) -> int:
        tracemalloc.start()
        for _ in entries(iter(["[", *[entry * 50] * count, "{}]"]), GROUPS):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(400) < 2 * peak(20)


@given(st.text(max_size=30), st.sampled_from(["contacts", "orders"]))
def test_T7_a_helper_reads_back_as_it_was_written(value: str, type_: str) -> None:
    text = helper(type_, "identifiers", value)
    assert reference(text) == Reference(type_, "identifiers", value)
    entry = {"a": [{"b": text}], "c": value}
    assert [path for path, _ in references(entry)][:1] == [("a", 0, "b")]
    assert replaced({"b": text}, lambda found: found.value[::-1]) == {"b": value[::-1]}


def test_T7_both_helpers_and_both_quotes_are_read() -> None:
    assert reference("{{getRecordAttribute('contacts','identifiers','a@b.c')}}") == Reference(
        "contacts", "identifiers", "a@b.c"
    )
    assert reference(' {{ getContentInstance( "products", "COF-1" ) }} ') == Reference("products", None, "COF-1")
    assert reference("{{ name }}") is None
    for broken in ("{{getRecordAttribute('contacts','a')}}", "{{getContentInstance(products)}}"):
        with pytest.raises(Refused, match="cannot be read"):
            reference(broken)


def test_T7_other_words_mean_the_same_fields() -> None:
    type_, fields = typed(
        {"object_type": "invoice", "contact": "c", "items": [{"item_code": "A", "line_qty": 2, "unit_price_cents": 5}]},
        None,
    )
    assert (type_, fields) == (
        SeedType.ORDER,
        {"contact_id": "c", "items": [{"sku": "A", "quantity": 2, "unit_price": 5}], "template": "invoice"},
    )
    with pytest.raises(Refused, match="one field"):
        typed({"object_type": "order", "contact": "c", "contact_id": "d"}, None)


def test_T7_an_entry_is_known_by_the_surest_name_that_it_has() -> None:
    assert key_of(SeedType.ORDER, {"id": "1", "external_id": "e", "slug": "s"}) == "id:1"
    assert key_of(SeedType.ORDER, {"external_id": "e", "slug": "s"}) == "external_id:import:e"
    assert key_of(SeedType.ORDER, {"slug": "s"}) == "slug:sale:s"
    assert key_of(SeedType.PRODUCT, {"sku": "p"}) == "slug::p"
    assert key_of(SeedType.CONTACT, {"name": "Ana"}) is None
