"""Prometheus, its alerts and Grafana's dashboard (X3) are what those programs read. That the names in them exist is held
against running processes in tests/integration/test_ops.py."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
from ruamel.yaml import YAML

from tests import watch

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(YAML(typ="safe").load(ROOT / "docker-compose.yml")["services"])


def loaded(path: str) -> dict[str, Any]:
    return dict(YAML(typ="safe").load(ROOT / "deploy" / path))


@pytest.mark.parametrize("expression", watch.expressions())
def test_X3_every_expression_is_promql(expression: str) -> None:
    assert promql_parser.parse(expression)


def test_X3_every_alert_says_what_is_so_and_what_to_do() -> None:
    for rule in watch.alerts():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert set(rule["annotations"]) == {"summary", "remedy"}, rule["alert"]
        assert all(len(text) > 20 for text in rule["annotations"].values()), rule["alert"]
        assert rule["labels"]["severity"] in ("page", "warning")
    names = [rule["alert"] for rule in watch.alerts()]
    assert len(names) == len(set(names))


def test_X3_prometheus_finds_every_container_of_a_scaled_service(services: dict[str, Any]) -> None:
    config = loaded("prometheus/prometheus.yml")
    port = int(services["work"]["environment"]["DAYBOOK_METRICS_PORT"])
    found = {}
    for job in config["scrape_configs"]:
        [discovery] = job["dns_sd_configs"]
        assert (discovery["type"], discovery["port"]) == ("A", port)
        found[job["job_name"]] = discovery["names"]
    assert found == {"daybook-receive": ["receive"], "daybook-work": ["work"]}
    assert config["rule_files"] == ["alerts.yml"]
    for name in ("receive", "work"):
        assert services[name]["environment"]["DAYBOOK_METRICS_HOST"] == "0.0.0.0"
        assert not [port for port in services[name].get("ports", []) if "9100" in port]


def test_X3_the_dashboard_is_provisioned_with_the_source_that_it_asks(services: dict[str, Any]) -> None:
    [source] = loaded("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    asked = {target["datasource"]["uid"] for panel in watch.panels() for target in panel["targets"]}
    assert asked == {source["uid"]}
    assert source["url"] == "http://prometheus:9090"
    [provider] = loaded("grafana/provisioning/dashboards/daybook.yml")["providers"]
    mounted = {volume.split(":")[1]: volume.split(":")[0] for volume in services["grafana"]["volumes"]}
    assert (ROOT / mounted[provider["options"]["path"]] / "daybook.json").exists()
    assert (ROOT / mounted["/etc/grafana/provisioning"]).is_dir()


def test_X3_prometheus_and_grafana_are_on_the_loopback_and_grafana_wants_a_password(services: dict[str, Any]) -> None:
    for name in ("prometheus", "grafana"):
        assert all(port.startswith("127.0.0.1:") for port in services[name]["ports"])
    password = services["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD"]
    assert password == "${GRAFANA_PASSWORD:?set GRAFANA_PASSWORD}"


def test_X3_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    panels = watch.panels()
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_X4_the_names_that_others_rely_on_are_there() -> None:
    """A public contract: what is missing here breaks somebody's dashboard."""
    listed = set(re.findall(r"^\| `(\w+)`", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE))
    assert listed >= {
        "http_server_request_duration_seconds", "http_server_active_requests", "http_server_request_body_size_bytes",
        "webhook_events_received_total", "inbox_commit_duration_seconds", "inbox_batch_size", "inbox_batch_queue_depth",
        "messaging_client_sent_messages_total", "messaging_client_operation_duration_seconds", "signal_errors_total",
        "sweep_rescued_total", "messaging_client_consumed_messages_total", "messaging_process_duration_seconds",
        "inbox_events_applied_total", "inbox_event_age_seconds", "inbox_pending", "inbox_oldest_pending_age_seconds",
        "inbox_dead", "inbox_attempts", "db_client_connection_count", "db_client_operation_duration_seconds",
        "event_loop_lag_seconds", "workers_alive",
    }  # fmt: skip
