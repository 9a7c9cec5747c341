"""`docs/settings.md`, `docs/metrics.md`, `docs/states.md` and `docs/rows.md`, written from the code that they describe:
`make docs`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from prometheus_client.core import Metric
from prometheus_client.metrics import MetricWrapperBase

from handlers import attempts, flow, recurring, stock
from handlers.locks import LOCKED
from handlers.template import CHILDREN
from schemas.order import OrderType, Status
from schemas.recurring import AttemptState, RecurringStatus
from worker import metrics
from worker.config import Settings, variable
from worker.gauges import Reading

FOLDER = Path(__file__).parents[1] / "docs"
_TEST = re.compile(r"^(?:async )?def test_(\w+)", re.MULTILINE)
_WRITTEN = "<!-- Written by `make docs` from {}; change it there. -->"


_GUARD = (
    "Leaving `completed`, and going to `void`, needs that no money is held, on the order or on its invoices, and that "
    "no child is completed: refund the payments and void the children first."
)
_CHILDREN = (
    "Which orders may be made from an order of each type by its built-in template, and while the order is in which "
    "status. A line is in at most one live child of each type; a void child frees its lines. Invoices, shippings and "
    "returns are made in no other way."
)
_STOCK = (
    "What an order's lines do to the buckets of a product at the order's location while the order is in a status. A "
    "change of the order moves the difference, so every path to a status leaves the same stock; the ledger keeps every "
    "movement."
)
_STOCK_NOTES = f"""\
- **on hand**: what is there. It may go below zero, and is flagged then. **reserved**: what of it is promised.
  **incoming**: what is expected.
- A transfer has two locations, and moves nothing until both are known.
- A return is of what its parent is. It moves stock at its own location.
- Services move nothing, nor do lines without a SKU (or with one longer than {stock.SKU_LIMIT} characters), nor orders
  without a location.
