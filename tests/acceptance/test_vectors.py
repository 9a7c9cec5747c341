"""Every signature vector gives its verdict through the real HTTP endpoint, at the vector's own time (R3, R4)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.server import served
from tests.world import World
from worker.ids import new_id

FOLDER = Path(__file__).parents[1] / "payloads" / "vectors"
PROVIDERS = {"stripe": "stripe", "shopify": "shopify", "woocommerce": "woocommerce", "standardwebhooks": "standard"}
VECTORS = [
    pytest.param(provider, vector, id=f"{provider}-{vector['name']}")
    for name, provider in PROVIDERS.items()
    for vector in json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["vectors"]
]


@pytest.mark.parametrize(("provider", "vector"), VECTORS)
async def test_R4_a_signature_vector_gives_its_verdict(shop: World, provider: str, vector: dict[str, Any]) -> None:
    name, connection = "vector", new_id()
    settings = {"secret_format": vector["secret_format"]} if "secret_format" in vector else {}
    await shop.ctx.pool.execute(
        "INSERT INTO connections (account_id, id, name, provider, secrets, settings) VALUES ($1, $2, $3, $4, $5, $6)",
        shop.account_id, connection, name, provider, shop.ctx.vault.seal(vector["secrets"]), settings,
    )  # fmt: skip
    await shop.ctx.pool.execute(
        "INSERT INTO connection_directory VALUES ($1, $2, $3)", name, shop.account_id, connection
    )
    shop.ctx = replace(shop.ctx, clock=lambda: float(vector["now"]))
    async with served(shop) as server:
        status, answer, _ = await server.post(name, vector["body"].encode(), vector["headers"])
    stored = await shop.rows("SELECT id FROM events")
    if vector["expect"] == "ping":
        assert (status, answer, stored) == (200, {"status": "pong"}, [])
    elif vector["expect"] == "invalid":
        assert (status, stored) == (401, [])
    else:
        assert vector["expect"] == "valid"
        assert (status, answer["status"], len(stored)) == (200, "accepted", 1)
