"""What really happened, for those who judge alerts. It is written to a file of its own and never into a ping."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from telematics.instants import format_rfc3339

SLACK_MS = 15_000
"""Granted on top of one reporting interval before an alert counts as too late."""


@dataclass(frozen=True, slots=True)
class Due:
    """An alert that must be raised at `due_at` (arrival, milliseconds) at the latest, at least this severe."""

    rule: str
    severity: int
    due_at: int
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Truth:
    """One scenario on one vehicle. `t0` is when it began; `may_raise` the most severe alert that is not wrong.

    `must_not` names rules that would be wrong whatever their severity. `facts` are instants in milliseconds
    (names ending in `_at`) and plain values.
    """

    scenario: str
    vehicle_id: str
    t0: int
    due: tuple[Due, ...] = ()
    may_raise: int | None = None
    must_not: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)


def encode_truth(truth: Truth) -> bytes:
    """Return one JSON object: instants as RFC 3339, nothing else changed."""
    facts = {name: format_rfc3339(value) if name.endswith("_at") else value for name, value in truth.facts.items()}
    due = [
        {"rule": due.rule, "severity": due.severity, "due_at": format_rfc3339(due.due_at), "subject": due.subject}
        for due in truth.due
    ]
    return orjson.dumps(
        {
            "scenario": truth.scenario,
            "vehicle_id": truth.vehicle_id,
            "t0": format_rfc3339(truth.t0),
            "due": due,
            "may_raise": truth.may_raise,
            "must_not": truth.must_not,
            "facts": facts,
        }
    )
