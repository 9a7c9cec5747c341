"""Every metric of Daybook, declared once. **Names and labels are a contract with the people who watch it.**

A label takes its values from a set that the code or the directory of connections bounds: never an id, an address or a
word that a sender chose. The door calls what is bound before; a child costs half a microsecond, a look-up of one more.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from worker.providers import adapters

if TYPE_CHECKING:
    from asyncpg.connection import LoggedQuery

HTTP_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
MESSAGING_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
AGE_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
LAG_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
BYTES = (256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576)
SIZES = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)
ATTEMPTS = (1, 2, 3, 5, 8)

# Receiver
http_duration = Histogram(
    "http_server_request_duration_seconds", "Time from a request's headers to its answer.",
    ("method", "route", "status"), buckets=HTTP_S,
)  # fmt: skip
http_active = Gauge("http_server_active_requests", "Requests that are being answered, open streams among them.")
http_body_size = Histogram(
    "http_server_request_body_size_bytes", "Length of request bodies, where the request says it.",
    ("method", "route"), buckets=BYTES,
)  # fmt: skip
events_received = Counter(
    "webhook_events_received_total",
    "Deliveries to a connection (source) by what became of them: accepted, duplicate, conflict (accepted, but its id "
    "was used before with another body), bad_signature, too_large, timeout, shed (503: send again). What is malformed "
    "is in http_server_request_duration_seconds by its status; unknown addresses are there as 404.",
    ("source", "result"),
)
inbox_commit_duration = Histogram(
    "inbox_commit_duration_seconds", "Time to store one batch of deliveries, until it is on disk.", buckets=HTTP_S
)
inbox_batch_size = Histogram("inbox_batch_size", "Deliveries stored by one commit.", buckets=SIZES)
inbox_batch_queue_depth = Gauge("inbox_batch_queue_depth", "Deliveries in this receiver that wait for their commit.")

# Signal
_MESSAGING = ("messaging_system", "messaging_destination_name", "messaging_operation_name", "error_type")
messages_sent = Counter(
    "messaging_client_sent_messages_total", "Jobs sent to a lane; error_type is empty where that succeeded.", _MESSAGING
)
messaging_duration = Histogram(
    "messaging_client_operation_duration_seconds", "Time to send one job to a lane.", _MESSAGING, buckets=MESSAGING_S
)
signal_errors = Counter(
    "signal_errors_total", "Events whose signal was lost: they wait for the sweep, for 5 s or longer."
)
sweep_rescued = Counter(
    "sweep_rescued_total",
    "Events that nobody had tried 5 s after they were stored, signalled again by the sweep. None in health: a rate "
    "above zero means lost signals, or too few workers. Tries that are due again are not counted.",
)

# Worker
messages_consumed = Counter(
    "messaging_client_consumed_messages_total", "Jobs taken from a lane; error_type is empty where they ended well.",
    _MESSAGING,
)  # fmt: skip
process_duration = Histogram(
    "messaging_process_duration_seconds", "Time to work off one job of a lane.", _MESSAGING, buckets=MESSAGING_S
)
events_applied = Counter(
    "inbox_events_applied_total",
    "Events by topic (type; `other` where the provider's adapter does not list it) and what became of them: applied, "
    "ignored, waiting, retrying, dead.",
    ("type", "result"),
)
event_age = Histogram(
    "inbox_event_age_seconds", "Time from the receipt of an event to the commit that applied it.", buckets=AGE_S
)
inbox_attempts = Histogram("inbox_attempts", "Tries that an event had had when it was settled.", buckets=ATTEMPTS)
reconciled_events = Counter(
    "reconciled_events_total",
    "Events that a platform lists, looked for in the inbox: received, or missing (and put through it). A rate of "
    "missing above zero means deliveries that never came.",
    ("result",),
)
for _result in ("received", "missing"):
    reconciled_events.labels(_result)  # there from the start, so that an alert finds its rate
reconciliations = Counter(
    "reconciliations_total",
    "Comparisons of a platform's list with the inbox by how they ended: done, failed.",
    ("result",),
)
audit_lost = Counter(
    "audit_lost_total", "Changes that were made and could not be kept in the audit: the log names them as audit_lost."
)
bodies_pruned = Counter(
    "inbox_bodies_pruned_total",
    "Events whose bodies were pruned, since they were settled and older than their account keeps them.",
)
feed_deliveries = Counter(
    "feed_deliveries_total",
    "Attempts to tell a subscriber of the feed, by the type of the event and what became of it: delivered, retrying, "
    "dead, lost (another worker sent it meanwhile), unknown (PostgreSQL could not be told: it is sent again).",
    ("type", "result"),
)
feed_duration = Histogram(
    "feed_delivery_duration_seconds", "Time from the start of an attempt to the subscriber's answer.", buckets=HTTP_S
)
feed_age = Histogram(
    "feed_event_age_seconds", "Time from the commit of an event of the feed to its delivery.", buckets=AGE_S
)
charges = Counter(
    "charge_attempts_settled_total",
    "Attempts to charge a recurring order by what came of them: succeeded, declined, abandoned (surely not charged).",
    ("state",),
)
db_operation_duration = Histogram(
    "db_client_operation_duration_seconds",
    "Time of one statement, by its name in worker/store; `other` is what begins and ends transactions.",
    ("db_operation_name",), buckets=HTTP_S,
)  # fmt: skip
event_loop_lag = Histogram(
    "event_loop_lag_seconds", "How much later than asked for the process's event loop woke a sleeper.", buckets=LAG_S
)


class Source:
    """The counters of one connection, bound once: the door keeps them by its name, which the directory bounds."""

    __slots__ = ("accepted", "bad_signature", "conflict", "duplicate", "shed", "timeout", "too_large")

    def __init__(self, name: str) -> None:
        for result in self.__slots__:
            setattr(self, result, events_received.labels(name, result))

    accepted: Counter
    duplicate: Counter
    conflict: Counter
    bad_signature: Counter
    too_large: Counter
    timeout: Counter
    shed: Counter


source = cache(Source)
"""Call it only with the name of a connection that the directory knows."""


class Lane:
    """What one lane's metrics are told."""

    def __init__(self, queue: str) -> None:
        self._queue = queue

    def sent(self, seconds: float, error: str = "") -> None:
        """One job was sent, or could not be."""
        _sent(self._queue, error).inc()
        _sending(self._queue, error).observe(seconds)

    def processed(self, seconds: float, error: str = "") -> None:
        """One job was worked off, or failed."""
        _consumed(self._queue, error).inc()
        _processing(self._queue, error).observe(seconds)


