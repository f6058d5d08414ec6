"""The rules file: what it sets, and how its mistakes are named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from telematics.core.params import RuleSet, load_rules, parse_rules
from telematics.core.rules import RULES
from telematics.errors import UserError

MISTAKES = [
    ("unknown section", "risk_stpo:\n  stopped_s: 10\n", ["rules.yaml:1", "risk_stpo", "did you mean risk_stop?"]),
    (
        "unknown name",
        "\nrisk_stop:\n  stoped_s: 10\n",
        ["rules.yaml:3", "risk_stop.stoped_s", "did you mean stopped_s?"],
    ),
    ("unknown, nothing near", "risk_stop:\n  zzz: 1\n", ["rules.yaml:2", "risk_stop.zzz", "known are", "high_s"]),
    ("section twice", "panic: {}\nrisk_stop: {}\npanic: {}\n", ["rules.yaml:3", "panic", "twice", "line 1"]),
    ("name twice", "panic:\n  joins_s: 1\n  joins_s: 2\n", ["rules.yaml:3", "panic.joins_s", "twice", "line 2"]),
    ("wrong type", "risk_stop:\n  stopped_s: soon\n", ["rules.yaml:2", "risk_stop.stopped_s", "number", "'soon'"]),
    ("out of range", "risk_stop:\n  risk: 7\n", ["rules.yaml:2", "risk_stop.risk", "less than or equal to 5", "7"]),
    ("negative", "motion:\n  stop_radius_m: -1\n", ["rules.yaml:2", "motion.stop_radius_m", "greater than 0", "-1"]),
    ("infinite", "quality:\n  jump_kmh: .inf\n", ["rules.yaml:2", "quality.jump_kmh", "finite"]),
    ("not a number", "quality:\n  jump_kmh: .nan\n", ["rules.yaml:2", "quality.jump_kmh", "finite"]),
    ("section is no mapping", "risk_stop: 5\n", ["rules.yaml:1", "risk_stop: expected parameters below it", "5"]),
    ("section is empty", "risk_stop:\n", ["rules.yaml:1", "risk_stop: expected parameters below it"]),
    ("a list", "- risk_stop\n", ["rules.yaml", "expected a section per rule"]),
    ("a text", "risk_stop\n", ["rules.yaml", "expected a section per rule"]),
    ("not YAML", "risk_stop:\n  stopped_s: [1,\n", ["rules.yaml:3", "not YAML"]),
    ("tabs", "risk_stop:\n\tstopped_s: 1\n", ["rules.yaml:2", "not YAML"]),
    ("python object", "risk_stop: !!python/object:os.system {}\n", ["rules.yaml:1", "not YAML"]),
    ("key is no text", "risk_stop:\n  1: 2\n", ["rules.yaml:2", "risk_stop.1"]),
    ("section name is no text", "5: {}\n", ["rules.yaml:1", "5"]),
    ("unknown alias", "risk_stop: *other\n", ["rules.yaml:1", "not YAML"]),
    ("very deep", "[" * 600, ["rules.yaml", "not YAML"]),
    ("an alias of itself", "risk_stop: &a\n  enabled: *a\n", ["rules.yaml", "nested too deeply"]),
    ("no date", "risk_stop:\n  stopped_s: 2026-13-45\n", ["rules.yaml", "month must be in 1..12"]),
    ("control characters", "risk_stop: \x00\n", ["rules.yaml", "not YAML"]),
    ("merge key", "risk_stop:\n  <<: 5\n", ["rules.yaml:2", "not YAML"]),
    ("date as number", "risk_stop:\n  stopped_s: 2026-01-01\n", ["rules.yaml:2", "risk_stop.stopped_s"]),
]


@pytest.mark.parametrize(("text", "words"), [case[1:] for case in MISTAKES], ids=[case[0] for case in MISTAKES])
def test_a_mistake_names_file_line_field_and_what_would_be_right(text: str, words: list[str]) -> None:
    """Every way to get the file wrong ends in a UserError that says where and what."""
    with pytest.raises(UserError) as raised:
        parse_rules(text, "rules.yaml")
    message = str(raised.value)
    assert all(word in message for word in words), message


def test_all_mistakes_are_named_at_once() -> None:
    """A file with three mistakes is mended in one go."""
    with pytest.raises(UserError) as raised:
        parse_rules("panc: {}\nrisk_stop:\n  risk: 9\n  high_s: x\n", "r.yaml")
    assert {line.split(": ")[0] for line in str(raised.value).splitlines()} == {"r.yaml:1", "r.yaml:3", "r.yaml:4"}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "{}\n", "risk_stop: {}\n"])
def test_left_out_the_defaults_hold(text: str) -> None:
    """An empty file, and an empty section, set nothing."""
    assert parse_rules(text, "r.yaml") == RuleSet()


def test_a_file_sets_what_it_names(tmp_path: Path) -> None:
    """One value changes, the others stay, and so does the file's version only with them."""
    path = tmp_path / "rules.yaml"
    path.write_text("risk_stop:\n  stopped_s: 120  # two minutes\npanic:\n  enabled: false\n", encoding="utf-8")
    rules = load_rules(path)
    defaults = RuleSet().model_dump()
    changed = rules.model_dump()
    assert changed["risk_stop"] == {**defaults["risk_stop"], "stopped_s": 120}
    assert changed["panic"] == {**defaults["panic"], "enabled": False}
    assert {name for name in defaults if changed[name] != defaults[name]} == {"risk_stop", "panic"}
    assert rules.version != RuleSet().version
    assert load_rules(None) == RuleSet()


def test_the_version_follows_the_values_and_not_the_writing() -> None:
    """Order, comments and defaults written out do not change the version; any value does."""
    first = parse_rules("panic:\n  joins_s: 300\nrisk_stop:\n  risk: 5\n", "a.yaml")
    second = parse_rules("# other\nrisk_stop: {risk: 5, stopped_s: 180}\npanic: {joins_s: 300.0}\n", "b.yaml")
    assert first.version == second.version
    versions = {RuleSet().version}
    versions |= {RuleSet(**{rule.id: {"enabled": False}}).version for rule in RULES}
    assert len(versions) == len(RULES) + 1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (Path.exists, ["rules.yaml", "cannot read"]),
        (lambda path: path.write_bytes(b"risk_stop: \xff\n"), ["rules.yaml", "UTF-8"]),
        (Path.mkdir, ["rules.yaml", "cannot read"]),
    ],
    ids=["missing", "not UTF-8", "a folder"],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, make: Callable[[Path], object], words: list[str]) -> None:
    """Missing, unreadable and wrongly encoded files are the user's mistake, not a crash."""
    path = tmp_path / "rules.yaml"
    make(path)
    with pytest.raises(UserError) as raised:
        load_rules(path)
    assert all(word in str(raised.value) for word in words)
