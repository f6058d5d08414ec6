"""Texts: every event of every rule in both languages, and rendering that cannot fail."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geofences.transitions import ENDINGS
from telematics.model import Alert, AlertEvent, Position, Severity
from telematics.texts import REASONS, RULES, SEVERITIES, Language, _filled, lasting, render, render_message, rule_label

_RULES = sorted(RULES[Language.ES])
_ALERT = Alert(
    alert_id="0",
    seq=1,
    event=AlertEvent.RAISED,
    vehicle_id="T-017",
    rule="no_stop_zone",
    severity=Severity.HIGH,
    subject="f-1",
    episode_start=0,
    event_time=0,
    raised_at=0,
    position=Position(19.04321, -98.19811, 0, 10.0),
    late=False,
    delayed=False,
    evidence={},
    message_key="no_stop_zone.raised",
    message_args={"fence_name": "Caseta Palmillas", "duration_s": 100.0},
)


def test_both_languages_know_the_same_rules_and_severities() -> None:
    """Nothing is said in one language only."""
    assert set(RULES[Language.ES]) == set(RULES[Language.EN])
    assert set(SEVERITIES[Language.ES]) == set(SEVERITIES[Language.EN]) == set(Severity)


def test_every_reason_a_rule_gives_has_its_spanish() -> None:
    """Why an episode ended is said in the reader's language: each reason in the rules' code has a translation."""
    core = Path(__file__).parents[2] / "telematics" / "core"
    said = {word for path in core.rglob("*.py") for word in re.findall(r'reason="([^"]+)"', path.read_text("utf-8"))}
    said |= set(ENDINGS.values())
    assert said
    assert said <= set(REASONS[Language.ES])


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("event", list(AlertEvent))
@pytest.mark.parametrize("rule", _RULES)
def test_every_rule_and_event_has_a_sentence(rule: str, event: AlertEvent, language: Language) -> None:
    """Each event of each rule names the truck and what happened, with nothing left unfilled."""
    key = f"{rule}.{event}"
    text = render(replace(_ALERT, rule=rule, event=event, message_key=key), language)
    assert text.startswith("T-017")
    assert len(text) > len("T-017: ")
    assert not re.search(r"[{}\[\]?]", text)
    bare = render(replace(_ALERT, event=event, message_key=key, position=None, subject="f", message_args={}), language)
    assert bare.startswith("T-017")
    assert not re.search(r"[{}\[\]?]", bare)


def test_the_line_says_which_truck_what_where_and_for_how_long() -> None:
    """An operator reads truck, event, place and duration in one line of their language."""
    assert render(_ALERT, Language.ES) == (
        "T-017: parada prohibida, Caseta Palmillas (19.04321, -98.19811), 1 min 40 s detenido desde las 00:00:00 UTC"
    )
    assert render(_ALERT, Language.EN, ZoneInfo("America/Mexico_City")) == (
        "T-017: forbidden stop, Caseta Palmillas (19.04321, -98.19811), standing for 1 min 40 s since 18:00:00 CST"
    )


def test_without_a_place_the_position_is_given() -> None:
    """Where no fence or place is named, the last good fix says where."""
    alert = replace(_ALERT, message_key="signal_lost.raised", subject=None, message_args={"duration_s": 180})
    assert "19.04321, -98.19811" in render(alert, Language.ES)


_VALUES = st.none() | st.floats() | st.integers() | st.text() | st.booleans() | st.lists(st.text(), max_size=2)


@given(
    key=st.text() | st.sampled_from([f"{rule}.{event}" for rule in _RULES for event in AlertEvent]),
    arguments=st.dictionaries(
        st.text() | st.sampled_from(["duration_s", "fence_name", "place", "reason", "label", "vehicle"]), _VALUES
    ),
    subject=st.none() | st.text(),
    language=st.sampled_from(Language),
)
def test_rendering_never_fails(key: str, arguments: dict[str, object], subject: str | None, language: Language) -> None:
    """Whatever key and arguments an alert carries, there is a line of text that names the truck."""
    alert = replace(_ALERT, message_key=key, message_args=arguments, subject=subject)
    assert "T-017" in render(alert, language)


def test_a_template_is_not_applied_twice() -> None:
    """A fence called `{vehicle}` or `[x]` is shown as it is called."""
    alert = replace(_ALERT, message_args={"fence_name": "{vehicle} [x]"})
    assert "{vehicle} [x]" in render(alert, Language.EN)


def test_a_part_needs_all_its_arguments() -> None:
    """A part in brackets is shown only when nothing in it is missing."""
    assert _filled("{a}[ {b}][ {b} {c}][ end]", {"a": 1, "b": 2}) == "1 2 end"


def test_an_unknown_rule_still_gives_a_sentence() -> None:
    """A reader older than the monitor shows the rule's id."""
    assert render_message("fuel_drop.raised", {"vehicle": "T-1"}, Language.ES) == "T-1: fuel_drop"
    assert rule_label("fuel_drop", Language.ES) == "fuel_drop"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (100, "1 min 40 s"), (3600, "1 h 00 min"), (7530, "2 h 05 min")],
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    """Seconds under a minute, minutes and seconds under an hour, hours and minutes above."""
    assert lasting(seconds) == text
