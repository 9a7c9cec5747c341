"""The document tells the truth: about every route, every answer, and whatever is thrown at it."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import jsonschema
from schemathesis.specs.openapi.definitions import OPENAPI_31

from schemas.account import Permission
from schemas.feed import TEST, EventType
from tests.api.conftest import Api
from tests.world import payload
from worker.api.openapi import POLICY, document
from worker.api.routes import OPERATIONS

TIME_S = 25


def test_H1_the_document_is_openapi_3_1() -> None:
    jsonschema.validate(document(OPERATIONS), OPENAPI_31)


def test_H1_every_operation_has_a_name_of_its_own_and_says_what_it_does() -> None:
    names = [operation.name for operation in OPERATIONS]
    assert sorted(set(names)) == sorted(names)
    for operation in OPERATIONS:
        assert operation.summary, operation.name
        assert operation.description, operation.name


def test_H1_the_examples_are_what_they_are_examples_of() -> None:
    content = document(OPERATIONS)
    seen = 0
    for schema in content["components"]["schemas"].values():
        for example in schema.get("examples", []):
            jsonschema.validate(example, {**schema, "components": content["components"]})
            seen += 1
    assert seen >= 5


def test_H1_every_problem_is_of_one_shape() -> None:
    for response in document(OPERATIONS)["components"]["responses"].values():
        assert list(response["content"]) == ["application/problem+json"]


def test_H5_the_document_tells_every_message_of_the_feed() -> None:
    webhooks = document(OPERATIONS)["webhooks"]
    assert sorted(webhooks) == sorted([*EventType, TEST])
    names = [entry["post"]["operationId"] for entry in webhooks.values()]
    assert not {operation.name for operation in OPERATIONS} & set(names)


async def test_H1_every_model_of_an_answer_and_a_body_is_what_pydantic_says(api: Api) -> None:
    served = await api.get("/api/openapi.json", anonymous=True)
    assert (served["openapi"], served["info"]["title"]) == ("3.1.0", "Daybook")
    for operation in OPERATIONS:
        said = served["paths"][operation.path][operation.method.lower()]
        if operation.body is not None:
            [ref] = [content["schema"]["$ref"] for content in said["requestBody"]["content"].values()]
            named = served["components"]["schemas"][ref.rsplit("/", 1)[-1]]
            assert set(named["properties"]) == set(operation.body.model_json_schema()["properties"]), operation.name
        if isinstance(operation.answer, type):
            [good] = [
                status for status in said["responses"] if status[0] == "2" and "content" in said["responses"][status]
            ][:1]
            ref = said["responses"][good]["content"]["application/json"]["schema"]["$ref"]
            named = served["components"]["schemas"][ref.rsplit("/", 1)[-1]]
            fields = operation.answer.model_json_schema(mode="serialization")["properties"]
            assert set(named["properties"]) == set(fields), operation.name


async def test_H1_every_route_below_the_api_is_documented(api: Api) -> None:
    paths = (await api.get("/api/openapi.json", anonymous=True))["paths"]
    routes = {
        (route.method.lower(), route.resource.canonical)
        for route in api.client.server.app.router.routes()  # type: ignore[union-attr]
        if route.resource is not None and route.resource.canonical.startswith("/api/v1/") and route.method != "HEAD"
    }
    assert routes == {(method, path) for path, methods in paths.items() for method in methods}


async def test_H1_the_page_needs_nothing_from_elsewhere(api: Api) -> None:
    page = await api.ask("GET", "/api/docs", anonymous=True)
    assert page.status == 200
    assert page.headers["Content-Security-Policy"] == POLICY
    text = page.raw.decode()
    files = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert all(file.startswith("/api/") for file in files)
    assert not re.search(r"<script(?![^>]*src=)", text)
    for file in files:
        answer = await api.ask("GET", file, anonymous=True)
        assert answer.status == 200, file
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    other = await api.ask("GET", "/api/docs/templates.py", anonymous=True)
    assert other.status == 404


async def test_H1_generated_requests_find_no_answer_that_is_not_documented(api: Api, tmp_path: Path) -> None:
    await api.shop.deliver("stripe", payload("stripe", "checkout_session_completed__2020-08-27.json"))
    await api.order(await api.contact())
    token = await api.token("manager", *(permission for permission in Permission))
    config = Path(__file__).with_name("schemathesis.toml")
    command = [
        str(Path(sys.executable).with_name("st")), "--config-file", str(config), "run",
        str(api.client.make_url("/api/openapi.json")), "--header", f"Authorization: Bearer {token}", "--checks", "all",
        "--max-time", str(TIME_S), "--no-shrink", "--warnings", "off", "--seed", "1",
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()[-8000:]
