"""`daybook send`: which topic, which secret, what it prints, how it fails."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from typer.testing import CliRunner

from worker.cli import app as frame
from worker.cli.app import app
from worker.cli.send import outcome, secret_of, topic_of
from worker.errors import UserError

SHOPIFY = ("orders/create", "orders/updated", "orders/paid", "refunds/create", "order_transactions/create")
WOOCOMMERCE = ("order.created", "order.updated", "order.deleted", "customer.created")
STRIPE = ("charge.succeeded", "charge.refund.updated", "checkout.session.completed", "invoice_payment.paid")
SECRET = "a secret"


class Letters:
    """A provider of this test's own: the topic in a header, a signature over topic and body."""

    PROVIDER = "letters"
    TOPICS = SHOPIFY

    @staticmethod
    def sign(body: bytes, topic: str, secret: bytes, now: float, settings: Mapping[str, Any]) -> dict[str, str]:
        mark = hmac.new(secret, topic.encode() + body, hashlib.sha256).hexdigest()
        return {"X-Topic": topic, "X-Mark": mark, "X-Tone": str(settings.get("tone", ""))}


def event_of(body: bytes) -> str:
    return f"event-{hashlib.sha256(body).hexdigest()[:8]}"


class Instance:
    """A running instance: it knows two connections and takes what is signed with the secret."""

    def __init__(self, server: TestServer, folder: Path) -> None:
        self.server, self.folder = server, folder
        self.seen: list[tuple[str, bytes]] = []

    @property
    def url(self) -> str:
        return str(self.server.make_url("")).rstrip("/")

    async def send(self, *arguments: str) -> tuple[int, list[str], str]:
        """Exit code, printed lines, and the sentence that it failed with."""
        given = ["send", *arguments, "--data", str(self.folder)]
        result = await asyncio.to_thread(CliRunner().invoke, app, given)
        failure = result.exception if isinstance(result.exception, UserError) else None
        assert result.exception is None or failure or isinstance(result.exception, SystemExit), result.exception
        return 1 if failure else result.exit_code, result.output.splitlines(), str(failure or "")

    def file(self, name: str, content: object) -> str:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return str(path)


