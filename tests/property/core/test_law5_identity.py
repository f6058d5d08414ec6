"""Laws 5 and 6: one id per episode, its steps in order, complete evidence on every one."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import pairwise
from typing import Any

from hypothesis import given, settings

from geofences.index import FenceIndex
from telematics.core.facts import alert_id
from telematics.core.rules import RULES
from telematics.core.rules.base import Subject
from telematics.model import Alert, AlertEvent, Device, Severity
from telematics.wire.alerts import decode_alert, encode_alert
from tests.support.generator import RULE_SET, Coverage, Stream, run, streams

SUBJECT_OF = {rule.id: rule.subject for rule in RULES}
SOURCES = {"position", "odometer"}


def _check_life(steps: list[Alert]) -> None:
    """Raised first, cleared last and at most once, numbered from 1, never lighter, one identity throughout."""
    assert [alert.seq for alert in steps] == list(range(1, len(steps) + 1))
    assert steps[0].event is AlertEvent.RAISED
    assert all(alert.event in {AlertEvent.ESCALATED, AlertEvent.AMENDED} for alert in steps[1:-1])
    assert all(alert.event is not AlertEvent.RAISED for alert in steps[1:])
    for before, after in pairwise(steps):
        assert (after.severity > before.severity) is (after.event is AlertEvent.ESCALATED)
        assert after.severity >= before.severity
        assert after.raised_at >= before.raised_at
    assert len({(alert.vehicle_id, alert.rule, alert.subject, alert.episode_start) for alert in steps}) == 1


def test_ids_are_unique_and_steps_come_in_order() -> None:
    """An id belongs to one episode; (id, seq) never comes twice; raised, then heavier or amended, then cleared."""
    coverage = Coverage()

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(stream=streams())
    def law(stream: Stream) -> None:
        came = run(stream.engine(), stream.inputs)
        coverage.add(came.alerts)
        episodes: dict[str, list[Alert]] = defaultdict(list)
        for alert in came.alerts:
            episodes[alert.alert_id].append(alert)
            assert alert.alert_id == alert_id(alert.vehicle_id, alert.rule, alert.subject or "", alert.episode_start)
        for steps in episodes.values():
            _check_life(steps)
        again = run(stream.engine(), stream.inputs)
        assert again.encoded() == came.encoded()

    law()
    coverage.require()


def test_open_alerts_of_a_rule_and_subject_never_overlap() -> None:
    """Between a raise and its clearing no second alert of the same vehicle, rule and subject is raised."""
    coverage = Coverage()

    @settings(max_examples=36, deadline=None, derandomize=True)
    @given(stream=streams())
    def law(stream: Stream) -> None:
        came = run(stream.engine(), stream.inputs)
        coverage.add(came.alerts)
        open_: dict[tuple[str, str, str | None], str] = {}
        for alert in came.alerts:
            key = (alert.vehicle_id, alert.rule, alert.subject)
            if alert.event is AlertEvent.RAISED:
                assert key not in open_
                open_[key] = alert.alert_id
            else:
                assert open_[key] == alert.alert_id
            if alert.event is AlertEvent.CLEARED:
                del open_[key]

    law()
    coverage.require()


def _numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [number for inner in value.values() for number in _numbers(inner)]
    if isinstance(value, list):
        return [number for inner in value for number in _numbers(inner)]
    return [value] if isinstance(value, float) else []


def _check_evidence(alert: Alert, index: FenceIndex) -> None:
    evidence = alert.evidence
    assert set(evidence) <= {"facts", "thresholds", "rules_version", "fences_version", "fence"}
    assert evidence["facts"]
    assert evidence["rules_version"] == RULE_SET.version
    assert evidence["fences_version"] == index.version
    if SUBJECT_OF[alert.rule] is Subject.FENCE:
        assert evidence["fence"] == {"id": alert.subject, "version": 1}
        assert alert.message_args["fence_name"] in {alert.subject, "Feria"}
    elif SUBJECT_OF[alert.rule] is Subject.DEVICE:
        assert alert.subject in set(Device)
    elif SUBJECT_OF[alert.rule] is Subject.SOURCE:
        assert alert.subject in SOURCES
    else:
        assert alert.subject is None
    if alert.event is AlertEvent.CLEARED:
        assert evidence["facts"]["reason"]
    elif alert.rule != "trailer_detached":
        assert evidence["thresholds"], alert.rule
    assert alert.message_key == f"{alert.rule}.{alert.event}"
    assert alert.severity in set(Severity)
    assert alert.raised_at >= alert.episode_start - 600_000 or alert.late
    assert all(round(number, 6) == number for number in _numbers([evidence, alert.message_args]))


def test_every_alert_carries_its_evidence() -> None:
    """Law 6: facts, thresholds, versions of rules and fences, the fence; rounded, and readable again from the wire."""
    coverage = Coverage()

    @settings(max_examples=36, deadline=None, derandomize=True)
    @given(stream=streams())
    def law(stream: Stream) -> None:
        came = run(stream.engine(), stream.inputs)
        coverage.add(came.alerts)
        for alert in came.alerts:
            encoded = encode_alert(alert)
            read = decode_alert(encoded)
            assert isinstance(read, Alert)
            last_of_former = read.evidence["facts"].get("reason") in {"fence changed", "fence removed"}
            _check_evidence(read, stream.fences_at(read.raised_at - last_of_former))
            assert encode_alert(read) == encoded
            assert json.loads(encoded)["evidence"]["facts"]

    law()
    coverage.require()
