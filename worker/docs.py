"""`docs/settings.md` and `docs/metrics.md`, written from the code that they describe: `make docs`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from prometheus_client.core import Metric
from prometheus_client.metrics import MetricWrapperBase

from worker import metrics
from worker.config import Settings, variable
from worker.gauges import Reading

FOLDER = Path(__file__).parents[1] / "docs"
_WRITTEN = "<!-- Written by `make docs` from {}; change it there. -->"


def pages() -> dict[str, str]:
    """The generated pages by file name."""
    return {"settings.md": settings_page(), "metrics.md": metrics_page()}


def settings_page() -> str:
    rows = [
        (f"`{variable(name, field)}`", _default(field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    return _page(
        "Settings",
        "worker/config.py",
        "Every setting is an environment variable, read once when a process starts. A bad value is refused in a "
        "sentence. Options of the command line (`--port`, `--data`, `--metrics-port`) win over them. What belongs to "
        "one connection is a setting of that connection.",
        ("variable", "default", "meaning"),
        rows,
    )


def metrics_page() -> str:
    return _page(
        "Metrics",
        "worker/metrics.py and worker/gauges.py",
        "Every receiver and every worker serves these at `/metrics` of its metrics port, beside the `process_` and "
        "`python_` metrics of its interpreter. What a process does not do stays at zero in it. Names and labels do not "
        "change without a word in the changelog. No label holds an id or a word that a sender chose.",
        ("metric", "kind", "labels", "meaning"),
        list(_metric_rows()),
    )


def _metric_rows() -> Iterator[tuple[str, ...]]:
    found: list[Any] = [one for one in vars(metrics).values() if isinstance(one, MetricWrapperBase)]
    for one in (*found, *Reading().collect()):
        [family] = [one] if isinstance(one, Metric) else one.describe()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = ", ".join(f"`{label}`" for label in one._labelnames)
        yield f"`{name}`", family.type, labels, family.documentation


def _default(value: Any) -> str:
    if value is None:
        return ""
    return f"`{value}`"


def _page(title: str, origin: str, text: str, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"# {title}", "", _WRITTEN.format(origin), "", text, "", _row(head), _row("---" for _ in head)]
    return "\n".join([*lines, *map(_row, rows), ""])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def main() -> None:
    """Write both pages."""
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
