"""`daybook up` as a person runs it: one command, a whole Daybook, whatever happens to its parts (X1, X2, X5)."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

READY_S = 60
OWN = {"DATABASE_URL", "REDIS_URL", "STRIPE_API_KEY", "STRIPE_API_BASE", "STRIPE_WEBHOOK_SECRET"}
"""What a developer may have set, and `up` is to do without."""
PAYLOADS = Path(__file__).parents[1] / "payloads"


class Running:
    """A `daybook up` in a process of its own, with its console in a file."""

    def __init__(self, data: Path, console: Path, **environment: str) -> None:
        self.data = data
        self._console = console
        inherited = {name: value for name, value in os.environ.items() if name not in OWN}
        with console.open("w") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "worker.cli", "up", "--port", "0", "--data", str(data)],
                stdout=stream,
                stderr=subprocess.STDOUT,
                env={**inherited, **environment},
            )

    @property
    def console(self) -> str:
        return self._console.read_text()

    @property
    def url(self) -> str:
        return (self.data / "url").read_text().strip()

    def ready(self) -> Running:
        until(lambda: re.search(r"^ready ", self.console, re.MULTILINE) or self.process.poll() is not None, READY_S)
        assert self.process.poll() is None, self.console
        return self

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=10) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def pid(self, name: str) -> int:
        """The process id of the child of this name, once it runs: what dies beside it may have taken it along."""
        until(lambda: self.found(name) is not None)
        return self.found(name) or self.pid(name)

    def found(self, name: str) -> int | None:
        """The process id of the child of this name, from the system itself; None while it is not running."""
        signs = {
            "receive": "worker.cli\0receive",
            "work": "worker.cli\0work",
            "stripe-stand-in": "worker.cli\0stripe-stand-in",
            "Valkey": "valkey-server",
            "PostgreSQL": "\0-D\0",
        }
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for child in children:
            try:
                if signs[name] in Path(f"/proc/{child}/cmdline").read_text():
                    return int(child)
            except OSError:
                continue  # it ended between the two looks
        return None

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def run(**environment: str) -> Running:
        started.append(Running(tmp_path / "the data", tmp_path / f"console-{len(started)}", **environment))
        return started[-1]

    yield run
    for running in started:
        if running.process.poll() is None:
            running.process.send_signal(signal.SIGTERM)
            running.process.wait(30)


def until(true: Callable[[], object], timeout_s: float = 15) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.02)


def test_up_prints_one_ready_line_and_leaves_what_clients_need(start: Callable[..., Running]) -> None:
    running = start().ready()
    lines = running.console.splitlines()
    assert [line for line in lines if line.startswith("ready ")] == [f"ready {running.url}"]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", running.url)
    for name in ("admin-token", "secret-key", "secrets.json", "servers.json"):
        assert stat.S_IMODE((running.data / name).stat().st_mode) == 0o600, name
    assert running.answers()
    [told] = re.findall(r"^Metrics: receive (http://127\.0\.0\.1:\d+/metrics), work (http://127\.0\.0\.1:\d+/metrics)$", running.console, re.MULTILINE)  # fmt: skip
    for address in told:
        with urllib.request.urlopen(address, timeout=10) as answer:
            assert b"webhook_events_received_total" in answer.read()
    assert running.end() == 0
    assert not (running.data / "url").exists()
    assert not (running.data / "postgres" / "postmaster.pid").exists()


def test_a_webhook_sent_by_hand_becomes_an_order_and_a_repeat_changes_nothing(start: Callable[..., Running]) -> None:
    running = start().ready()
    files = [str(PAYLOADS / "shopify" / name) for name in ("orders_create__minimal.json", "refunds_create__1.json")]
    first, again = (send(running, "shopify", *files) for _ in range(2))
    assert [line.split()[0] for line in first] == ["accepted", "accepted"]
    assert [line.split()[:2] for line in again] == [["duplicate", line.split()[1]] for line in first]
    until(lambda: {event["state"] for event in listed(running, "events")} == {"applied", "waiting"})
    [order] = listed(running, "orders")
    assert (order["external_id"], order["payment_status"], order["amount"]) == ("1073459966", "paid", 19900)
    assert order["origin"] == "shopify"


def send(running: Running, *arguments: str) -> list[str]:
    """`daybook send`: the lines that it prints."""
    command = [sys.executable, "-m", "worker.cli", "send", *arguments]
    environment = {**os.environ, "DAYBOOK_DATA": str(running.data)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def listed(running: Running, resource: str) -> list[dict[str, Any]]:
    """The first page of a resource, as the administrator sees it."""
    token = (running.data / "admin-token").read_text().strip()
    asked = urllib.request.Request(f"{running.url}/api/v1/{resource}", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return list(json.load(answer)["items"])


def test_up_starts_again_whatever_dies(start: Callable[..., Running]) -> None:
    running = start().ready()
    for name in ("PostgreSQL", "Valkey", "stripe-stand-in", "work", "receive"):
        before = running.pid(name)
        os.kill(before, signal.SIGKILL)
        until(lambda name=name: f"{name} ended (SIGKILL)" in running.console)  # type: ignore[misc]
        until(lambda name=name, before=before: _other(running, name, before))  # type: ignore[misc]
    until(running.answers)
    assert running.end(signal.SIGTERM) == 0


def test_up_killed_leaves_nothing_running_and_starts_again_on_its_data(start: Callable[..., Running]) -> None:
    running = start().ready()
    token = (running.data / "admin-token").read_text()
    children = [running.pid(name) for name in ("PostgreSQL", "Valkey", "stripe-stand-in", "work", "receive")]
    running.process.kill()
    running.process.wait()
    again = start().ready()
    assert again.answers()
    assert (again.data / "admin-token").read_text() == token
    until(lambda: not any(_alive(pid) for pid in children))
    assert again.end() == 0


def test_second_up_and_a_taken_port_are_refused_in_a_sentence(start: Callable[..., Running], tmp_path: Path) -> None:
    running = start().ready()
    second = start()
    assert second.process.wait(20) == 1
    assert second.console.startswith("Another `daybook up` is running on ")
    command = [sys.executable, "-m", "worker.cli", "up", "--port", running.url.rpartition(":")[2], "--data"]
    taken = subprocess.run([*command, str(tmp_path / "other")], capture_output=True, text=True, check=False, timeout=20)
    assert (taken.returncode, taken.stdout) == (1, "")
    assert re.fullmatch(r"Port \d+ is taken by another program\. .*\n", taken.stderr)


def test_up_says_what_is_wrong_with_a_database_that_it_cannot_reach(start: Callable[..., Running]) -> None:
    running = start(DATABASE_URL="postgresql://someone:hidden@127.0.0.1:1/daybook")
    assert running.process.wait(30) == 1
    assert "PostgreSQL at 127.0.0.1:1/daybook cannot be used" in running.console
    assert "hidden" not in running.console
    assert "Traceback" not in running.console


def test_X2_without_a_key_a_stand_in_plays_stripe_and_everything_says_so(start: Callable[..., Running]) -> None:
    running = start().ready()
    stand_in = played(running)
    assert f"Stripe is played by a local stand-in, {stand_in}: no money moves." in running.console.splitlines()[1]
    with urllib.request.urlopen(f"{running.url}/sign-in", timeout=10) as page:
        assert b"Stripe is played by a local stand-in: no money moves." in page.read()
    doctor = subprocess.run([sys.executable, "-m", "worker.cli", "doctor", "--data", str(running.data)],
                            capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    assert f"warning  Stripe is played by a local stand-in, {stand_in}: no money moves" in doctor.stdout
    contact = asked(running, "contacts", {"name": "Ana", "email": "ana@shop.example"})
    checkout = asked(
        running, "checkouts",
        {"contact_id": contact["id"], "amount": 990, "currency": "BRL", "title": "A cup",
         "success_url": "https://shop.example/thanks"},
    )  # fmt: skip
    assert checkout["url"].startswith(f"{stand_in}/")
    [order] = listed(running, "orders")
    scripted(stand_in, f"checkout/{order['external_id']}/pay", {"card": "pm_card_visa"})
    until(lambda: asked(running, f"orders/{order['id']}")["payment_status"] == "paid")
    paid = asked(running, f"orders/{order['id']}")
    assert (paid["amount_paid"], paid["livemode"]) == (990, False)


def test_X2_the_stand_in_has_its_port_again_after_a_restart_and_with_a_key_it_is_never_started(
    start: Callable[..., Running],
) -> None:
    first = start().ready()
    before = played(first)
    assert first.end() == 0
    again = start().ready()
    assert played(again) == before
    assert again.end() == 0
    keyed = start(STRIPE_API_KEY="sk_test_of_a_person", STRIPE_API_BASE="http://127.0.0.1:1").ready()
    assert played(keyed) == ""
    assert keyed.found("stripe-stand-in") is None
    assert "stand-in" not in keyed.console
    with urllib.request.urlopen(f"{keyed.url}/sign-in", timeout=10) as page:
        assert b"stand-in" not in page.read()


def played(running: Running) -> str:
    """Where the stand-in Stripe answers; empty where there is none."""
    return str(json.loads((running.data / "servers.json").read_text())["stripe_stand_in"])


def asked(running: Running, path: str, body: dict[str, Any] | None = None) -> Any:
    """What the API answers to the administrator: to a POST where there is a body."""
    token = (running.data / "admin-token").read_text().strip()
    return _json(f"{running.url}/api/v1/{path}", body, Authorization=f"Bearer {token}")


def scripted(stand_in: str, path: str, body: dict[str, Any]) -> Any:
    return _json(f"{stand_in}/_stand_in/{path}", body)


def _json(address: str, body: dict[str, Any] | None, **headers: str) -> Any:
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(address, data, {"Content-Type": "application/json", **headers})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return json.load(answer)


def _other(running: Running, name: str, before: int) -> bool:
    return running.found(name) not in (None, before)


def _alive(pid: int) -> bool:
    """Whether the process lives; a zombie that nobody has reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
