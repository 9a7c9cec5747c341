"""What the documents show is what the product does."""

from __future__ import annotations

import importlib
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from handlers.derive import derive
from handlers.merge import add
from handlers.providers import standard
from schemas.fact import Dossier, Reading
from schemas.provider import Event, Source
from worker.cli.app import COMMANDS, app
from worker.docs import FOLDER, pages

ROOT = Path(__file__).parents[2]


def test_the_order_payload_of_the_documents_is_read_as_it_says() -> None:
    text = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    body: dict[str, Any] = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode(block)
    read = standard.facts(Event("e", Source("standard"), "order.upserted", body, {}, datetime(2026, 2, 1, tzinfo=UTC)))
    assert isinstance(read, Reading)
    order = derive(add(Dossier(), read), 1_770_000_000_000_000)
    assert (order.external_id, order.currency, order.amount, order.payment_status) == ("A-17", "BRL", 12990, "paid")
    assert [charge.kind for charge in order.charges] == ["shipping"], "the parts add up without an adjustment"


def test_every_command_that_the_readme_names_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`daybook ([a-z-]+)", text)) | set(re.findall(r"\.venv/bin/daybook ([a-z-]+)", text))
    for module in COMMANDS:
        importlib.import_module(module)
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    known |= {group.name for group in app.registered_groups if group.name}
    assert {name for name in named if name not in known} == set()


def test_every_file_that_the_documents_name_exists() -> None:
    missing = set()
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for path in re.findall(
            r"`((?:docs|tests|worker|handlers|schemas|deploy)/[\w./-]+)`", page.read_text(encoding="utf-8")
        ):
            if not (ROOT / path).exists():
                missing.add(f"{page.name}: {path}")
    assert missing == set()


@pytest.mark.parametrize("name", pages())
def test_the_generated_pages_are_those_of_the_code(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == pages()[name], "run `make docs`"


def test_no_two_settings_share_a_variable_and_each_says_what_it_is_for() -> None:
    rows = [line for line in pages()["settings.md"].splitlines() if line.startswith("| `")]
    assert len({row.split("`")[1] for row in rows}) == len(rows) > 20
    assert all(len(row.split(" | ")[2]) > 20 for row in rows)
