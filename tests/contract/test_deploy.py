"""What is shipped to run the product starts what exists, safely."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

import simulators.cli
import telematics.cli
from telematics.settings import load_settings

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy" / "docker-compose.yml"
COMMANDS = {"telematics": telematics.cli.app, "telematics-simulate": simulators.cli.app}

_file = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = _file["services"]
OURS = [name for name, service in SERVICES.items() if service["image"] == "telematics:local"]


def with_defaults(text: str) -> str:
    """A value as compose fills it in when no variable is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def test_the_whole_product_is_there() -> None:
    """Kafka, its topics, the monitor, a fleet and Prometheus are services."""
    assert set(SERVICES) == {"kafka", "topics-init", "monitor", "simulator", "prometheus"}


@pytest.mark.parametrize("name", ["kafka", "monitor", "prometheus"])
def test_what_stays_up_is_checked(name: str) -> None:
    """A service that answers has a health check."""
    assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", OURS)
def test_our_commands_are_ones_that_exist(name: str) -> None:
    """Every command line of ours is understood by the command it is for."""
    service = SERVICES[name]
    command: Any = typer.main.get_command(COMMANDS[service.get("entrypoint", ["telematics"])[0]])
    arguments = [with_defaults(argument) for argument in service["command"]]
    while hasattr(command, "commands"):
        command = command.commands[arguments.pop(0)]
    assert command.make_context(name, arguments).command is command


@pytest.mark.parametrize("name", OURS)
def test_our_settings_are_ones_that_exist(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every TELEMATICS_* variable that a service gets is a setting with a value it may have."""
    for variable, value in SERVICES[name]["environment"].items():
        monkeypatch.setenv(variable, with_defaults(value))
    settings = load_settings()
    assert settings.kafka.bootstrap == "kafka:19092"


@pytest.mark.parametrize("name", OURS)
def test_nothing_starts_before_its_topics(name: str) -> None:
    """What reads or writes topics waits until they are made, and making them waits for a healthy Kafka."""
    needed = SERVICES[name]["depends_on"]
    if name == "topics-init":
        assert needed["kafka"]["condition"] == "service_healthy"
    else:
        assert needed["topics-init"]["condition"] == "service_completed_successfully"


@pytest.mark.parametrize("name", SERVICES)
def test_images_have_exact_versions(name: str) -> None:
    """An image is named with its version, so that tomorrow's start is today's."""
    assert re.fullmatch(r"[\w./-]+:(v?\d+\.\d+\.\d+|local)", SERVICES[name]["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_only_loopback_is_published(name: str) -> None:
    """No port is opened to the network: nothing here asks who is there."""
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_is_inside(name: str) -> None:
    """No variable of a service is a credential."""
    secret = re.compile(r"password|secret|token|credential|jaas|api_?key", re.IGNORECASE)
    environment = SERVICES[name].get("environment", {})
    assert not [variable for variable, value in environment.items() if secret.search(f"{variable} {value}")]


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_exists(name: str) -> None:
    """Every file mounted from the project is in the project, and read-only."""
    for mount in SERVICES[name].get("volumes", []):
        source, _, rest = mount.partition(":")
        if source in _file["volumes"]:
            continue
        assert (COMPOSE.parent / source).resolve().is_file()
        assert rest.endswith(":ro")


def test_prometheus_asks_the_monitor_where_it_listens() -> None:
    """The scraped address is the monitor's service and port."""
    scraped = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    targets = [
        target for job in scraped["scrape_configs"] for entry in job["static_configs"] for target in entry["targets"]
    ]
    assert targets == [f"monitor:{SERVICES['monitor']['environment']['TELEMATICS_HTTP__PORT']}"]


@pytest.mark.parametrize(
    "source", re.findall(r"^COPY (?!--)(.+) \S+$", (ROOT / "deploy" / "Dockerfile").read_text(), re.MULTILINE)
)
def test_the_image_is_built_from_what_exists(source: str) -> None:
    """What the Dockerfile copies is in the project."""
    assert all((ROOT / path).exists() for path in source.split())


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not on this machine")
def test_compose_itself_accepts_the_file() -> None:
    """`docker-compose config` finds nothing wrong."""
    checked = subprocess.run(
        ["docker-compose", "-f", COMPOSE, "config", "--quiet"],  # noqa: S607 - found on PATH above
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
