"""How a body is shown (D3): readable, harmless, and with every sign that was sent."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from worker.screens.payload import TOKENS, show

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def plain(body: bytes) -> str:
    """What a browser shows of it."""
    return html.unescape(re.sub(r"<[^>]*>", "", str(show(body, len(body)).html)))


def test_D3_a_body_is_indented_and_coloured() -> None:
    shown = show(b'{"id":"evt_1","n":-1.50,"ok":true,"none":[],"more":{"a":[1,2]}}', 63)
    assert plain(b'{"id":"evt_1","none":[],"more":{"a":[1,2]}}') == (
        '{\n  "id": "evt_1",\n  "none": [],\n  "more": {\n    "a": [\n      1,\n      2\n    ]\n  }\n}'
    )
    for part in (
        '<span class="json-key">&#34;id&#34;</span>: <span class="json-text">&#34;evt_1&#34;</span>',
        '<span class="json-number">-1.50</span>',
        '<span class="json-word">true</span>',
    ):
        assert part in shown.html
    assert not shown.cut


def test_D3_what_was_sent_is_shown_word_for_word() -> None:
    assert '"a": 1e400000' in plain(b'{"a":1e400000}')
    assert plain(b'{"a":1,"a":2}').count('"a"') == 2
    assert r'"\u0000\ud800"' in plain(rb'{"a":"\u0000\ud800"}')


def test_D3_a_hostile_body_stays_text() -> None:
    shown = show(b'{"</pre><script>alert(1)</script>":"<img src=x onerror=alert(2)>",<b>}', 71)
    assert "<script" not in shown.html
    assert "<img" not in shown.html
    assert "<b>" not in shown.html


def test_D3_a_body_that_was_cut_is_shown_as_far_as_it_goes() -> None:
    shown = show(b'{"name":"Zo' + "ë".encode()[:1], 5_000)
    assert shown.cut
    assert html.unescape(re.sub(r"<[^>]*>", "", str(shown.html))) == '{\n  "name": "Zo'


def test_D3_a_body_of_very_many_parts_is_shown_plainly() -> None:
    body = b"[" + b"1," * TOKENS + b"1]"
    shown = show(body, len(body))
    assert "<span" not in shown.html
    assert str(shown.html) == body.decode()


@given(_JSON)
def test_D3_no_sign_is_lost_and_none_is_added(value: Any) -> None:
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    assert json.loads(plain(body)) == json.loads(body)


@given(st.binary(max_size=300))
def test_D3_any_bytes_are_shown_as_text_that_a_page_can_hold(body: bytes) -> None:
    shown = str(show(body, len(body)).html)
    shown.encode()
    assert set(re.findall(r"<[^>]*>", shown)) <= {
        "</span>", *(f'<span class="json-{kind}">' for kind in ("key", "text", "number", "word"))
    }  # fmt: skip
