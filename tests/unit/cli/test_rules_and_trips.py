"""`telematics rules` and `telematics trips lint`: files are tried before a monitor reads them."""

from __future__ import annotations

import json
from pathlib import Path

from telematics.core.rules import RULES
from tests.unit.cli.conftest import Run


def test_every_rule_is_shown_with_its_parameters(run: Run) -> None:
    """`rules show` prints each rule of the registry and the version that alerts carry."""
    shown = run("rules", "show", "--json").json
    assert {rule.id for rule in RULES} <= set(shown["rules"])
    assert len(shown["version"]) == 12
    assert "risk_stop\tstopped_s\t180.0\t\n" in run("rules", "show").out


def test_what_a_file_changes_is_marked(run: Run, tmp_path: Path) -> None:
    """Beside a value that is not the default stands the default."""
    file = tmp_path / "rules.yaml"
    file.write_text("risk_stop:\n  stopped_s: 120\n", encoding="utf-8")
    assert "risk_stop\tstopped_s\t120.0\tinstead of 180.0\n" in run("rules", "show", "--rules", file).out


def test_a_file_that_can_be_used_is_said_to(run: Run, tmp_path: Path) -> None:
    """`rules check` tells the version that the file's alerts would carry."""
    file = tmp_path / "rules.yaml"
    file.write_text("risk_stop:\n  stopped_s: 120\n", encoding="utf-8")
    checked = run("rules", "check", file, "--json")
    assert checked.code == 0
    assert checked.json == {"ok": True, "version": run("rules", "show", "--rules", file, "--json").json["version"]}


def test_an_unknown_parameter_is_refused_with_its_line(run: Run, tmp_path: Path) -> None:
    """A misspelt name is told with file, line and suggestion, exit code 2."""
    file = tmp_path / "rules.yaml"
    file.write_text("risk_stop:\n  stoped_s: 120\n", encoding="utf-8")
    ran = run("rules", "check", file)
    assert ran.code == 2
    assert ran.err == f"error: {file}:2: risk_stop.stoped_s: unknown; did you mean stopped_s?\n"


def test_trips_that_can_be_published_are_counted(run: Run, tmp_path: Path) -> None:
    """`trips lint` reads a file as `publish` would, without a broker."""
    file = tmp_path / "trips.ndjson"
    file.write_text('{"vehicle_id":"T-1","trip":{"id":"V-9"}}\n{"vehicle_id":"T-2"}\n', encoding="utf-8")
    assert run("trips", "lint", file, "--json").json == {"ok": True, "trips": 2}


def test_a_wrong_trip_is_refused_with_its_line(run: Run, tmp_path: Path) -> None:
    """A trip that cannot be read is told with file, line and field, exit code 2."""
    file = tmp_path / "trips.ndjson"
    trip = {"vehicle_id": "T-2", "trip": {"id": "V-9", "value": "much"}}
    file.write_text('{"vehicle_id":"T-1"}\n' + json.dumps(trip) + "\n", encoding="utf-8")
    ran = run("trips", "lint", file)
    assert ran.code == 2
    assert str(file) in ran.err
    assert "2" in ran.err
    assert "value" in ran.err
