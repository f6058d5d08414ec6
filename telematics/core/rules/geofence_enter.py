"""geofence_enter: the truck entered a fence (entrada, llegada)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from geofences.model import Detect
from geofences.transitions import Event
from telematics.core.rules.base import RuleParams, Subject, Trigger
from telematics.model import Severity

if TYPE_CHECKING:
    from geofences.model import Fence
    from telematics.core.facts import Facts

_WANTED = frozenset({Detect.ENTER, Detect.CROSS})


class GeofenceEnterParams(RuleParams):
    """Nothing to set but `enabled`; each fence says how long inside counts (`min_inside_s`) and how much it weighs."""


class GeofenceEnter:
    """The truck is inside a fence that detects `enter` or `cross`: at its first fix inside, or after `min_inside_s`.

    A fix less accurate than the fence is wide proves nothing. A truck that falls silent while the time runs still
    counts as inside, and one whose last fix is inside when the fence wakes up has entered (`opened`). Of a fence that
    detects `cross` a passage between two fixes is told as well (`crossed`), entered and left as the straight way has it.
    It ends when the truck has left (see geofence_exit), or the fence fell asleep, changed or went.
    """

    id: ClassVar[str] = "geofence_enter"
    remembers: ClassVar[Any] = None
    subject: ClassVar[Subject] = Subject.FENCE
    triggers: ClassVar[int] = Trigger.VISITS
    Params: ClassVar[type[RuleParams]] = GeofenceEnterParams

    def __init__(self, params: GeofenceEnterParams) -> None:
        self.params = params

    def is_wanted_by(self, fence: Fence) -> bool:
        return not _WANTED.isdisjoint(fence.detect)

    def on_facts(self, facts: Facts) -> None:
        for change in facts.visits:
            fence = facts.scope.fences.fences[change.fence]
            if not self.is_wanted_by(fence):
                continue
            if change.entered:
                fix = facts.state.fix
                # That of a fix begins when it was taken, before it came: such a one may be late, and newer than the last.
                has_opened = fix is not None and fix.ts < change.since and change.since >= change.since_at
                how = "crossed" if change.by is Event.CROSSED else "opened" if has_opened else None
                facts.raise_(
                    self,
                    fence.id,
                    severity=Severity(fence.severity),
                    start=change.since,
                    event_time=change.since + fence.min_inside_s * 1000,
                    known=change.known,
                    facts={
                        "inside_since": change.since,
                        "accuracy_m": facts.accuracy_m,
                        **({how: True} if how else {}),
                    },
                    thresholds={"min_inside_s": fence.min_inside_s},
                    fence=change.fence,
                )
            else:
                facts.clear(self, fence.id, event_time=change.ts, reason=change.reason, fence=change.fence)

    def on_timer(self, facts: Facts, subject: str) -> None:
        """The engine keeps the timers of visits."""
