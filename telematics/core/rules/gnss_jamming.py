"""gnss_jamming: the device says that its signals are suppressed (posible jammer)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

from pydantic import Field

from telematics.core import quality
from telematics.core.rules.base import RuleParams, Subject, Trigger, Verdict
from telematics.model import Device, DeviceEvent, Severity

if TYPE_CHECKING:
    from telematics.core.facts import Facts

FLAGS = frozenset({DeviceEvent.JAMMING, DeviceEvent.GSM_JAMMING})
PINGS = 3  # the flag may flip every second (Teltonika wiki): two of three pings, or one that stands


class GnssJammingParams(RuleParams):
    """When a jamming flag is believed, and when it weighs more."""

    flagged_of_three: int = Field(2, ge=1, le=3, description="so many of three pings carry the flag")
    stands_s: float = Field(15, gt=0, description="or the flag stood this long on the arrival clock")
    high_s: float = Field(60, gt=0, description="still jammed this long after the first flag: high or critical")
    overdue_s: float = Field(15, ge=0, description="… told without a report once the next one is overdue by this")
    critical_risk: int = Field(4, ge=1, le=5, description="critical in corridors of this risk and above …")
    moved_s: float = Field(300, gt=0, description="… when it moved this long before or later")
    clear_s: float = Field(60, gt=0, description="good fixes without the flag for this long end it")


class _Memory(TypedDict):
    pings: list[tuple[int, bool]]
    start: int
    start_at: int
    good_since: int | None


class GnssJamming:
    """A device reports jamming in two of three pings, or once and nothing better for 15 s.

    A minute later, if no good fix came without the flag, it is high; critical where the corridor's risk is 4 or 5 and
    the truck moved in the last five minutes. Good fixes without the flag for 60 s end it, so a truck that passes
    somebody else's jammer clears by itself.
    """

    id: ClassVar[str] = "gnss_jamming"
    remembers: ClassVar[Any] = _Memory
    subject: ClassVar[Subject] = Subject.DEVICE
    triggers: ClassVar[int] = Trigger.EVENTS | Trigger.MEMORY
    Params: ClassVar[type[RuleParams]] = GnssJammingParams

    # Memory per device: {"pings": [[ts, flagged], …≤3 by ts], "start": ts, "start_at": arrival, "good_since": ts|None}

    def __init__(self, params: GnssJammingParams) -> None:
        self.params = params

    def on_facts(self, facts: Facts) -> None:
        ping = facts.ping
        if ping is None:
            return
        subject = ping.device.value
        memory = facts.recall(self, subject)
        flagged = not FLAGS.isdisjoint(facts.events)
        if memory is None:
            if not flagged:
                return
            memory = {"pings": [], "start": facts.ts, "start_at": facts.at, "good_since": None}
            if not facts.late:
                facts.arm(self, subject, facts.at + self.params.stands_s * 1000)
        pings = sorted([*memory["pings"], [facts.ts, flagged]])[-PINGS:]
        good_since = memory["good_since"]
        if flagged and not facts.late:
            good_since = None
        elif good_since is None and self._is_good(facts):
            good_since = facts.ts
        memory = {**memory, "pings": pings, "good_since": good_since}
        if flagged and facts.ts < memory["start"] and facts.episode(self, subject) is None:
            memory["start"] = facts.ts
        facts.remember(self, subject, memory)
        self._judge(facts, subject, memory)

    def _is_good(self, facts: Facts) -> bool:
        """Whether the ping has a good fix; of a device whose fixes are not the vehicle's only its own word is known."""
        ping, state = facts.ping, facts.state
        if ping is None or facts.late or ping.device is state.primary:
            return bool(facts.triggers & Trigger.FIX)
        return quality.has_fix(ping, state.others[ping.device], None)

    def _judge(self, facts: Facts, subject: str, memory: dict[str, Any]) -> None:
        params = self.params
        flags = sum(1 for _, was in memory["pings"] if was)
        good_since = memory["good_since"]
        if facts.episode(self, subject) is not None:
            if good_since is not None and facts.ts - good_since >= params.clear_s * 1000:
                facts.clear(self, subject, event_time=facts.ts, reason="good fixes")
                facts.forget(self, subject)
                facts.disarm(self, subject)
            elif good_since is None and not facts.late and facts.at - memory["start_at"] >= params.high_s * 1000:
                self._raise(facts, subject, memory, long=True)
            return
        if flags >= params.flagged_of_three:
            self._open(facts, subject, memory)
        elif not flags or good_since is not None:
            # One flag and a good fix after it: somebody else's jammer, or a flicker. Keep counting until it is out of
            # the last three pings, but let the 15 s pass in vain.
            facts.disarm(self, subject)
            if not flags:
                facts.forget(self, subject)
            else:
                facts.note(self, subject, Verdict.WAITING, flags=flags, needed=params.flagged_of_three)

    def on_timer(self, facts: Facts, subject: str) -> None:
        memory = facts.recall(self, subject)
        if memory is None or memory["good_since"] is not None:
            return
        if facts.episode(self, subject) is None:
            self._open(facts, subject, memory)
            return
        # Silence proves nothing before the next report was due: passing someone else's jammer looks the same.
        device = facts.state.device_of(Device(subject))
        # Whole milliseconds, as deadlines are: one that fell due a fraction early would be set again for ever.
        overdue_at = device.heard_at + round((device.interval_s + self.params.overdue_s) * 1000)
        if facts.at < overdue_at:
            facts.arm(self, subject, overdue_at)
        else:
            self._raise(facts, subject, memory, long=True)

    def _open(self, facts: Facts, subject: str, memory: dict[str, Any]) -> None:
        self._raise(facts, subject, memory, long=False)
        facts.arm(self, subject, max(facts.at, memory["start_at"] + self.params.high_s * 1000))

    def _raise(self, facts: Facts, subject: str, memory: dict[str, Any], *, long: bool) -> None:
        state, params = facts.state, self.params
        moved_before_s = None if state.moved_ts < 0 else (memory["start"] - state.moved_ts) / 1000.0
        severity = Severity.WARNING
        if long:
            on_the_road = moved_before_s is not None and moved_before_s <= params.moved_s
            critical = on_the_road and state.risk >= params.critical_risk
            severity = Severity.CRITICAL if critical else Severity.HIGH
        lasted_s = (facts.at - memory["start_at"]) / 1000.0
        facts.raise_(
            self,
            subject,
            severity=severity,
            start=memory["start"],
            event_time=memory["start"] + lasted_s * 1000,
            known=memory["start"] > state.first_ts,
            facts={
                "flagged_pings": sum(1 for _, was in memory["pings"] if was),
                "jammed_s": lasted_s,
                "risk": state.risk,
                "moved_before_s": moved_before_s,
            },
            thresholds={
                "flagged_of_three": params.flagged_of_three,
                "stands_s": params.stands_s,
                "high_s": params.high_s,
                "moved_s": params.moved_s,
                "risk": params.critical_risk,
            },
            fence=state.corridor,
        )
