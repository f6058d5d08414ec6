"""The judge itself is judged: what it must let pass, and what it must not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulators.scorecard import judge
from simulators.truth import Due, Truth, encode_truth
from telematics.model import Alert, AlertEvent, Severity

T0 = 1_769_601_600_000
DUE = T0 + 125_000
TRUTH = Truth(
    "H01",
    "MX-1",
    T0,
    due=(Due("no_stop_zone", Severity.HIGH, DUE, "here"),),
    may_raise=Severity.HIGH,
    must_not=("risk_stop",),
)
ALERT = Alert(
    alert_id="a-1",
    seq=1,
    event=AlertEvent.RAISED,
    vehicle_id="MX-1",
    rule="no_stop_zone",
    severity=Severity.HIGH,
    subject="here",
    episode_start=T0,
    event_time=DUE,
    raised_at=DUE,
    position=None,
    late=False,
    delayed=False,
    evidence={},
    message_key="no_stop_zone.raised",
    message_args={},
)


def verdicts(*alerts: Alert) -> list[bool]:
    """What the judge says of: the alert that was due, the severity that is allowed, the rule that would be wrong."""
    return [finding.ok for finding in judge([encode_truth(TRUTH)], alerts)]


def test_what_was_due_and_came_in_time_passes() -> None:
    """An alert of the rule, subject and severity, at the due time at the latest, is what was due."""
    assert verdicts(ALERT) == [True, True, True]


@pytest.mark.parametrize(
    "alert",
    [
        replace(ALERT, raised_at=DUE + 1),
        replace(ALERT, raised_at=T0 - 1),
        replace(ALERT, severity=Severity.WARNING),
        replace(ALERT, subject="elsewhere"),
        replace(ALERT, vehicle_id="MX-2"),
        replace(ALERT, rule="cab_door"),
        replace(ALERT, event=AlertEvent.CLEARED),
    ],
    ids=["too late", "before the act", "too light", "elsewhere", "another truck", "another rule", "its end"],
)
def test_what_is_not_quite_what_was_due_fails(alert: Alert) -> None:
    """Nothing but the alert that was due, in time, counts as it; and nothing at all does not either."""
    assert verdicts(alert)[0] is False
    assert verdicts()[0] is False


def test_more_than_is_allowed_fails() -> None:
    """An alert above what the scenario allows is wrong, whatever its rule."""
    assert verdicts(ALERT, replace(ALERT, rule="panic", severity=Severity.CRITICAL)) == [True, False, True]


def test_a_rule_that_would_be_wrong_fails() -> None:
    """A rule the scenario forbids is wrong from the first act on, not before."""
    stop = replace(ALERT, rule="risk_stop", severity=Severity.WARNING)
    assert verdicts(ALERT, stop) == [True, True, False]
    assert verdicts(ALERT, replace(stop, raised_at=T0 - 1)) == [True, True, True]


def test_what_is_not_due_yet_is_not_missed() -> None:
    """Who stops looking before the due time is told that nothing was due, not that it failed; later it is missed."""
    early, late = (judge([encode_truth(TRUTH)], [], until=DUE + past)[0] for past in (-1, 0))
    assert (early.ok, late.ok) == (True, False)
    assert "not due yet" in early.text
    assert "never raised" in late.text
