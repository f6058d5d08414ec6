"""Used wrongly, a command ends with exit code 2 and says what would be right, without a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense", "No such command 'nonsense'"),
        ("monitor --fences /nowhere.geojson", "/nowhere.geojson"),
        ("bridge traccar", "--from"),
        ("bridge traccar --from telematics.pings", "telematics.pings is a topic of ours"),
        ("replay", "FILE"),
        ("watch --since yesterday", "--since: 'yesterday' is not RFC 3339"),
        ("watch --from-offset -1", "--from-offset"),
        ("watch --since 2026-01-28T12:00:00Z --from-offset 0", "give one of them"),
        ("watch --lang de", "'de' is not one of 'es', 'en'"),
        ("explain", "--vehicle ID with --at TIME"),
        ("explain x --vehicle T-1", "--vehicle ID with --at TIME"),
        ("explain --vehicle T-1", "needs --at TIME"),
        ("explain x --alerts /nowhere.ndjson", "/nowhere.ndjson: cannot be read: No such file"),
        ("deadletter list --reason bad", "'bad' is no reason; there are too_large"),
        ("deadletter list --since now", "--since"),
        ("deadletter show 3-120", "expected PARTITION:OFFSET, as 3:120"),
        ("deadletter retry", "PARTITION:OFFSET…, or --all"),
        ("deadletter retry 1:2 --all", "PARTITION:OFFSET…, or --all"),
        ("trips lint /nowhere.ndjson", "/nowhere.ndjson"),
        ("trips publish", "FILE"),
        ("fences match --points p.csv", "--fences"),
        ("fences match --fences /nowhere.geojson --points p.csv", "/nowhere.geojson"),
        ("rules check", "FILE"),
        ("rules check /nowhere.yaml", "/nowhere.yaml"),
        ("topics create --profile fast", "'fast' is not one of 'live', 'sim'"),
        ("topics create --partitions 0", "--partitions"),
        ("topics dump", "--out"),
        ("topics dump --out x --until soon", "--until"),
        ("topics dump --out /nowhere/x", "/nowhere/x: cannot be written"),
        ("broker run --port 0", "--port"),
        ("broker run --nodes 2", "--nodes"),
        ("doctor nonsense", "nonsense"),
    ],
)
def test_a_wrong_use_is_explained(run: Run, line: str, said: str) -> None:
    """The message names the option or file and what would be right; the exit code is 2."""
    ran = run(*line.split())
    assert ran.code == 2
    assert said in " ".join(ran.err.split())
    assert ran.out == ""
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("noun", ["", "bridge", "deadletter", "trips", "fences", "rules", "topics", "broker"])
def test_a_noun_alone_lists_its_verbs(run: Run, noun: str) -> None:
    """Without a verb a person is shown what there is."""
    ran = run(*noun.split())
    assert ran.code == 2
    assert "Commands:" in ran.out + ran.err


@pytest.mark.parametrize(
    "line",
    [
        "watch --no-follow",
        "explain 000000000000-0",
        "deadletter list",
        "deadletter show 0:0",
        "trips show",
        "topics check",
        "topics create",
    ],
)
def test_without_a_broker_the_exit_code_is_1_and_the_address_is_named(run: Run, line: str) -> None:
    """A Kafka that does not answer is a problem found, not a wrong use; the setting to look at is named, once."""
    ran = run(*line.split())
    assert ran.code == 1
    assert ran.err == (
        "error: no answer from 127.0.0.1:1; is Kafka running there, and is TELEMATICS_KAFKA__BOOTSTRAP right?\n"
    )
    assert ran.out == ""


def test_a_wrong_setting_ends_a_command_before_it_begins(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt variable is refused with a suggestion and exit code 2."""
    monkeypatch.setenv("TELEMATICS_KAFKA__GRUOP", "x")
    ran = run("topics", "check")
    assert ran.code == 2
    assert ran.err == "error: TELEMATICS_KAFKA__GRUOP: no such setting; did you mean TELEMATICS_KAFKA__GROUP?\n"


def test_help_loads_nothing_heavy() -> None:
    """`--help` imports no Kafka client, no geometry and no pydantic, so that it is quick."""
    code = (
        "import sys\n"
        "from telematics.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'aiokafka', 'shapely', 'numpy', 'pydantic', 'rich'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "watch" in ran.stdout


def test_a_pipe_that_closes_early_is_no_error(fence_file: Path, tmp_path: Path) -> None:
    """`telematics … | head` ends quietly."""
    points = tmp_path / "points.csv"
    points.write_text("lon,lat\n" + "-99,19\n" * 20_000, encoding="utf-8")
    command = [sys.executable, "-m", "telematics", "fences", "match", f"--fences={fence_file}", f"--points={points}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
