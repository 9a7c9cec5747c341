"""Parameters come out of the stand-in's form as the SDK put them in."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stripe._encode import _api_encode

from worker.local.stripe.form import Params, nested, pairs
from worker.local.stripe.problem import Problem

NAMES = st.text("abcdefgh_", min_size=1, max_size=6)
TEXTS = st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable())
VALUES: Any = st.recursive(
    TEXTS | st.integers(),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(NAMES, inner | st.booleans(), min_size=1, max_size=3)  # the SDK knows none in lists
    ),
    max_leaves=12,
)


def as_text(value: Any) -> Any:
    """Every value is text on the line."""
    if isinstance(value, dict):
        return {name: as_text(part) for name, part in value.items()}
    if isinstance(value, list):
        return [as_text(part) for part in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


@given(params=st.dictionaries(NAMES, VALUES, max_size=4))
def test_P1_what_the_sdk_encodes_is_read_back(params: dict[str, Any]) -> None:
    assert nested(pairs(urlencode(list(_api_encode(params))))) == as_text(params)


def test_P1_metadata_stays_what_it_is_and_an_empty_value_unsets() -> None:
    read = nested(pairs("metadata[0]=a&metadata[1]=&expand[]=x&expand[]=y&description="))
    assert read == {"metadata": {"0": "a", "1": None}, "expand": ["x", "y"], "description": None}
    assert nested(pairs("a[\u00b2]=x")) == {"a": {"\u00b2": "x"}}
    assert Params(read).metadata({"1": "before", "2": "kept"}) == {"0": "a", "2": "kept"}


@pytest.mark.parametrize("text", ["a=1&a[b]=2", "a[b=1", "]=1", "=1", "a" + "[b]" * 20 + "=1"])
def test_I3_what_is_no_form_of_stripes_is_refused(text: str) -> None:
    with pytest.raises(Problem) as refused:
        nested(pairs(text))
    assert refused.value.status == 400
