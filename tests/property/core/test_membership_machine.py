"""Membership through the engine against a slow, obvious model: one truck, one fence, second by second."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from geofences.index import FenceIndex
from geofences.model import Detect, Fence
from geofences.schedule import Schedule, Window
from telematics.core.engine import MonitorEngine
from telematics.core.params import RuleSet
from telematics.model import Ping, Trip, Vehicle
from tests.support.places import circle, spot
from tests.support.story import Input, batch_of
from tests.support.truck import NOON

# Of the day in UTC, on which the stories begin at 12:00.
OPEN = ((12 * 60 + 3, 12 * 60 + 6), (12 * 60 + 8, 12 * 60 + 9), (12 * 60 + 15, 12 * 60 + 40))
NOON_MINUTE = 12 * 60
PLAIN = Fence(
    id="gate", shape=circle(85, 200), detect=frozenset({Detect.ENTER, Detect.EXIT}), min_inside_s=45, min_outside_s=60
)
FENCES: dict[str, Fence | None] = {
    "plain": PLAIN,
    "eager": replace(PLAIN, version=2, shape=circle(85, 220), min_inside_s=0, min_outside_s=0),
    "hours": replace(PLAIN, version=3, schedule=Schedule("Etc/UTC", tuple(Window(*each) for each in OPEN))),
    "ours": replace(PLAIN, version=4, applies_to=frozenset({"hazmat"}), valid_to=NOON + 1_500_000),
    "gone": None,
}
OTHER = Fence(id="other", shape=circle(300, 100))
# km, accuracy and what it is to the fence, whichever of the above.
FIXES = {
    "inside": (85.0, 15.0),
    "inside for all it knows": (85.0, 900.0),
    "near": (85.23, 15.0),
    "outside for all it knows": (85.6, 500.0),
    "outside": (85.6, 15.0),
}
Told = tuple[int, str, str, str | None]
"""Second, rule, event, reason."""


@dataclass
class Slow:
    """What must be told, found out by looking at every second."""

    fence: Fence | None
    name: str
    now: int = 0
    has_tag: bool = False
    is_inside: bool = False
    visit_since: int | None = None
    entered: bool = False
    outside_since: int | None = None
    exited: bool = False
    coming: list[tuple[int, str]] = field(default_factory=list)
    trips: list[tuple[int, bool]] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)

    def _tell(self, rule: str, event: str, reason: str | None = None) -> None:
        self.told.append((self.now, rule, event, reason))

    def _is_open(self) -> bool:
        if self.name != "hours":
            return True
        minute = NOON_MINUTE + self.now // 60
        return any(first <= minute < last for first, last in OPEN)

    def _is_ours(self) -> bool:
        return self.name != "ours" or self.has_tag

    def _is_valid(self) -> bool:
        return self.name != "ours" or self.now < 1500

    def _end(self, reason: str) -> None:
        if self.entered:
            self._tell("geofence_enter", "cleared", reason)
        self.visit_since, self.entered, self.outside_since = None, False, None

    def _enter(self) -> None:
        self.entered = True
        if self.exited:
            self._tell("geofence_exit", "cleared", "entered again")
            self.exited = False
        self._tell("geofence_enter", "raised")

    def advance(self, seconds: int) -> None:
        """Let time pass, with what was announced for it."""
        for _ in range(seconds):
            self.now += 1
            self._change_set()
            while place := [i for i, (at, _) in enumerate(self.trips) if at == self.now]:
                self.has_tag = self.trips[place[0]][1]
                self.trips = self.trips[place[0] + 1 :]
            self._look()

    def _change_set(self) -> None:
        # Of several at one time the last that was published; it replaces all that came before it.
        if place := [i for i, (at, _) in enumerate(self.coming) if at == self.now]:
            name = self.coming[place[-1]][1]
            self.coming = self.coming[place[-1] + 1 :]
            fence = FENCES[name]
            if fence != self.fence:
                self._end("fence removed" if fence is None else "fence changed")
                if fence is None and self.exited:
                    self._tell("geofence_exit", "cleared", "fence removed")
                    self.exited = False
            self.fence, self.name = fence, name

    def _look(self) -> None:
        """What the second brings without a fix."""
        if self.visit_since is not None and not (self._is_ours() and self._is_open() and self._is_valid()):
            self._end("no longer applies" if not self._is_ours() else "window closed")
        if self.fence is None or not (self._is_ours() and self._is_open() and self._is_valid()):
            return
        if self.visit_since is None and self.is_inside:
            self.visit_since = self.now
        self._enter_if_due()

    def _enter_if_due(self) -> None:
        if self.fence is None or self.visit_since is None or self.entered:
            return
        if self.now - self.visit_since >= self.fence.min_inside_s:
            self._enter()

    def fix(self, what: str) -> None:
        """A ping now."""
        self.is_inside = what == "inside"
        if what == "inside":
            self._look()
            self.outside_since = None
        elif what == "outside" and self.fence is not None and self.visit_since is not None:
            if not self.entered:
                self._end("")
                return
            if self.outside_since is None:
                self.outside_since = self.now
            if self.now - self.outside_since >= self.fence.min_outside_s:
                self._tell("geofence_exit", "raised")
                self.exited = True
                self._end("left")


class Membership(RuleBasedStateMachine):
    """Fixes, silence, new sets, new trips and restarts, in any order."""

    parameters: ClassVar[RuleSet] = RuleSet()

    @initialize(name=st.sampled_from(list(FENCES)))
    def begin(self, name: str) -> None:
        """With any of the fences."""
        self.engine = MonitorEngine(self._set(name), self.parameters)
        self.first = name
        self.slow = Slow(FENCES[name], name)
        self.sets: list[tuple[FenceIndex, int]] = []
        self.trips: list[Trip] = []
        self.told: list[Told] = []
        self._step(None)

    @staticmethod
    def _set(name: str) -> FenceIndex:
        fence = FENCES[name]
        return FenceIndex([OTHER] if fence is None else [OTHER, fence])

    def _at(self, seconds: int) -> int:
        return NOON + 1000 * seconds

    def _step(self, ping: Ping | None) -> None:
        inputs: list[Input] = [(self._at(self.slow.now), ping)]
        for alert in self.engine.step(batch_of(inputs)).alerts:
            if alert.subject == "gate":
                second, rest = divmod(alert.raised_at - NOON, 1000)
                assert rest == 0
                self.told.append((second, alert.rule, alert.event, alert.evidence["facts"].get("reason")))

    @rule(what=st.sampled_from(list(FIXES)), after=st.sampled_from([1, 5, 20, 45, 60, 130]))
    def fix(self, what: str, after: int) -> None:
        """A ping after some silence."""
        self.slow.advance(after)
        km, accuracy_m = FIXES[what]
        lon, lat = spot(km)
        at = self._at(self.slow.now)
        self._step(
            Ping("T1", ts=at, lon=lon, lat=lat, speed_kmh=0.0, satellites=9, ignition=True, accuracy_m=accuracy_m)
        )
        self.slow.fix(what)

    @rule(after=st.sampled_from([1, 45, 60, 200]))
    def no_fix(self, after: int) -> None:
        """A ping that is jammed proves nothing."""
        self.slow.advance(after)
        at = self._at(self.slow.now)
        self._step(Ping("T1", ts=at, lon=0.0, lat=0.0, speed_kmh=0.0, satellites=0))

    @rule(seconds=st.sampled_from([1, 44, 60, 179, 400]))
    def wait(self, seconds: int) -> None:
        """Nothing comes but a tick at the end."""
        self.slow.advance(seconds)
        self._step(None)

    @rule(name=st.sampled_from(list(FENCES)), after=st.sampled_from([1, 30, 60, 200]))
    def publish(self, name: str, after: int) -> None:
        """A new set, to take effect some time later."""
        at = self.slow.now + after
        index = self._set(name)
        assert self.engine.put_fences(index, self._at(at)) == self._at(at)
        self.sets.append((index, self._at(at)))
        self.slow.coming.append((at, name))

    @rule(has_tag=st.booleans(), after=st.sampled_from([1, 60]))
    def trip(self, has_tag: bool, after: int) -> None:  # noqa: FBT001 - as the rule draws it
        """A new trip; one that comes later replaces it, also before its time."""
        at = self.slow.now + after
        trip = Trip("T1", self._at(at), Vehicle(tags=("hazmat",) if has_tag else ()))
        self.engine.put_trip(trip)
        self.trips.append(trip)
        self.slow.trips.append((at, has_tag))

    @rule()
    def restart(self) -> None:
        """Another engine takes over from a snapshot."""
        snapshot = json.loads(json.dumps(self.engine.snapshot()))
        self.engine = MonitorEngine(self._set(self.first), self.parameters)
        self.engine.restore(snapshot, self.trips, self.sets)

    @invariant()
    def the_same_is_told(self) -> None:
        """Each alert, its second and its reason."""
        if hasattr(self, "slow"):
            assert sorted(self.told, key=str) == sorted(self.slow.told, key=str)


Membership.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestMembership = Membership.TestCase
