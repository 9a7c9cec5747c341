"""The frame of the command line: the application that commands register with, and how errors end.

A command lives in a module of this folder and is registered by `@app.command()`; the module is named in `COMMANDS`. It
imports what it needs inside its function, so that `daybook --help` stays quick.

Exit codes: 0 done, 1 it did not work and a sentence says why, 2 the command was called wrongly.
"""

from __future__ import annotations

import importlib
import os
import sys

import typer

from worker.errors import UserError

COMMANDS = (
    "worker.cli.run",
    "worker.cli.send",
    "worker.cli.demo",
    "worker.cli.replay",
    "worker.cli.reconcile",
    "worker.cli.connection",
    "worker.cli.token",
    "worker.cli.account",
    "worker.cli.charging",
    "worker.cli.sign_in_link",
    "worker.cli.seeds",
    "worker.cli.doctor",
    "worker.cli.stripe_stand_in",
)

app = typer.Typer(
    name="daybook",
    help="Takes webhooks in, keeps every one of them, and keeps the orders they speak of true.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command that the arguments name, and end the process."""
    for module in COMMANDS:
        importlib.import_module(module)
    try:
        app()
    except UserError as error:
        fail(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # the reader has gone; say nothing at exit either
        sys.exit(1)


def fail(sentence: str, code: int = 1) -> None:
    """Say what went wrong, in red where there are colours, and end the process."""
    typer.secho(sentence, fg=typer.colors.RED, err=True)
    sys.exit(code)
