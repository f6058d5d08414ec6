"""What is shipped to run the product starts what exists, safely."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from prometheus_client import generate_latest

import simulators.cli
import telematics.cli
from telematics.metrics import Metrics
from telematics.settings import load_settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "docker-compose.yml"
UNIT = DEPLOY / "systemd" / "telematics-monitor@.service"
ENVIRONMENT = DEPLOY / "systemd" / "monitor.env"
PROMETHEUS = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
COMMANDS = {"telematics": telematics.cli.app, "telematics-simulate": simulators.cli.app}

_file = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = _file["services"]
OURS = [name for name, service in SERVICES.items() if service["image"] == "telematics:local"]


def with_defaults(text: str) -> str:
    """A value as compose fills it in when no variable is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def test_the_whole_product_is_there() -> None:
    """Kafka, its topics, the fences, the monitor, a fleet and Prometheus are services."""
    assert set(SERVICES) == {"kafka", "topics-init", "fences-init", "monitor", "simulator", "prometheus"}


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


def test_prometheus_asks_every_monitor_where_it_listens() -> None:
    """What is looked up is the monitor's service, all replicas of it, at its port."""
    (job,) = PROMETHEUS["scrape_configs"]
    (lookup,) = job["dns_sd_configs"]
    assert lookup["names"] == ["monitor"]
    assert str(lookup["port"]) == SERVICES["monitor"]["environment"]["TELEMATICS_HTTP__PORT"]


def test_there_are_ports_and_partitions_for_as_many_monitors_as_there_may_be() -> None:
    """A port for each partition is published, and each replica has one: a monitor more would have nothing to do."""
    create = SERVICES["topics-init"]["command"]
    partitions = int(create[create.index("--partitions") + 1])
    (published,) = SERVICES["monitor"]["ports"]
    _, ports, port = published.split(":")
    first, last = map(int, ports.split("-"))
    assert last - first + 1 == partitions
    assert port == SERVICES["monitor"]["environment"]["TELEMATICS_HTTP__PORT"]
    assert 2 <= SERVICES["monitor"]["deploy"]["replicas"] <= partitions


def test_rules_of_prometheus_sum_what_exists() -> None:
    """Each recorded rule is a sum over processes, and of metrics that the monitor has."""
    assert PROMETHEUS["rule_files"] == ["rules.yml"]
    rules = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text(encoding="utf-8"))
    served = generate_latest(Metrics().registry).decode()
    known = set(re.findall(r"^# TYPE (\w+)", served, re.MULTILINE)) | {"up"}
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        assert re.search(r"\bsum by \(job\b", rule["expr"])
        for name in re.findall(r"\btelematics_\w+|\bup\b", rule["expr"]):
            assert name in known or re.sub(r"_(bucket|sum|count)$", "", name) in known


def _unit() -> dict[str, dict[str, str]]:
    parsed = configparser.RawConfigParser(strict=True, delimiters=["="], interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    parsed.read_string(UNIT.read_text(encoding="utf-8"))
    return {section: dict(parsed[section]) for section in parsed.sections()}


def _variables(text: str) -> dict[str, str]:
    """What an environment file sets, and what it shows as a comment."""
    return dict(re.findall(r"^#?(TELEMATICS_\w+)=(.*)$", text, re.MULTILINE))


def test_the_unit_starts_the_monitor_that_exists_on_a_port_of_its_own() -> None:
    """Its command line is understood; the instance is the port, and all else is the same for all."""
    program, *arguments = _unit()["Service"]["ExecStart"].replace("%i", "9109").split()
    assert program.endswith("/bin/telematics")
    command: Any = typer.main.get_command(COMMANDS["telematics"])
    monitor = command.commands[arguments.pop(0)]
    assert monitor.make_context("monitor", arguments).params["port"] == 9109


def test_the_unit_waits_for_longer_than_the_monitor_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM, and more time than the deadline before anything worse; what failed is started again, a mistake is not."""
    service = _unit()["Service"]
    assert set(_unit()) == {"Unit", "Service", "Install"}
    assert service["EnvironmentFile"] == f"/etc/telematics/{ENVIRONMENT.name}"
    given = _variables(ENVIRONMENT.read_text(encoding="utf-8"))
    monkeypatch.setenv("TELEMATICS_SHUTDOWN_DEADLINE_S", given["TELEMATICS_SHUTDOWN_DEADLINE_S"])
    assert service["KillSignal"] == "SIGTERM"
    assert float(service["TimeoutStopSec"]) > load_settings().shutdown_deadline_s
    assert (service["Restart"], service["RestartPreventExitStatus"]) == ("on-failure", "2")


def test_the_settings_of_the_unit_are_ones_that_exist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every TELEMATICS_* of the environment file, also those shown as comments, is a setting with a value it may have."""
    password = tmp_path / "password"
    password.write_text("not-a-password\n", encoding="utf-8")
    for variable, value in _variables(ENVIRONMENT.read_text(encoding="utf-8")).items():
        monkeypatch.setenv(variable, str(password) if variable.endswith("_FILE") else value)
    settings = load_settings()
    assert settings.kafka.sasl_username == "telematics"
    assert settings.topics.prefix == "telematics."


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
def test_systemd_itself_accepts_the_unit(tmp_path: Path) -> None:
    """`systemd-analyze verify` finds nothing wrong, but that the program is not installed here."""
    instance = tmp_path / UNIT.name.replace("@", "@9109")
    instance.write_text(UNIT.read_text(encoding="utf-8").replace("/opt/telematics/bin/telematics", sys.executable))
    checked = subprocess.run(
        ["systemd-analyze", "verify", instance],  # noqa: S607 - found on PATH above
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


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
