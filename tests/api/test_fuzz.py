"""Requests made up by hypothesis, over all operations: whatever is sent, the answer is never a fault of ours (I3).

`make chaos` sends ten thousand, `make test` some hundreds; FUZZ_REQUESTS says how many.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, get_args
from urllib.parse import quote

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from structlog.testing import capture_logs

from schemas.account import Permission
from tests.api.conftest import Api
from tests.world import edited, payload
from worker.api.operation import Operation
from worker.api.routes import OPERATIONS
from worker.ids import new_id

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "500"))
WELL_KNOWN = "well-known"
"""Stands for the id of something that is there."""
SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(-10, 10), st.integers(), st.floats(), st.text(max_size=20),
    st.text(st.characters(categories=["Cs", "Cc", "Lo", "So"]), max_size=5),
    st.sampled_from([
        WELL_KNOWN, "00000000-0000-7000-8000-000000000000", "BRL", "JPY", "XXX", "draft", "new", "completed", "void", "paid",
        "partially_paid", "percent", "fixed", "discount", "shipping", "price_adjustment", "running", "stripe", "standard",
        "admin", "rep", "crm.manage", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "1969-12-31T23:59:59Z", "0",
        "-1", "1.5", "999999999999.999999", "1e5", "a@b", "x" * 256, "x" * 20_001, "https://x.example/", "\x00", "%", "*",
        2**31, 2**53 - 1, 2**53, 2**63, 2**64, -(2**63), 10**30, 1e308, float("inf"), float("nan"), -0.0,
    ]),
)  # fmt: skip
NAMES = st.sampled_from(sorted({
    name for operation in OPERATIONS for model in (operation.body, operation.query) if model for name in model.model_fields
})) | st.text(max_size=5)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)


def bodies(model: type[BaseModel]) -> st.SearchStrategy[Any]:
    """Objects with the model's own fields, deep down too, some of them as they should be."""
    fields: dict[str, st.SearchStrategy[Any]] = {}
    for name, field in model.model_fields.items():
        inner = next(iter(_models(field.annotation)), None)
        of_its_own = st.lists(bodies(inner), max_size=3) | bodies(inner) if inner else VALUES
        fields[name] = of_its_own | VALUES
    chosen = st.fixed_dictionaries({}, optional=fields)
    examples: list[Any] = list((model.model_config.get("json_schema_extra") or {}).get("examples", []))  # type: ignore[union-attr]
    if not examples:
        return chosen
    return st.builds(lambda example, other: {**example, **other}, st.sampled_from(examples), chosen) | chosen


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models(argument)]


@st.composite
def requests(draw: st.DrawFn) -> tuple[Operation, dict[str, str], dict[str, str], bytes | None, dict[str, str], str]:
    """Operation, path parameters, query, body, headers, whose token."""
    operation = draw(st.sampled_from(OPERATIONS))
    text = st.sampled_from([WELL_KNOWN] * 4 + [new_id(), "%00", "..", "bulk"]) | st.text(min_size=1, max_size=8)
    path = {name: draw(text) for name in operation.parameters}
    names = list(operation.query.model_fields) if operation.query else []
    query: dict[str, str] = {}
    for name in draw(st.lists(st.sampled_from(names) if names else st.text(max_size=4), max_size=3)):
        query[name] = str(draw(SCALARS))
    body: bytes | None = None
    if operation.method != "GET":
        body = draw(content(operation))
    headers: dict[str, str] = {
        "Content-Type": draw(st.sampled_from(["application/json"] * 8 + ["text/plain", "x", ""]))
    }
    for name, values in (
        ("If-Match", ['"1"', '"2"', "*", "W/", '"']), ("Idempotency-Key", ["a", "b", '"a"', "a b", "x" * 300]),
        ("Content-Encoding", ["gzip", "identity"]), ("Accept", ["text/html", "*/*;q=x"]), ("Cookie", ["daybook_session=x", "=;="]),
    ):  # fmt: skip
        if draw(st.integers(0, 5)) == 0:
            headers[name] = draw(st.sampled_from(values))
    return operation, path, query, body, headers, draw(st.sampled_from(["admin"] * 6 + ["manager", "rep", "nobody"]))


@st.composite
def content(draw: st.DrawFn, operation: Operation) -> bytes:
    """A body: mostly JSON that the operation might take, sometimes broken, sometimes anything."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.binary(max_size=50))
    value = draw(bodies(operation.body) if operation.body and kind < 8 else VALUES)
    whole = json.dumps(value, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    if kind == 1:
        at = draw(st.integers(0, len(whole)))
        return whole[:at] + draw(st.binary(max_size=3)) + whole[at + draw(st.integers(0, 3)) :]
    return whole


def filled(value: Any, known: str) -> Any:
    """The same with what is there in place of its stand-in."""
    return (
        value.replace(WELL_KNOWN.encode(), known.encode())
        if isinstance(value, bytes)
        else value.replace(WELL_KNOWN, known)
    )


@settings(
    max_examples=REQUESTS,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(asked=requests())
async def test_I3_no_request_is_answered_with_a_fault_of_ours(
    asked: tuple[Operation, dict[str, str], dict[str, str], bytes | None, dict[str, str], str], api: Api
) -> None:
    operation, path, query, body, headers, whose = asked
    there = await stand(api)
    known = there["ids"].get(operation.tag, there["ids"]["orders"])
    where = operation.path
    for name, value in path.items():
        where = where.replace("{" + name + "}", quote(filled(value, known), safe="", errors="replace"))
    asks = "&".join(f"{name}={quote(filled(value, known), safe='', errors='replace')}" for name, value in query.items())
    with capture_logs() as logs:
        answer = await api.ask(
            operation.method,
            f"{where}?{asks}" if asks else where,
            data=None if body is None else filled(body, there["ids"]["contacts"]),
            headers={name: value for name, value in headers.items() if value},
            **there["tokens"][whose],
        )
    assert answer.status < 500, (operation.name, where, asks, body, headers, answer.raw, logs)
    assert (await api.ask("GET", "/orders?limit=1")).status == 200


_STANDS: dict[int, Mapping[str, Any]] = {}


async def stand(api: Api) -> Mapping[str, Any]:
    """Something of each kind, and tokens; made by the first request of a test."""
    found = _STANDS.get(id(api))
    if found is None:
        await api.shop.deliver("stripe", payload("stripe", "checkout_session_completed__2020-08-27.json"))
        body = edited(payload("stripe", "payment_intent_succeeded__2020-08-27.json"), data__object__id="pi_x")
        event = await api.shop.deliver("stripe", body)
        contact_id = await api.contact()
        order = await api.order(contact_id)
        everything = await api.token("admin")
        manager, rep = await api.token("manager", *Permission), await api.token("rep", Permission.CRM_MANAGE)
        [payment, *_] = (await api.get("/payments"))["items"]
        found = _STANDS[id(api)] = {
            "ids": {
                "orders": order["id"], "contacts": contact_id, "events": event, "payments": payment["id"],
                "connections": api.shop.connections["stripe"], "tokens": (await api.get("/tokens"))["items"][0]["id"],
            },
            "tokens": {
                "admin": {"token": everything}, "manager": {"token": manager}, "rep": {"token": rep}, "nobody": {"anonymous": True},
            },
        }  # fmt: skip
    return found
