"""What `deploy/` asks Prometheus: every expression of the alerts and of the dashboard, parsed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import promql_parser
from ruamel.yaml import YAML

DEPLOY = Path(__file__).parents[1] / "deploy"


def alerts() -> list[dict[str, Any]]:
    [group] = YAML(typ="safe").load(DEPLOY / "prometheus" / "alerts.yml")["groups"]
    return list(group["rules"])


def panels() -> list[dict[str, Any]]:
    return list(json.loads((DEPLOY / "grafana" / "dashboards" / "daybook.json").read_text())["panels"])


def expressions() -> list[str]:
    asked = [rule["expr"] for rule in alerts()]
    asked += [target["expr"] for panel in panels() for target in panel["targets"]]
    return [expression.replace("$__rate_interval", "1m") for expression in asked]


def selectors() -> list[promql_parser.VectorSelector]:
    """Every choice of series in them."""
    found: list[promql_parser.VectorSelector] = []

    def note(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.MatrixSelector):
            node = node.vector_selector
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        return True

    for expression in expressions():
        promql_parser.walk(promql_parser.parse(expression), note)
    return found


def matches(selector: promql_parser.VectorSelector, name: str, labels: tuple[tuple[str, str], ...]) -> bool:
    """Whether the selector chooses this series."""
    given = dict(labels)
    tests: dict[str, Callable[[str, str], bool]] = {  # the operators themselves cannot be hashed
        "MatchOp.Equal": lambda value, wanted: value == wanted,
        "MatchOp.NotEqual": lambda value, wanted: value != wanted,
        "MatchOp.Re": lambda value, wanted: bool(re.fullmatch(wanted, value)),
        "MatchOp.NotRe": lambda value, wanted: not re.fullmatch(wanted, value),
    }
    return selector.name == name and all(
        tests[str(matcher.op)](given.get(matcher.name, ""), matcher.value) for matcher in selector.matchers.matchers
    )
