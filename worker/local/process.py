"""One child process: started in a session of its own, logged to a file, waited for, stopped.

Its own session, so that Ctrl-C at the terminal reaches the supervisor alone, which then stops the children in order.
If the supervisor is killed, the kernel sends each child its `death_signal` (Linux), so nothing lingers.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

_PR_SET_PDEATHSIG = 1
_LIBC: Any = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_POLL_S = 0.02
LOG_LIMIT_BYTES = 64 * 1024**2
"""A log beyond this is set aside at the next start, and the one set aside before it is dropped."""


class Child:
    """A child process that can be started again after its end. Not tied to an event loop."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        inherit: Sequence[int] = (),
        given: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        """`inherit`: descriptors it keeps; `given`: text for its input; `stop_signal`: asks it to end in order."""
        self.name = name
        self.command = list(command)
        self.log = log
        self.stop_signal = stop_signal
        self._environment = dict(environment) if environment is not None else None
        self._folder = folder
        self._inherit = tuple(inherit)
        self._given = given
        self._process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0

    @property
    def pid(self) -> int | None:
        """The process id of the last start."""
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        """Whether it runs now. Reaps it where it has ended: a zombie would still hold its lock files."""
        return self._process is not None and self._process.poll() is None

    @property
    def ending(self) -> str:
        """How it ended, for people."""
        code = self._process.returncode if self._process else None
        if code is None:
            return "running"
        if code >= 0:
            return f"exit code {code}"
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
        return f"signal {-code}"

    def start(self) -> None:
        """Start it. Call this from the main thread: the kernel ties the death signal to the thread that forked."""
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(OSError):
            if self.log.stat().st_size > LOG_LIMIT_BYTES:
                self.log.replace(self.log.with_suffix(".log.1"))
        with _appending(self.log) as log:
            self._process = subprocess.Popen(  # noqa: S603  (our own commands)
                self.command,
                stdin=subprocess.PIPE if self._given is not None else subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                cwd=self._folder,
                pass_fds=self._inherit,
                start_new_session=True,
                preexec_fn=_dies_with(os.getpid(), self.stop_signal),  # noqa: PLW1509  (one system call, no lock)
            )
        self.started_at = time.monotonic()
        if self._process.stdin and self._given is not None:
            with contextlib.suppress(BrokenPipeError), self._process.stdin as stream:
                stream.write(self._given.encode())

    async def wait(self) -> None:
        """Return when it has ended."""
        while self.alive:
            await _ended_or(self.pid, 1.0)

    async def stop(self, patience_s: float, *, with_signal: signal.Signals | None = None) -> None:
        """Ask it to end, and kill it when it has not done so in time."""
        self.send(with_signal or self.stop_signal)
        try:
            async with asyncio.timeout(patience_s):
                await self.wait()
        except TimeoutError:
            self.send(signal.SIGKILL)
            await self.wait()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        if self._process is not None and self.alive:
            self._process.send_signal(number)

    def last_lines(self, count: int = 15) -> list[str]:
        """The end of its log."""
        try:
            with self.log.open("rb") as stream:
                stream.seek(max(0, self.log.stat().st_size - 16_384))
                return stream.read().decode(errors="replace").splitlines()[-count:]
        except OSError:
            return []


def still_running(pid_file: Path, folder: Path) -> int | None:
    """The process that a pid file names, if it is a server of ours: alive, and working in this very folder.

    A number alone proves nothing: after a restart of the machine or of a container it may be anybody's.
    """
    try:
        pid = int(pid_file.read_text().split()[0])
        return pid if pid > 1 and Path(f"/proc/{pid}/cwd").samefile(folder) else None
    except (OSError, ValueError, IndexError):
        return None


async def end_leftover(pid_file: Path, folder: Path, *signals: signal.Signals, patience_s: float = 10) -> None:
    """End a server that an earlier supervisor has left behind, with the first signal that does it.

    Only to be called by the holder of the data directory's lock, so that what runs there can only be a leftover. A pid
    file that names somebody else's process is removed: the server would take it for a living owner of the folder. One
    that names a dead process stays: the server reads from it which of its children may still be ending.
    """
    for number in (*signals, signal.SIGKILL):
        pid = still_running(pid_file, folder)
        if pid is None:
            break
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        until = time.monotonic() + patience_s
        while still_running(pid_file, folder) == pid and time.monotonic() < until:  # noqa: ASYNC110  (not our child)
            await asyncio.sleep(_POLL_S)
    _remove_if_a_strangers(pid_file, folder)


def _remove_if_a_strangers(pid_file: Path, folder: Path) -> None:
    """Remove the file where it names a process that exists and is not the server of this folder."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        pid = int(pid_file.read_text().split()[0])
        if Path(f"/proc/{pid}").exists() and still_running(pid_file, folder) is None:
            pid_file.unlink(missing_ok=True)


def _appending(log: Path) -> IO[bytes]:
    return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def _dies_with(parent: int, number: signal.Signals) -> Callable[[], None] | None:
    if _LIBC is None:
        return None

    def tie() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it died between the fork and the line above
            os.kill(os.getpid(), signal.SIGKILL)

    return tie


async def _ended_or(pid: int | None, timeout_s: float) -> None:
    """Return when the process has ended or the time is over: by a descriptor where there are such, else by looking."""
    try:
        handle = os.pidfd_open(pid or 0)
    except (AttributeError, OSError):
        await asyncio.sleep(_POLL_S)
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        async with asyncio.timeout(timeout_s):
            await ended.wait()
    except TimeoutError:
        pass
    finally:
        loop.remove_reader(handle)
        os.close(handle)
