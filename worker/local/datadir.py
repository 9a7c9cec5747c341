"""The data directory of one instance: who may use it, and the small files in it.

**A directory of another user is never used and never changed**, not even by root: a server started there would leave
files that its owner can no longer read. Every file written here is readable by its owner alone, and appears whole or
not at all.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worker.config import Settings
from worker.errors import UserError


@dataclass(frozen=True)
class DataDir:
    """A data directory that is ours. `DataDir.make` creates one, `DataDir.find` takes one that may not be there."""

    path: Path

    @classmethod
    def make(cls, path: Path) -> DataDir:
        """The directory, created (0700) if need be, its parents with it. Refuses what is not ours or not usable."""
        path = path.expanduser().absolute()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                path.mkdir(mode=0o700)
        except OSError as error:
            raise UserError(
                f"The data directory {path} cannot be created: {_reason(error)}.",
                remedy="Name another with --data or DAYBOOK_DATA.",
            ) from None
        _check_owner(path)
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            raise UserError(
                f"The data directory {path} cannot be written to.", remedy="Name another with --data or DAYBOOK_DATA."
            )
        return cls(path)

    @classmethod
    def find(cls, path: Path) -> DataDir:
        """The directory as it is, for commands that only read it; it may be missing."""
        path = path.expanduser().absolute()
        if path.exists():
            _check_owner(path)
        return cls(path)

    @property
    def secret_key(self) -> Path:
        """The key that encrypts secrets at rest, where DAYBOOK_SECRET_KEY does not give one."""
        return self.path / "secret-key"

    @property
    def secrets(self) -> Path:
        """Webhook secrets that were made up for connections: JSON, connection to secret."""
        return self.path / "secrets.json"

    @property
    def admin_token(self) -> Path:
        """The token of the first administrator."""
        return self.path / "admin-token"

    @property
    def url(self) -> Path:
        """Where the running instance answers."""
        return self.path / "url"

    @property
    def servers(self) -> Path:
        """Of the running instance, as JSON: DATABASE_URL and REDIS_URL, for commands that go to the database, and where
        the stand-in Stripe answers, if there is one."""
        return self.path / "servers.json"

    @property
    def stand_in_port(self) -> Path:
        """The port of the stand-in Stripe, so that it has the same after a restart."""
        return self.path / "stripe-stand-in-port"

    @property
    def logs(self) -> Path:
        """The folder of the children's logs."""
        return self.path / "logs"

    def read(self, file: Path) -> str | None:
        """The text of one of the small files, without blanks around it; None where there is none."""
        try:
            return file.read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UserError(
                f"{file} cannot be read: {_reason(error)}.",
                remedy="Run as the user that made it, or mend its permissions.",
            ) from None

    def write(self, file: Path, text: str) -> None:
        """Write one of the small files: mode 0600, whole or not at all, also across a crash."""
        handle, name = tempfile.mkstemp(dir=self.path, prefix=f".{file.name}-")  # mkstemp makes it 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text.rstrip("\n") + "\n")
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).replace(file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        sync_folder(self.path)

    def read_json(self, file: Path) -> dict[str, Any]:
        """The object in one of the JSON files; empty where there is none."""
        text = self.read(file)
        if text is None:
            return {}
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise UserError(f"{file} is not a JSON object.", remedy="Restore it from a backup, or move it away.")
        return value

    def write_json(self, file: Path, value: Mapping[str, Any]) -> None:
        """Write one of the JSON files, like `write`."""
        self.write(file, json.dumps(dict(value), indent=2, sort_keys=True))

    def kept(self, file: Path) -> str:
        """A random secret that is made the first time it is asked for, and stays."""
        text = self.read(file)
        if text is None:
            text = secrets.token_urlsafe(32)
            self.write(file, text)
        return text

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory for one supervisor. The lock ends with the process, however that ends."""
        handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UserError(
                    f"Another `daybook up` is running on {self.path}.", remedy="Stop it, or name another --data."
                ) from None
            yield
        finally:
            os.close(handle)


def secret_keys(settings: Settings, data: DataDir) -> tuple[str, ...]:
    """The keys that encrypt secrets at rest: of DAYBOOK_SECRET_KEY, else of the file; none where neither is."""
    if settings.secret_keys:
        return settings.secret_keys
    return tuple(key.strip() for key in (data.read(data.secret_key) or "").split(",") if key.strip())


def sync_folder(path: Path) -> None:
    """Make what was renamed in this folder survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _check_owner(path: Path) -> None:
    try:
        status = path.stat()
    except OSError as error:
        raise UserError(
            f"The data directory {path} cannot be looked at: {_reason(error)}.",
            remedy="Name another with --data or DAYBOOK_DATA.",
        ) from None
    if not stat.S_ISDIR(status.st_mode):
        raise UserError(f"{path} is not a directory.", remedy="Name another with --data or DAYBOOK_DATA.")
    if status.st_uid != os.geteuid():
        raise UserError(
            f"The data directory {path} belongs to another user ({_user(status.st_uid)}) and is left as it is.",
            remedy="Run as that user, or name another directory with --data or DAYBOOK_DATA.",
        )


def _user(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
