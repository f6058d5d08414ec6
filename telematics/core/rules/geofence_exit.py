"""geofence_exit: the truck left a fence (salida)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from geofences.model import Detect
from geofences.transitions import ENDINGS
from telematics.core.rules.base import RuleParams, Subject, Trigger
from telematics.model import Severity

if TYPE_CHECKING:
    from geofences.model import Fence
    from telematics.core.facts import Facts


class GeofenceExitParams(RuleParams):
    """Nothing to set but `enabled`; each fence says how far (`exit_margin_m`) and how long (`min_outside_s`)."""


class GeofenceExit:
    """The truck left a fence that detects `exit`: two fixes, `min_outside_s` apart, are clearly outside.

    Clearly outside is a distance that exceeds the fix's accuracy by more than `exit_margin_m`. No fix, an uncertain
    fix and, with the ignition off, one within 300 m (parked trucks drift) prove no exit. It ends when the truck enters
    again. A visit that is over because the fence fell asleep, changed or went is no exit.
    """

    id: ClassVar[str] = "geofence_exit"
    remembers: ClassVar[Any] = None
    subject: ClassVar[Subject] = Subject.FENCE
    triggers: ClassVar[int] = Trigger.VISITS
    Params: ClassVar[type[RuleParams]] = GeofenceExitParams

    def __init__(self, params: GeofenceExitParams) -> None:
        self.params = params

    def is_wanted_by(self, fence: Fence) -> bool:
        return Detect.EXIT in fence.detect

    def on_facts(self, facts: Facts) -> None:
        for change in facts.visits:
            fence = facts.scope.fences.fences[change.fence]
            if not self.is_wanted_by(fence):
                continue
            if change.entered:
                facts.clear(self, fence.id, event_time=change.ts, reason="entered again", fence=change.fence)
            elif change.by not in ENDINGS:
                facts.raise_(
                    self,
                    fence.id,
                    severity=Severity(fence.severity),
                    start=change.left_since,
                    event_time=change.ts,
                    facts={
                        "inside_since": change.since,
                        "outside_since": change.left_since,
                        "accuracy_m": facts.accuracy_m,
                    },
                    thresholds={"exit_margin_m": fence.exit_margin_m, "min_outside_s": fence.min_outside_s},
                    fence=change.fence,
                )

    def on_timer(self, facts: Facts, subject: str) -> None:
        """Sets no deadline."""
