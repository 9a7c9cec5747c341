"""The rules that are in scripts: amounts without floats, what a form becomes, how a page grows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Tab
from worker.screens.assets import asset

pytestmark = pytest.mark.asyncio(loop_scope="package")

MINOR = """async ([module, rows]) => {
    const { minor } = await import(module);
    return rows.map(([text, digits]) => {
        const field = { name: "amount", dataset: digits === null ? {} : { digits: String(digits) } };
        try { return minor(text, field); } catch (error) { return error.message; }
    });
}"""
BODY = """async ([module, markup]) => {
    const { bodyOf } = await import(module);
    const form = document.createElement("form");
    form.innerHTML = markup;
    try { return { body: bodyOf(form) ?? null }; } catch (error) { return { field: error.field, message: error.message }; }
}"""
GROW = """async ([module, before, after, meddle]) => {
    const { growChildren } = await import(module);
    const place = document.createElement("section");
    place.dataset.own = "";
    document.querySelector("main").append(place);
    place.innerHTML = before;
    const known = new Map([...place.querySelectorAll("[data-key]")].map((one) => [one.dataset.key, one]));
    if (meddle) {  // what a person and scripts do while the page is open
        place.querySelector("details").open = true;
        place.querySelector("dialog").show();
        place.querySelector("button").setAttribute("aria-busy", "true");
        place.querySelector("button").focus();
        place.querySelector("li").dataset.here = "";
        place.insertAdjacentHTML("beforeend", "<i data-own>tip</i>");
    }
    growChildren(place, new DOMParser().parseFromString(after, "text/html").body);
    const kept = [...place.querySelectorAll("[data-key]")].filter((one) => known.get(one.dataset.key) === one);
    const found = { html: place.innerHTML, kept: kept.map((one) => one.dataset.key), focus: document.activeElement.id };
    place.remove();
    return found;
}"""
TWO = "Enter an amount such as 12.50."
AMOUNTS: tuple[tuple[str, int | None, int | str], ...] = (
    ("12", None, 1200),
    ("12.5", 2, 1250),
    ("12.50", 2, 1250),
    (" 12 ", 2, 1200),
    ("1,234.50", 2, 123450),
    ("1,234,567.89", 2, 123456789),
    ("1 234.50", 2, 123450),
    ("0.07", 2, 7),
    ("-3.05", 2, -305),
    ("0", 2, 0),
    ("90071992547409.91", 2, 9007199254740991),  # the largest that is exact
    ("1.1", 2, 110),  # 1.1 * 100 is 110.00000000000001
    ("4.35", 2, 435),  # 4.35 * 100 is 434.99999999999994
    ("1234", 0, 1234),
    ("1,234", 0, 1234),
    ("0", 0, 0),
    ("12.345", 3, 12345),
    ("12", 3, 12000),
    ("0.001", 3, 1),
    ("12.345", 2, TWO),
    ("1e3", 2, TWO),
    ("12,5", 2, TWO),
    ("1,23,4", 2, TWO),
    ("12.", 2, TWO),
    (".5", 2, TWO),
    ("--1", 2, TWO),
    ("+1", 2, TWO),
    ("BRL 5", 2, TWO),
    ("0x10", 2, TWO),
    ("Infinity", 2, TWO),
    ("١٢", 2, TWO),
    ("1.5", 0, "Enter a whole amount."),
    ("12.3456", 3, "Enter an amount such as 12.500."),
)


async def test_an_amount_becomes_minor_units_by_its_digits_or_is_refused(tab: Tab) -> None:
    await tab.go("/")
    asked = [[text, digits] for text, digits, _ in AMOUNTS]
    found = await tab.page.evaluate(MINOR, [asset("actions.js"), asked])
    assert found == [expected for _, _, expected in AMOUNTS]


async def test_an_amount_that_no_number_holds_exactly_is_refused(tab: Tab) -> None:
    await tab.go("/")
    found = await tab.page.evaluate(MINOR, [asset("actions.js"), [["90071992547409.93", 2], ["9" * 30, 0]]])
    assert all(isinstance(one, str) for one in found), found


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ('<input name="name" value=" Ana ">', {"body": {"name": "Ana"}}),
        ('<input name="name" value=" ">', {"body": {}}),
        ('<input name="notes" value="" data-empty="null">', {"body": {"notes": None}}),
        ('<input name="a.b" value="1"><input name="a.c" data-kind="int" value="2">', {"body": {"a": {"b": "1", "c": 2}}}),
        ('<input type="checkbox" name="one" checked><input type="checkbox" name="two">', {"body": {"one": True, "two": False}}),
        ('<input type="radio" name="as" value="x"><input type="radio" name="as" value="y" checked>', {"body": {"as": "y"}}),
        ('<input name="tags" data-kind="list" value="a, b,,c ">', {"body": {"tags": ["a", "b", "c"]}}),
        ('<input name="at" data-kind="time" value="2026-09-21T14:00Z">', {"body": {"at": "2026-09-21T14:00:00.000Z"}}),
        ('<select name="to"><option value="false" selected></select>', {"body": {"to": "false"}}),
        ('<select name="to" data-kind="bool"><option value="false" selected></select>', {"body": {"to": False}}),
        ('<input name="gone" value="1" disabled>', {"body": None}),
        ("<button>Only a button</button>", {"body": None}),
        ('<input name="count" data-kind="int" value="1.5">', {"field": "count", "message": "Enter a whole number."}),
        ('<input name="how" data-kind="json" value="{">', {"field": "how", "message": "This is not JSON."}),
        ('<input name="many" data-kind="money" data-digits="0" value="5">', {"body": {"many": 5}}),
    ],
)  # fmt: skip
async def test_a_form_becomes_the_body_that_its_fields_say(tab: Tab, markup: str, expected: dict[str, Any]) -> None:
    await tab.go("/")
    assert await tab.page.evaluate(BODY, [asset("actions.js"), markup]) == expected


async def grown(tab: Tab, before: str, after: str, *, meddle: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = await tab.page.evaluate(GROW, [asset("grow.js"), before, after, meddle])
    return found


def row(*names: str) -> str:
    return "".join(f'<p data-key="{name}">{name}</p>' for name in names)


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ("abc", "abc", "abc"),
        ("abc", "cab", "cab"),
        ("abc", "xabc", "abc"),
        ("abc", "ac", "ac"),
        ("abc", "", ""),
        ("", "ab", ""),
        ("abcd", "dxba", "dba"),
    ],
)
async def test_rows_keep_their_nodes_wherever_they_move(tab: Tab, before: str, after: str, kept: str) -> None:
    await tab.go("/")
    found = await grown(tab, row(*before), row(*after))
    assert found["html"] == row(*after)
    assert found["kept"] == list(kept)


async def test_what_is_grown_is_what_the_server_sent(tab: Tab) -> None:
    await tab.go("/")
    for before, after in (
        ("<p>one</p>two", "<p>one <b>and</b></p>"),
        ("<p class='a' title='x'>one</p>", '<p class="b">one</p>'),
        ("<ul><li>1</li></ul>", "<table><tbody><tr><td>1</td></tr></tbody></table>"),
        ("<p data-key='a'>1</p>", '<div data-key="a">1</div>'),
    ):
        assert (await grown(tab, before, after))["html"] == after


async def test_what_a_person_does_meanwhile_stays(tab: Tab) -> None:
    """The focus, an open disclosure and dialog, a row that the keyboard is at, a button that is at work, a tooltip."""
    await tab.go("/")
    markup = (
        '<p data-key="b"><button id="pressed" type="button">{}</button></p><details><summary>More</summary></details>'
        '<dialog><p>{}</p></dialog><ul><li data-row="">row</li></ul>'
    )
    found = await grown(tab, markup.format("1", "1"), '<p data-key="a">new</p>' + markup.format("2", "2"), meddle=True)
    assert found["focus"] == "pressed"
    for part in (
        'aria-busy="true"',
        '<details open="">',
        '<dialog open="">',
        'data-here=""',
        '<i data-own="">tip</i>',
        ">2<",
    ):
        assert part in found["html"], part
