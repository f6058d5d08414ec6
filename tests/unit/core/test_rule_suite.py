"""What every rule of the registry must pass, whatever it is about."""

from __future__ import annotations

import ast
import inspect
from collections import Counter
from functools import cache
from pathlib import Path
from random import Random

import pytest

import telematics.core.rules as registry
from telematics.core.engine import MonitorEngine
from telematics.core.params import RuleSet
from telematics.core.rules import RULES
from telematics.core.rules.base import Rule, RuleParams, Subject, Verdict
from telematics.model import Alert, AlertEvent, Batch
from tests.support.generator import ACTS, RULE_SET, Stream, run
from tests.support.places import INDEX
from tests.support.story import in_order
from tests.support.truck import Truck

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)


@cache
def _day() -> Stream:
    """One clean day in which every rule raises and clears, on two cadences."""
    sent = []
    for number, every_s in enumerate((10, 30)):
        truck = Truck(f"V{number}", every_s=every_s, km=17).drive(18)
        for act in ACTS:
            act(truck)
        sent += truck.sent
    return Stream(in_order(sent))


@cache
def _told() -> tuple[Alert, ...]:
    return tuple(run(_day().engine(), _day().inputs).alerts)


def _of(rule: type[Rule], alerts: list[Alert] | tuple[Alert, ...]) -> list[Alert]:
    return [alert for alert in alerts if alert.rule == rule.id]


@each_rule
def test_it_is_documented(rule: type[Rule]) -> None:
    """An operator can read what it is, and every parameter says what it does; the file carries the rule's id."""
    assert len(inspect.getdoc(rule) or "") > 60
    module = inspect.getmodule(rule)
    assert module is not None
    assert Path(inspect.getfile(rule)).stem == rule.id
    assert (module.__doc__ or "").startswith(f"{rule.id}: ")
    assert "(" in (module.__doc__ or ""), "the Spanish label"
    for name, field in rule.Params.model_fields.items():
        assert field.description or name in RuleParams.model_fields, name


@each_rule
def test_its_parameters_have_defaults_and_refuse_nonsense(rule: type[Rule]) -> None:
    """Defaults hold without a file; unknown names and numbers that are not finite are refused; they cannot change."""
    params = rule.Params()
    assert params.enabled
    with pytest.raises(ValueError, match="extra"):
        rule.Params.model_validate({"no_such_name": 1})
    for name, field in rule.Params.model_fields.items():
        if field.annotation is float:
            with pytest.raises(ValueError, match="finite"):
                rule.Params.model_validate({name: float("inf")})
    with pytest.raises(ValueError, match="frozen"):
        params.enabled = False  # type: ignore[misc]


@each_rule
def test_it_declares_what_it_listens_to(rule: type[Rule]) -> None:
    """A rule names its triggers and its subject."""
    assert rule.triggers > 0
    assert rule.subject in set(Subject)


@each_rule
def test_it_raises_and_clears(rule: type[Rule]) -> None:
    """The day of this suite shows the rule at work: else the checks below prove nothing of it."""
    events = Counter(alert.event for alert in _of(rule, _told()))
    assert events[AlertEvent.RAISED] > 0
    assert events[AlertEvent.CLEARED] > 0


@each_rule
def test_it_is_silent_on_an_empty_history(rule: type[Rule]) -> None:
    """Ticks without pings, and the first ping of a vehicle on the open road, tell nothing of it."""
    engine = MonitorEngine(INDEX, RULE_SET)
    assert not engine.step(Batch([], [], [])).alerts
    first = Truck("new", km=18).send(speed_kmh=60)
    told = run(engine, [(0, None), (5000, None), *first.sent])
    assert not _of(rule, told.alerts)


@each_rule
def test_a_disabled_rule_says_nothing_and_changes_no_other(rule: type[Rule]) -> None:
    """`enabled: false` takes away exactly this rule's alerts."""
    rules = RuleSet(**{rule.id: {"enabled": False}})
    told = run(_day().engine(rules), _day().inputs).alerts
    assert not _of(rule, told)
    others = [(alert.alert_id, alert.seq, alert.raised_at) for alert in _told() if alert.rule != rule.id]
    assert [(alert.alert_id, alert.seq, alert.raised_at) for alert in told] == others


@cache
def _doubled() -> list[Alert]:
    random = Random(7)
    inputs = [input_ for input_ in _day().inputs for _ in range(random.choice([1, 2, 3]))]
    return run(_day().engine(), inputs).alerts


@each_rule
def test_it_is_safe_from_duplicates(rule: type[Rule]) -> None:
    """Every ping up to three times: the same alerts of this rule."""
    assert _of(rule, _doubled()) == _of(rule, _told())


@cache
def _restored() -> list[Alert]:
    """The day with a new engine from a snapshot every 300 inputs."""
    inputs = _day().inputs
    engine = _day().engine()
    alerts: list[Alert] = []
    for first in range(0, len(inputs), 300):
        alerts += run(engine, inputs[first : first + 300]).alerts
        engine = _day().restored(engine.snapshot())
    return alerts


@each_rule
def test_it_survives_being_written_down_and_restored(rule: type[Rule]) -> None:
    """State through JSON into new engines all day long: the same alerts of this rule."""
    assert _of(rule, _restored()) == _of(rule, _told())


@cache
def _live() -> list[Alert]:
    """The day in the small batches of a live consumer."""
    return run(_day().engine(), _day().inputs, range(0, len(_day().inputs), 7)).alerts


@each_rule
def test_replay_equals_live(rule: type[Rule]) -> None:
    """The whole log at once tells of this rule what small batches told."""
    assert _of(rule, _live()) == _of(rule, _told())


@each_rule
def test_it_tells_explain_what_it_concluded(rule: type[Rule]) -> None:
    """With a tracer set each raise and clearing is noted; without one nothing differs."""
    noted: Counter[tuple[str, Verdict]] = Counter()
    engine = _day().engine()

    def note(_vehicle: str, _at: int, rule_id: str, _subject: str, verdict: Verdict, _details: object) -> None:
        noted[rule_id, verdict] += 1

    engine.trace(note)
    told = _of(rule, run(engine, _day().inputs).alerts)
    assert told == _of(rule, _told())
    raised = [alert for alert in told if alert.event in {AlertEvent.RAISED, AlertEvent.ESCALATED}]
    assert noted[rule.id, Verdict.RAISED] == len(raised)
    assert noted[rule.id, Verdict.CLEARED] == sum(alert.event is AlertEvent.CLEARED for alert in told)


def test_every_file_of_rules_is_in_the_registry() -> None:
    """A file that defines a class with an id is a rule, and is asked."""
    folder = Path(inspect.getfile(registry)).parent
    with_id = set()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and any(
                isinstance(part, ast.AnnAssign) and ast.unparse(part.target) == "id" and part.value
                for part in node.body
            ):
                with_id.add(path.stem)
    assert with_id == {rule.id for rule in RULES}
    assert len({rule.id for rule in RULES}) == len(RULES)
