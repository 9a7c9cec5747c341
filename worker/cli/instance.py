"""The running instance that a command speaks to: found by the files in the data directory, or named by options."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from worker.errors import UserError

UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="Address of the instance. [dim]else the one that runs on the data directory[/]",
        show_default=False,
    ),
]
TokenOption = Annotated[
    str | None,
    typer.Option("--token", help="API token. [dim]else the admin token in the data directory[/]", show_default=False),
]
TIMEOUT_S = 30


@dataclass(frozen=True)
class Instance:
    """Where it answers and who asks; `token` is None where none is known."""

    url: str
    token: str | None


def find(data: Path | None, url: str | None, token: str | None) -> Instance:
    """The instance that the options name, else the one that runs on the data directory. The token of a data directory
    is never sent to an address that somebody typed."""
    from worker.config import load
    from worker.local.datadir import DataDir

    if url:
        if not url.startswith(("http://", "https://")):
            raise UserError(f"{url} is not an address.", remedy="Give it as http://host:port or https://host.")
        return Instance(url.rstrip("/"), token)
    directory = DataDir.find(load(**({"data": data} if data else {})).data)
    found = directory.read(directory.url)
    if found is None:
        raise UserError(
            f"No Daybook is running on {directory.path}.", remedy="Start one with `daybook up`, or name one with --url."
        )
    return Instance(found.rstrip("/"), token or directory.read(directory.admin_token))


class Api:
    """JSON calls to an instance's API. Whatever it refuses becomes a `UserError` with the problem's own words."""

    def __init__(self, instance: Instance, session: Any) -> None:
        self._instance, self._session = instance, session

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        import aiohttp

        if self._instance.token is None:
            raise UserError("There is no token to ask with.", remedy="Give one with --token.")
        try:
            async with self._session.request(
                method,
                f"{self._instance.url}/api/v1{path}",
                json=body,
                headers={"Authorization": f"Bearer {self._instance.token}"},
            ) as answer:
                if answer.status == 204:
                    return None
                content = await answer.json(content_type=None)
                if answer.status < 400:
                    return content
        except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
            raise unreachable(self._instance, error) from None
        raise UserError(explain(answer.status, content))

    async def items(self, path: str) -> list[dict[str, Any]]:
        """Every item of a list, page after page."""
        found: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = await self.call("GET", f"{path}?limit=100{f'&cursor={cursor}' if cursor else ''}")
            found += page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return found


@asynccontextmanager
async def api(instance: Instance) -> AsyncIterator[Api]:
    import aiohttp

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session:
        yield Api(instance, session)


def unreachable(instance: Instance, error: Exception) -> UserError:
    return UserError(
        f"{instance.url} does not answer ({type(error).__name__}).",
        remedy="See that `daybook up` is running there, or name another address with --url.",
    )


def explain(status: int, content: Any) -> str:
    """What a problem says, with its fields."""
    if not isinstance(content, dict):
        return f"The answer was {status}."
    said = str(content.get("detail") or content.get("title") or f"The answer was {status}.")
    fields = []
    for error in content.get("errors", ()):
        field, message = (str(error.get(name) or "") for name in ("field", "message"))
        if field and message and message not in said:
            fields.append(f"{field}: {message}")
    return f"{said} ({'; '.join(fields)})" if fields else said