@pytest.fixture
async def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Instance]:
    for module in frame.COMMANDS:
        __import__(module)
    monkeypatch.setattr("worker.providers.adapters", lambda: {"letters": Letters})
    for name in ("STRIPE_WEBHOOK_SECRET", "DATABASE_URL", "REDIS_URL", "DAYBOOK_DATA"):
        monkeypatch.delenv(name, raising=False)

    async def connections(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer admin-token"
        pages = {
            "": {"items": [{"name": "letters", "provider": "letters"}], "next_cursor": "2"},
            "2": {
                "items": [{"name": "post", "provider": "letters", "settings": {"tone": "kind"}}],
                "next_cursor": None,
            },
        }
        return web.json_response(pages[request.query.get("cursor", "")])

    async def webhook(request: web.Request) -> web.Response:
        body, topic = await request.read(), request.headers["X-Topic"]
        if request.headers["X-Mark"] != Letters.sign(body, topic, SECRET.encode(), 0, {})["X-Mark"]:
            return web.json_response({"detail": "The signature is wrong.", "status": 401}, status=401)
        made.seen.append((topic, body))
        state = "duplicate" if made.seen.count((topic, body)) > 1 else "accepted"
        return web.json_response({"status": state, "event": event_of(body)})

    site = web.Application()
    site.router.add_get("/api/v1/connections", connections)
    site.router.add_post("/webhooks/{connection}", webhook)
    server = TestServer(site)
    async with server:
        made = Instance(server, tmp_path)
        (tmp_path / "url").write_text(made.url)
        (tmp_path / "admin-token").write_text("admin-token")
        (tmp_path / "secrets.json").write_text(json.dumps({"letters": SECRET}))
        yield made


@pytest.mark.parametrize(
    ("file", "topics", "body", "topic"),
    [
        ("orders_create__x.json", SHOPIFY, {}, "orders/create"),
        ("orders_create.json", SHOPIFY, {}, "orders/create"),
        ("order_transactions_create__paid.json", SHOPIFY, {}, "order_transactions/create"),
        ("ORDERS-PAID__x.json", SHOPIFY, {}, "orders/paid"),
        ("orders_paid__a__b.json", SHOPIFY, {}, "orders/paid"),
        ("order_updated__x.json", WOOCOMMERCE, {"type": "simple"}, "order.updated"),
        ("order.created.json", WOOCOMMERCE, {}, "order.created"),
        ("charge_refund_updated__x.json", STRIPE, {"type": "charge.refund.updated"}, "charge.refund.updated"),
        ("anything__x.json", STRIPE, {"type": "customer.created"}, "customer.created"),
        ("order.json", (), {"type": "order.upserted"}, "order.upserted"),
    ],
)
def test_the_topic_is_in_the_name_of_the_file_or_in_the_body(
    file: str, topics: tuple[str, ...], body: object, topic: str
) -> None:
    assert topic_of(file, topics, json.dumps(body).encode()) == topic


@pytest.mark.parametrize("body", [b"{}", b"[]", b"not json", b'{"type": 3}', b"\xff", b"[" * 100_000])
def test_without_a_topic_it_names_those_that_there_are(body: bytes) -> None:
    with pytest.raises(UserError, match=r"says no topic .*--topic, one of: orders/create, "):
        topic_of("file.json", SHOPIFY, body)


def test_the_secret_is_the_options_then_the_environments_then_the_data_directorys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STRIPE_WEBHOOK_SECRET", raising=False)
    with pytest.raises(UserError, match="The secret of stripe is not known here"):
        secret_of("stripe", None, tmp_path)
    (tmp_path / "secrets.json").write_text('{"stripe": "kept"}')
    assert secret_of("stripe", None, tmp_path) == "kept"
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", "newest, oldest")
    assert secret_of("stripe", None, tmp_path) == "newest"
    assert secret_of("stripe", "given", tmp_path) == "given"
    with pytest.raises(UserError, match="empty"):
        secret_of("stripe", " ", tmp_path)


async def test_each_file_gets_a_line_and_the_bytes_arrive_as_they_are(instance: Instance) -> None:
    raw = b'{ "id":1,\n\t"note": "\xc3\xa9"}  '
    first, second = instance.file("orders_create__a.json", raw), instance.file("orders_paid__b.json", {"id": 2})
    code, lines, _ = await instance.send("letters", first, second)
    assert code == 0
    assert [line.split() for line in lines] == [
        ["accepted", event_of(raw), "orders_create__a.json"],
        ["accepted", event_of(b'{"id": 2}'), "orders_paid__b.json"],
    ]
    assert instance.seen[0] == ("orders/create", raw)
    assert instance.seen[1][0] == "orders/paid"
    code, lines, _ = await instance.send("letters", first)
    assert (code, lines[0].split()[0]) == (0, "duplicate")


async def test_what_is_refused_says_why_and_the_others_go_on(instance: Instance) -> None:
    files = [instance.file("orders_create__a.json", {}), instance.file("orders_paid__b.json", {})]
    code, lines, _ = await instance.send("letters", *files, "--secret", "wrong")
    assert code == 1
    assert [line.split()[:2] for line in lines] == [["refused", "401"]] * 2
    assert lines[1].endswith("orders_paid__b.json: The signature is wrong.")


async def test_a_file_without_a_topic_is_not_sent_and_the_others_are(instance: Instance) -> None:
    files = [instance.file("letter.json", {}), instance.file("orders_paid__b.json", {})]
    code, lines, _ = await instance.send("letters", *files)
    assert (code, [line.split()[0] for line in lines]) == (1, ["refused", "accepted"])
    assert "letter.json: Its name says no topic" in lines[0]


async def test_the_topic_of_the_option_is_that_of_all_files(instance: Instance) -> None:
    code, _, _ = await instance.send("letters", instance.file("x.json", {}), "--topic", "orders/updated")
    assert (code, instance.seen) == (0, [("orders/updated", b"{}")])


async def test_the_instance_tells_the_provider_and_its_settings(instance: Instance) -> None:
    code, lines, _ = await instance.send("post", instance.file("orders_paid.json", {}), "--secret", SECRET)
    assert (code, lines[0].split()[0]) == (0, "accepted")


async def test_mistakes_are_one_sentence_each(instance: Instance) -> None:
    there = instance.file("orders_paid.json", {})
    for arguments, sentence in {
        ("letters", "missing.json"): "missing.json cannot be read: no such file or directory.",
        ("letters", str(instance.folder)): "cannot be read: is a directory.",
        ("nobody", there): "There is no connection nobody. See `daybook connection list`",
        ("letters", there, "--url", "localhost"): "localhost is not an address.",
        ("letters", there, "--url", "http://127.0.0.1:9", "--token", "t"): "http://127.0.0.1:9 does not answer",
        ("other", there, "--url", instance.url): "can only be asked with a token.",
    }.items():
        code, _, said = await instance.send(*arguments)
        assert code == 1
        assert sentence in said
    (instance.folder / "url").unlink()
    code, _, said = await instance.send("letters", there)
    assert (code, "No Daybook is running on" in said) == (1, True)


async def test_the_token_of_a_data_directory_stays_there(instance: Instance) -> None:
    """An address that somebody typed gets no token unless one is given."""
    code, lines, _ = await instance.send("letters", instance.file("orders_paid.json", {}), "--url", instance.url)
    assert (code, lines[0].split()[0]) == (0, "accepted")  # the name was enough: nobody was asked


def test_an_answer_that_is_no_problem_still_has_a_line() -> None:
    assert outcome(200, {"status": "pong"}, "x.json")[1]
    assert outcome(502, None, "x.json") == (f"refused    {502:<36}  x.json: The answer was 502.", False)
