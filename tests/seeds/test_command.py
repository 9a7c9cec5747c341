"""`daybook import` and `daybook export` as commands (T7, X2)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from handlers.seed import helper
from tests.api.conftest import Api
from tests.seeds.conftest import Account
from tests.seeds.test_written import SEEDS
from worker.cli.app import app
from worker.cli.seeds import export, import_  # noqa: F401  (registers the commands)
from worker.errors import UserError


@pytest.fixture(autouse=True)
def _database(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", api.shop.ctx.settings.database_url or "")


async def run(*arguments: object) -> tuple[str, str]:
    """What was printed, and the sentence that it failed with."""
    result = await asyncio.to_thread(CliRunner().invoke, app, [str(argument) for argument in arguments])
    if isinstance(result.exception, UserError):
        return result.stdout, str(result.exception)
    assert result.exception is None, result
    return result.stdout, ""


def _names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


async def test_T7_a_file_goes_in_and_comes_out_and_into_another_account(
    here: Account, there: Account, tmp_path: Path
) -> None:
    given, taken = tmp_path / "given.json", tmp_path / "taken.json"
    given.write_text(json.dumps(SEEDS))
    assert await run("import", given) == (f"{given}: 8 made, 0 changed, 0 as they were already\n", "")
    assert await run("import", given) == (f"{given}: 0 made, 0 changed, 8 as they were already\n", "")
    assert await run("export", "-o", taken) == (f"{taken}: 8 entries\n", "")
    lines = taken.read_text().splitlines()
    assert len(lines) == 8 + 2
    assert [json.loads(line.rstrip(","))["object_type"] for line in lines[1:-1]].count("order") == 3
    printed, _ = await run("export")
    assert printed == taken.read_text()
    assert (await run("import", "--account", "other", taken))[0].startswith(f"{taken}: 8 made")
    assert await there.books() == await here.books()
    assert _names(tmp_path) == ["given.json", "taken.json"]


async def test_T7_a_broken_file_fails_with_a_sentence_and_the_next_one_is_not_begun(
    here: Account, tmp_path: Path
) -> None:
    broken, good = tmp_path / "broken.json", tmp_path / "good.json"
    broken.write_text('[\n{"object_type": "contact", "nome": "Ana"}]')
    good.write_text(json.dumps(SEEDS))
    _, failure = await run("import", broken, good)
    assert f"{broken}:2: nome" in failure
    assert await here.all("contacts") == []
    assert "cannot be read" in (await run("import", tmp_path / "nothing.json"))[1]
    assert "no account nobody" in (await run("import", "--account", "nobody", good))[1]
    assert "cannot be written" in (await run("export", "-o", tmp_path / "no" / "such.json"))[1]


async def test_T7_an_empty_account_is_an_empty_list(there: Account) -> None:
    printed, _ = await run("export", "--account", "other")
    assert json.loads(printed) == []


async def test_T7_what_an_order_names_is_found_by_key_however_much_came_before_it(
    api: Api, here: Account, tmp_path: Path
) -> None:
    """A planner that found the tables empty takes any index for as good as another; each look-up of an order in one long
    transaction then read all of the account."""
    await api.shop.ctx.pool.execute("ANALYZE")
    file, count = tmp_path / "many.json", 1000
    contacts = [{"object_type": "contact", "identifiers": [f"c{n}@d.e"]} for n in range(count)]
    orders = [
        {"object_type": "order", "contact_id": helper("contacts", "identifiers", f"c{n}@d.e"), "amount": n}
        for n in range(count)
    ]
    file.write_text(json.dumps(contacts + orders))
    assert (await run("import", file))[0].startswith(f"{file}: {2 * count:,} made")
    [row] = await api.shop.rows(
        "SELECT sum(seq_tup_read) + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes) AS read FROM pg_stat_user_tables"
    )
    assert row["read"] < 200 * count