lane = cache(Lane)


@cache
def _sent(queue: str, error: str) -> Counter:
    return messages_sent.labels("arq", queue, "send", error)


@cache
def _sending(queue: str, error: str) -> Histogram:
    return messaging_duration.labels("arq", queue, "send", error)


@cache
def _consumed(queue: str, error: str) -> Counter:
    return messages_consumed.labels("arq", queue, "process", error)


@cache
def _processing(queue: str, error: str) -> Histogram:
    return process_duration.labels("arq", queue, "process", error)


def settled(provider: str, topic: str, result: str, age_s: float, attempts: int) -> None:
    """An event was settled, or is to be tried again, by a commit."""
    _applied(_type(provider, topic), result).inc()
    if result == "applied":
        event_age.observe(max(age_s, 0.0))
    if result != "retrying":
        inbox_attempts.observe(attempts)


@cache
def _applied(type_: str, result: str) -> Counter:
    return events_applied.labels(type_, result)


def _type(provider: str, topic: str) -> str:
    return topic if topic in _topics(provider) else "other"


@cache
def _topics(provider: str) -> frozenset[str]:
    adapter = adapters().get(provider)
    return frozenset(adapter.TOPICS) if adapter else frozenset()


def fed(type_: str, result: str, seconds: float) -> None:
    """An event was sent to a subscriber, or could not be."""
    _fed(type_, result).inc()
    feed_duration.observe(seconds)


@cache
def _fed(type_: str, result: str) -> Counter:
    return feed_deliveries.labels(type_, result)


def statement_done(query: LoggedQuery) -> None:
    """A statement ended; asyncpg calls this after it."""
    _statement(_names().get(query.query, "other")).observe(query.elapsed)


@cache
def _statement(name: str) -> Histogram:
    return db_operation_duration.labels(name)


@cache
def _names() -> dict[str, str]:
    from worker.store.statements import nouns, statements  # only here: the store's connections report to this module

    return {text: f"{noun}.{name}" for noun in nouns() for name, text in statements(noun).items()}
