"""The published description of the wire is current and describes what the program reads and writes."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from telematics.model import Alert, Ping, Trip
from telematics.wire.alerts import encode_alert
from telematics.wire.meanings import MEANINGS, REASONS
from telematics.wire.pings import encode_ping
from telematics.wire.reasons import RejectReason
from telematics.wire.schema import main, schemas, stale
from telematics.wire.ticks import TICK_VALUE
from telematics.wire.trips import encode_trip
from tests.support.strategies import LAW, alerts, pings, trips

ROOT = Path(__file__).parents[2]
VALIDATORS = {name: Draft202012Validator(schema) for name, schema in schemas().items()}


def test_files_are_current() -> None:
    """`docs/schema` and the tables of `docs/wire.md` are what the classes say; `make docs` renews them."""
    assert list(stale(ROOT)) == []


def test_check_notices_what_is_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--check` fails until `--write` has been run, and not after."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/wire.md").write_text("<!-- generated: ping -->\nold\n<!-- end -->\n")
    monkeypatch.chdir(tmp_path)
    assert main(["--check"]) == 1
    assert main(["--write"]) == 0
    assert main(["--check"]) == 0
    assert "| `vehicle_id` |" in (tmp_path / "docs/wire.md").read_text()


@pytest.mark.parametrize("kind", MEANINGS, ids=lambda kind: kind.__name__)
def test_every_field_has_words_and_a_line(kind: Any) -> None:
    """Each field of each message is explained, and has its row in the documentation."""
    page = (ROOT / "docs/wire.md").read_text(encoding="utf-8")
    names = {field.name for field in fields(kind)}
    assert set(MEANINGS[kind]) == names
    for name, words in MEANINGS[kind].items():
        assert re.search(rf"^\| `{name}` \| .+ \| {re.escape(words)} \|$", page, re.MULTILINE), name


def test_every_reason_has_words() -> None:
    """Each reason that a dead letter or a reject can have is explained."""
    assert set(REASONS) == set(RejectReason)


@pytest.mark.parametrize("name", VALIDATORS)
def test_schemas_are_schemas(name: str) -> None:
    """What is published is valid JSON Schema."""
    Draft202012Validator.check_schema(VALIDATORS[name].schema)


@LAW
@given(ping=pings)
def test_pings_fit(ping: Ping) -> None:
    """Every ping that is written fits the schema."""
    VALIDATORS["ping"].validate(orjson.loads(encode_ping(ping)))


@LAW
@given(alert=alerts)
def test_alerts_fit(alert: Alert) -> None:
    """Every alert that is written fits the schema."""
    VALIDATORS["alert"].validate(orjson.loads(encode_alert(alert)))


@LAW
@given(trip=trips)
def test_trips_fit(trip: Trip) -> None:
    """Every trip that is written fits the schema."""
    VALIDATORS["trip"].validate(orjson.loads(encode_trip(trip)))


def test_ticks_fit() -> None:
    """The tick that is written fits the schema."""
    VALIDATORS["tick"].validate(orjson.loads(TICK_VALUE))


@pytest.mark.parametrize("field", ["lat", "lon", "ts", "vehicle_id"])
def test_the_schema_refuses_what_the_program_refuses(field: str) -> None:
    """The schema is no looser than it looks: required fields and their types are in it."""
    good = {"vehicle_id": "a", "ts": "2026-01-28T15:22:00Z", "lat": 1, "lon": 2}
    validator = VALIDATORS["ping"]
    assert validator.is_valid(good)
    assert not validator.is_valid({name: value for name, value in good.items() if name != field})
    assert not validator.is_valid(good | {field: None})
