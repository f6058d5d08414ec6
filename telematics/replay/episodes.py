"""Alerts as episodes: what became of each from its first record to its last."""

from __future__ import annotations

from dataclasses import dataclass, replace

from telematics.model import ANNOUNCED_FROM, Alert, AlertEvent, Position, Severity

_FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True)
class Episode:
    """One alert. `severity` is the highest it had, `ended_at` (event time) is None while it is open.

    `is_lost`: it ended because nothing was heard of the vehicle any more; then `ended_at` is when it last was.

    `fence` is the id of the fence that its evidence names when it is raised, be it the subject or not: a stop in a
    corridor names the corridor. `start` is event time, `raised_at` the arrival clock.
    """

    alert_id: str
    vehicle_id: str
    rule: str
    subject: str | None
    fence: str | None
    severity: Severity
    start: int
    raised_at: int
    ended_at: int | None = None
    position: Position | None = None
    is_lost: bool = False

    @property
    def is_announced(self) -> bool:
        """Whether an operator was told."""
        return self.severity >= ANNOUNCED_FROM


class Episodes:
    """Listens to alerts; `by_id` has their episodes, by alert id."""

    def __init__(self) -> None:
        self.by_id: dict[str, Episode] = {}

    def hear(self, alert: Alert) -> None:
        """Take the next record."""
        known = self.by_id.get(alert.alert_id)
        if known is None:
            self.by_id[alert.alert_id] = Episode(
                alert.alert_id,
                alert.vehicle_id,
                alert.rule,
                alert.subject,
                alert.evidence.get("fence", {}).get("id"),
                alert.severity,
                alert.episode_start,
                alert.raised_at,
                position=alert.position,
            )
        elif alert.event is AlertEvent.CLEARED:
            is_lost = alert.evidence.get("facts", {}).get("reason") == _FORGOTTEN
            self.by_id[alert.alert_id] = replace(known, ended_at=alert.event_time, is_lost=is_lost)
        elif alert.severity > known.severity:
            self.by_id[alert.alert_id] = replace(known, severity=alert.severity)
