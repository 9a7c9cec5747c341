"""OpenTelemetry, where the extra `otel` is installed and OTEL_EXPORTER_OTLP_ENDPOINT names a collector; else nothing.

**An event's trace has the event's id**, so it is found without a search, and nothing has to travel with a job: the door
and the worker each add their span to it, linked to the span of the batch that the event was in. Spans are made when the
batch is committed, with the times it took; the usual OTEL_ variables set the sampler and the exporter.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from worker.config import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.trace import Tracer

log = structlog.get_logger("tracing")

CLOSE_S = 2.0
_provider: TracerProvider | None = None
_tracer: Tracer | None = None
_event: ContextVar[int | None] = ContextVar("event", default=None)


def start(settings: Settings, service: str) -> None:
    """Export the spans of this process, where that is asked for."""
    if settings.otlp_endpoint is None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("tracing_not_installed", remedy="Install daybook[otel], or unset OTEL_EXPORTER_OTLP_ENDPOINT.")
        return
    use(BatchSpanProcessor(OTLPSpanExporter()), service)


def use(processor: SpanProcessor, service: str) -> None:
    """Give every span to this processor."""
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class Ids(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            return _event.get() or super().generate_trace_id()

    global _provider, _tracer  # noqa: PLW0603  (one provider a process, as OpenTelemetry has it)
    # Not at the interpreter's exit: a collector that does not answer must not hold the process.
    _provider = TracerProvider(
        resource=Resource.create({SERVICE_NAME: service}), id_generator=Ids(), shutdown_on_exit=False
    )
    _provider.add_span_processor(processor)
    _tracer = _provider.get_tracer("daybook")


def batch(what: str, events: Iterable[tuple[str, str]], began: float) -> None:
    """A batch was committed. `what`: `receive` or `apply`; `events`: (id, what became of it); `began` by
    `time.perf_counter`."""
    if _tracer is None:
        return
    from opentelemetry.context import Context
    from opentelemetry.trace import Link

    now = time.time_ns()
    start_time = now - int((time.perf_counter() - began) * 1e9)
    told = list(events)
    whole = _tracer.start_span(
        f"{what} batch", Context(), attributes={"daybook.events": len(told)}, start_time=start_time
    )
    link = Link(whole.get_span_context())
    for event_id, state in told:
        token = _event.set(UUID(event_id).int)
        try:
            span = _tracer.start_span(
                what,
                Context(),
                attributes={"daybook.event_id": event_id, "daybook.state": state},
                links=[link],
                start_time=start_time,
            )
        finally:
            _event.reset(token)
        span.end(now)
    whole.end(now)


def close() -> None:
    """Send what there is, for two seconds at most."""
    global _provider, _tracer  # noqa: PLW0603
    if _provider is None:
        return
    ending = threading.Thread(target=_provider.shutdown, name="spans", daemon=True)
    _provider = _tracer = None
    ending.start()
    ending.join(CLOSE_S)
