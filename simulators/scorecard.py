"""What was due against what was raised. Pure: truths and alerts in, findings out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from telematics.instants import format_rfc3339, parse_rfc3339
from telematics.model import AlertEvent, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from telematics.model import Alert

SAYS_MORE = (AlertEvent.RAISED, AlertEvent.ESCALATED)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was due, or forbidden, and whether it went as it must. `text` says it in a line."""

    ok: bool
    text: str


def judge(truths: Iterable[bytes], alerts: Sequence[Alert], until: int | None = None) -> list[Finding]:
    """Hold alerts against what really happened (`simulators.truth.encode_truth`).

    `until`: the instant (ms) at which somebody stopped looking; what is due only after it is not missed.
    """
    findings: list[Finding] = []
    for line in truths:
        truth = orjson.loads(line)
        of_vehicle = [alert for alert in alerts if alert.vehicle_id == truth["vehicle_id"] and alert.event in SAYS_MORE]
        findings += [_due(truth, due, of_vehicle, until) for due in truth["due"]]
        if truth["may_raise"] is not None:
            findings.append(_limit(truth, of_vehicle))
        findings += [_forbidden(truth, rule, of_vehicle) for rule in truth["must_not"]]
    return findings


def _due(truth: dict[str, Any], due: dict[str, Any], alerts: Sequence[Alert], until: int | None) -> Finding:
    t0, due_at = parse_rfc3339(truth["t0"]), parse_rfc3339(due["due_at"])
    what = f"{truth['scenario']} {truth['vehicle_id']} {due['rule']} ({due['severity']})"
    raised_at = min(
        (
            alert.raised_at
            for alert in alerts
            if alert.rule == due["rule"]
            and alert.severity >= due["severity"]
            and alert.raised_at >= t0
            and due["subject"] in (None, alert.subject)
        ),
        default=None,
    )
    if raised_at is None and until is not None and until < due_at:
        return Finding(ok=True, text=f"{what}: not due yet, only by {_clock(t0, due_at)} after the first act")
    if raised_at is None:
        return Finding(ok=False, text=f"{what}: never raised, due by {_clock(t0, due_at)} after the first act")
    when = f"raised {_clock(t0, raised_at)}, due by {_clock(t0, due_at)} after the first act"
    return Finding(ok=raised_at <= due_at, text=f"{what}: {when}")


def _limit(truth: dict[str, Any], alerts: Sequence[Alert]) -> Finding:
    worst = max(alerts, key=lambda alert: alert.severity, default=None)
    what = f"{truth['scenario']} {truth['vehicle_id']}"
    allowed = Severity(truth["may_raise"])
    if worst is None:
        return Finding(ok=True, text=f"{what}: nothing raised, up to {int(allowed)} allowed")
    said = f"{what}: {worst.rule} ({int(worst.severity)}) at {format_rfc3339(worst.raised_at)}"
    return Finding(ok=worst.severity <= allowed, text=f"{said}, up to {int(allowed)} allowed")


def _forbidden(truth: dict[str, Any], rule: str, alerts: Sequence[Alert]) -> Finding:
    t0 = parse_rfc3339(truth["t0"])
    wrong = [alert for alert in alerts if alert.rule == rule and alert.raised_at >= t0]
    what = f"{truth['scenario']} {truth['vehicle_id']}"
    if wrong:
        return Finding(ok=False, text=f"{what}: {rule} at {_clock(t0, wrong[0].raised_at)}, which never happened")
    return Finding(ok=True, text=f"{what}: no {rule}, rightly")


def _clock(t0: int, at: int) -> str:
    seconds = round((at - t0) / 1000)
    return f"{'-' if seconds < 0 else ''}{abs(seconds) // 60}:{abs(seconds) % 60:02d}"
