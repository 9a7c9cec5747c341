"""`daybook doctor`: looks at everything that has to be right, and says what to do about what is not."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from worker.cli.app import app
from worker.cli.instance import UrlOption
from worker.cli.run import DataOption

if TYPE_CHECKING:
    from worker.cli.finding import Finding

COLOURS = {"ok": typer.colors.GREEN, "warning": typer.colors.YELLOW, "failure": typer.colors.RED}


@app.command()
def doctor(url: UrlOption = None, data: DataOption = None) -> None:
    """Check the instance, PostgreSQL, Valkey, the workers and the inbox. Exits 1 if anything fails."""
    from worker.cli.checkup import checkup

    findings = asyncio.run(checkup(data, url))
    for finding in findings:
        _say(finding)
    typer.echo(verdict(findings))
    if any(finding.level == "failure" for finding in findings):
        sys.exit(1)


def verdict(findings: Sequence[Finding]) -> str:
    """The last line: what somebody reads who reads only one."""
    failures, warnings = (sum(one.level == level for one in findings) for level in ("failure", "warning"))
    told = f"{warnings} {'warning' if warnings == 1 else 'warnings'}"
    if failures:
        failed = f"{failures} of {len(findings)} checks failed" + (f", {told}" if warnings else "")
        first = " Mend disks, PostgreSQL, schema and Valkey first: the rest may follow." if failures > 1 else ""
        return f"Not healthy: {failed}.{first}"
    return f"Working, with {told}." if warnings else f"Healthy: all {len(findings)} checks passed."


def _say(finding: Finding) -> None:
    typer.echo(f"{typer.style(f'{finding.level:<8}', fg=COLOURS[finding.level])} {finding.what}")
    if finding.remedy:
        typer.echo(f"{'':<8} {finding.remedy}")
