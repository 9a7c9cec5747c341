"""Traces (X4): those of an event are found by its id; without the extra or a collector there are none."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from uuid import UUID

import pytest
import structlog
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.server import Server
from tests.world import payload
from worker import tracing
from worker.config import Settings

BODY = payload("shopify", "orders_create__minimal.json")


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    tracing.use(SimpleSpanProcessor(exporter), "test")
    yield exporter
    tracing.close()


async def test_X4_an_events_trace_has_its_id_and_leads_to_its_batches(
    server: Server, spans: InMemorySpanExporter
) -> None:
    _, answer = await server.send("shopify", BODY, "orders/create")
    await server.send("shopify", BODY, "orders/create")
    event_id = answer["event"]
    await server.shop.apply([event_id])
    found = spans.get_finished_spans()
    own = [span for span in found if span.context and span.context.trace_id == UUID(event_id).int]
    assert [(span.name, (span.attributes or {})["daybook.state"]) for span in own] == [
        ("receive", "received"),
        ("apply", "applied"),
    ]
    batches = {span.context.span_id: span for span in found if span.context and span.name.endswith(" batch")}
    assert [batches[span.links[0].context.span_id].name for span in own] == ["receive batch", "apply batch"]
    assert all(span.start_time <= span.end_time for span in found if span.start_time and span.end_time)


async def test_X4_without_a_collector_nothing_is_traced(server: Server) -> None:
    tracing.start(Settings(), "test")
    assert tracing._tracer is None
    await server.send("shopify", BODY, "orders/create")


def test_X4_a_collector_without_the_extra_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with structlog.testing.capture_logs() as lines:
        tracing.start(Settings(otlp_endpoint="http://127.0.0.1:1"), "test")
    assert [line["event"] for line in lines] == ["tracing_not_installed"]
    assert tracing._tracer is None