- A line of a sale that a transfer child carries is moved by that child alone, until the child is void."""
_RECURRING = (
    "Where a recurring order goes when something happens to it; what is empty cannot happen, or is refused. `armed`: "
    "an attempt was written down. `paid`, `last_paid`: it succeeded, and more is to come or not. `declined`, "
    "`given_up`: another try follows or not. `put_off`: Stripe was not asked, or refused to try. `paused`, "
    "`activated`, `completed`: by a person; while a charge is under way that takes effect after its outcome. Activated "
    "before its first payment it is `pending` again. See recurring.md."
)
_ATTEMPTS = (
    "The first three are open, and a recurring order has one open attempt at most. What Stripe says of the money, in "
    "an answer or in a webhook, moves it; money that came after all is never denied."
)


def pages() -> dict[str, str]:
    """The generated pages by file name."""
    return {
        "settings.md": settings_page(),
        "metrics.md": metrics_page(),
        "states.md": states_page(),
        "rows.md": rows_page(),
    }


def settings_page() -> str:
    rows = [
        (f"`{variable(name, field)}`", _default(field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    return _page(
        "Settings",
        "worker/config.py",
        "Every setting is an environment variable, read once when a process starts. A bad value is refused in a "
        "sentence. Options of the command line (`--port`, `--data`, `--metrics-port`) win over them. What belongs to "
        "one connection is a setting of that connection.",
        ("variable", "default", "meaning"),
        rows,
    )


def metrics_page() -> str:
    return _page(
        "Metrics",
        "worker/metrics.py and worker/gauges.py",
        "Every receiver and every worker serves these at `/metrics` of its metrics port, beside the `process_` and "
        "`python_` metrics of its interpreter. What a process does not do stays at zero in it. Names and labels do not "
        "change without a word in the changelog. No label holds an id or a word that a sender chose.",
        ("metric", "kind", "labels", "meaning"),
        list(_metric_rows()),
    )


def _metric_rows() -> Iterator[tuple[str, ...]]:
    found: list[Any] = [one for one in vars(metrics).values() if isinstance(one, MetricWrapperBase)]
    for one in (*found, *Reading().collect()):
        [family] = [one] if isinstance(one, Metric) else one.describe()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = ", ".join(f"`{label}`" for label in one._labelnames)
        yield f"`{name}`", family.type, labels, family.documentation


def states_page() -> str:
    """Where an order may go, and what each status means for stock."""
    moves = [(f"**{was}**", *("yes" if to in flow.MOVES[was] else "" for to in Status)) for was in Status]
    ruled = {type_ for type_, _ in stock.RULES}
    effects = [
        *(
            (_type(*key), *(_moves(by_status.get(status, ())) for status in Status))
            for key, by_status in stock.RULES.items()
        ),
        *((_type(type_, None), *("" for _ in Status)) for type_ in OrderType if type_ not in ruled),
    ]
    parts = [
        "# States",
        _WRITTEN.format(
            "handlers/flow.py, handlers/template.py, handlers/locks.py, handlers/stock.py, handlers/recurring.py and "
            "handlers/attempts.py"
        ),
        "An order's `status` is moved by people and programs, never by webhooks. Stock follows from it by itself.",
        "## Status",
        _table(("from, to", *Status), moves),
        _GUARD,
        "\n".join(["```mermaid", "stateDiagram-v2", *_diagram(), "```"]),
        "## Children",
        _CHILDREN,
        _table(("from", *_made()), [(f"**{type_}**", *_made_from(type_)) for type_ in OrderType]),
        "## What Stripe manages",
        "On an order that Stripe manages nobody else changes: " + ", ".join(f"`{name}`" for name in LOCKED) + ".",
        "## Stock",
        _STOCK,
        _table(("type", *Status), effects),
        _STOCK_NOTES,
        "## Recurring orders",
        _RECURRING,
        _table(("from, when", *recurring.Happening), [_happenings(status) for status in RecurringStatus]),
        "## Attempts to charge",
        _ATTEMPTS,
        _table(
            ("from, to", *AttemptState),
            [
                (f"**{was}**", *("yes" if to in attempts.MOVES[was] else "" for to in AttemptState))
                for was in AttemptState
            ],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _happenings(status: RecurringStatus) -> tuple[str, ...]:
    """Where each happening leads to from this status."""
    return (f"**{status}**", *(recurring.MOVES.get((status, happening), "") for happening in recurring.Happening))


def _made() -> list[OrderType]:
    """The types that are made from any other."""
    return [type_ for type_ in OrderType if any(type_ in children for children in CHILDREN.values())]


def _made_from(parent: OrderType) -> Iterator[str]:
    for child in _made():
        yield ", ".join(CHILDREN[parent].get(child, ()))


def _diagram() -> Iterator[str]:
    """The moves; statuses between which any direction is allowed are one box."""
    boxes: dict[frozenset[Status], list[Status]] = {}
    for status in Status:
        boxes.setdefault(frozenset({status, *flow.MOVES[status]}), []).append(status)
    names = {status: f"from_{box[0]}" if len(box) > 1 else str(status) for box in boxes.values() for status in box}
    for reach, box in boxes.items():
        if len(box) > 1:
            yield f'    state "any direction among these" as {names[box[0]]} {{'
            yield from (f"        {status}" for status in box)
            yield "    }"
        outside = dict.fromkeys(names[status] for status in Status if status in reach and status not in box)
        yield from (f"    {names[box[0]]} --> {name}" for name in outside or ("[*]",))


def rows_page() -> str:
    """Which tests hold which row of the specification, by the names of the tests."""
    found: dict[str, list[str]] = {}
    for path in sorted((FOLDER.parent / "tests").rglob("test_*.py")):
        for name in _TEST.findall(path.read_text(encoding="utf-8")):
            rows = re.match(r"(?:[A-Z][0-9]+_)+", name)
            if rows:
                sentence = name[rows.end() :].replace("_", " ")
                for row in rows[0].strip("_").split("_"):
                    found.setdefault(row, []).append(f"- {sentence} (`{path.relative_to(FOLDER.parent)}`)")
    text = [
        "# Rows of the specification, and their tests\n",
        _WRITTEN.format("tests/") + "\n",
        "A test that holds a row is named by it: `test_T5_...`. Many more hold parts of one unnamed.\n",
    ]
    for row in sorted(found, key=lambda row: (row[0], int(row[1:]))):
        text += [f"## {row}\n", "\n".join(found[row]) + "\n"]
    return "\n".join(text)


def _type(type_: OrderType, parent: OrderType | None) -> str:
    return f"**{type_}** of a {parent}" if parent else f"**{type_}**"


def _moves(moves: Sequence[stock.Move]) -> str:
    """`reserved + at the source, incoming + at the target`; the place only where there are two."""
    two = len({move.side for move in moves}) > 1
    places = {stock.Side.HERE: " at the source", stock.Side.THERE: " at the target"}
    return ", ".join(
        f"{move.bucket.replace('_', ' ')} {'+' if move.sign > 0 else '−'}{places[move.side] if two else ''}"
        for move in moves
    )


def _default(value: Any) -> str:
    if value is None:
        return ""
    return f"`{value}`"


def _page(title: str, origin: str, text: str, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "\n\n".join([f"# {title}", _WRITTEN.format(origin), text, _table(head, rows)]) + "\n"


def _table(head: Iterable[str], rows: Iterable[tuple[str, ...]]) -> str:
    names = tuple(head)
    return "\n".join([_row(names), _row("---" for _ in names), *map(_row, rows)])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def main() -> None:
    """Write every page."""
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
