"""panic: the driver pressed the panic button (botón de pánico)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from telematics.core.rules.base import RuleParams, Subject, Trigger
from telematics.model import DeviceEvent, Severity

if TYPE_CHECKING:
    from telematics.core.facts import Facts


class PanicParams(RuleParams):
    """When presses are one alarm."""

    joins_s: float = Field(600, gt=0, description="a press this soon after the last joins its alert; then it ends")


class Panic:
    """Critical at once, wherever the truck is. A press within 10 min of the last joins the alert, a later one is new.

    The alert ends 10 min after the last press; what an operator must do about it does not end with it.
    """

    id: ClassVar[str] = "panic"
    remembers: ClassVar[Any] = tuple[int, int]
    subject: ClassVar[Subject] = Subject.NONE
    triggers: ClassVar[int] = Trigger.EVENTS
    Params: ClassVar[type[RuleParams]] = PanicParams

    # Memory: [presses, event time of the last press]

    def __init__(self, params: PanicParams) -> None:
        self.params = params

    def on_facts(self, facts: Facts) -> None:
        if DeviceEvent.PANIC not in facts.events or facts.told_twice(DeviceEvent.PANIC):
            return  # one press that two devices tell of is one press, also when the second is late
        joins_ms = self.params.joins_s * 1000
        presses, last_ts = facts.recall(self) or (0, facts.ts)
        thresholds = {"joins_s": self.params.joins_s}
        if facts.episode(self) is not None:
            if facts.ts - last_ts <= joins_ms:
                facts.remember(self, "", [presses + 1, max(last_ts, facts.ts)])
                facts.amend(self, "", event_time=facts.ts, facts={"presses": presses + 1}, thresholds=thresholds)
                facts.arm(self, "", facts.at + joins_ms)
                return
            facts.clear(self, event_time=last_ts + joins_ms, reason="10 min after the last press")
        facts.remember(self, "", [1, facts.ts])
        facts.raise_(
            self,
            severity=Severity.CRITICAL,
            start=facts.ts,
            event_time=facts.ts,
            facts={"presses": 1},
            thresholds=thresholds,
        )
        facts.arm(self, "", facts.at + joins_ms)

    def on_timer(self, facts: Facts, subject: str) -> None:
        _, last_ts = facts.recall(self, subject)
        facts.clear(
            self, subject, event_time=last_ts + self.params.joins_s * 1000, reason="10 min after the last press"
        )
        facts.forget(self, subject)
