"""trailer_detached: the trailer was uncoupled (desenganche)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from geofences.model import FenceKind
from telematics.core.rules.base import RuleParams, Subject, Trigger, Verdict
from telematics.model import DeviceEvent, Severity

if TYPE_CHECKING:
    from telematics.core.facts import Facts

YARDS = frozenset({FenceKind.DEPOT, FenceKind.CUSTOMER})


class TrailerDetachedParams(RuleParams):
    """Nothing to set but `enabled`."""


class TrailerDetached:
    """The device says that the trailer was uncoupled: critical, unless the truck is at a depot or a customer.

    It ends when the trailer is coupled again.
    """

    id: ClassVar[str] = "trailer_detached"
    remembers: ClassVar[Any] = None
    subject: ClassVar[Subject] = Subject.NONE
    triggers: ClassVar[int] = Trigger.EVENTS
    Params: ClassVar[type[RuleParams]] = TrailerDetachedParams

    def __init__(self, params: TrailerDetachedParams) -> None:
        self.params = params

    def on_facts(self, facts: Facts) -> None:
        if DeviceEvent.TRAILER_DETACHED in facts.events and not facts.told_twice(DeviceEvent.TRAILER_DETACHED):
            yard = facts.place_of(YARDS)
            if yard is not None:
                facts.note(self, "", Verdict.HELD, by=facts.place_name())
            else:
                facts.raise_(
                    self,
                    severity=Severity.CRITICAL,
                    start=facts.ts,
                    event_time=facts.ts,
                    facts={"event": DeviceEvent.TRAILER_DETACHED.value},
                    thresholds={},
                    fence=facts.state.corridor,
                )
        episode = facts.episode(self)
        if episode is None:
            return
        attached_ts = facts.ts if DeviceEvent.TRAILER_ATTACHED in facts.events else None
        if attached_ts is None and facts.late:
            attached_ts = facts.followed_by(DeviceEvent.TRAILER_ATTACHED)
        if attached_ts is not None and attached_ts >= episode.start:
            facts.clear(self, event_time=attached_ts, reason="coupled again")

    def on_timer(self, facts: Facts, subject: str) -> None:
        """Sets no deadline."""
