"""What the rules are shown of one input, and the only way by which they act on alerts and deadlines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

from geofences.transitions import ENDINGS, Event, State
from telematics.core.effects import Effects, Outcome
from telematics.core.lifecycle import EpisodeState, Move, advance
from telematics.core.rules.base import Rule, Verdict
from telematics.core.state import EPISODES, EXITS, Episode, Key, VehicleState, remembering
from telematics.model import Alert, Device, DeviceEvent, Ping, Position, Severity

if TYPE_CHECKING:
    from geofences.index import FenceIndex
    from geofences.model import Fence, FenceKind
    from telematics.core.motion import MotionParams
    from telematics.core.quality import QualityParams
    from telematics.core.timers import Timers

DELAYED_AFTER_MS = 120_000  # law 7 of the engine
TOLD_ONCE = frozenset({"geofence_enter", "geofence_dwell"})

Tracer = Callable[[str, int, str, str, Verdict, Mapping[str, Any]], None]
"""Called with vehicle, arrival, rule, subject, verdict and details."""


class VisitChange(NamedTuple):
    """A fence entered or left.

    `ts` is when that became true (event time), `since` when the visit began and `since_at` its arrival, `left_since`
    the first fix outside (-1 on entering), `known` whether the visit's true beginning was seen, `by` what changed it.
    """

    fence: int
    entered: bool
    ts: int
    since: int
    since_at: int
    left_since: int
    known: bool
    by: Event

    @property
    def reason(self) -> str:
        """Why a visit is over, for whoever clears an alert by it."""
        return ENDINGS.get(self.by, "left")


@dataclass(slots=True)
class Scope:
    """What belongs to the engine as a whole and every emission needs."""

    fences: FenceIndex
    number_of: dict[str, int]
    motion: MotionParams
    quality: QualityParams
    rules_version: str
    timers: Timers
    effects: Effects
    tracer: Tracer | None = None

    def fence(self, fence_id: str) -> Fence | None:
        """The fence of an id, if it is in force."""
        number = self.number_of.get(fence_id)
        return None if number is None else self.fences.fences[number]


def alert_id(vehicle_id: str, rule: str, subject: str, start: int) -> str:
    """Sortable by episode start, and the same for the same episode however often it is computed (law 5)."""
    text = f"{vehicle_id}|{rule}|{subject}|{start}"
    return f"{start & 0xFFFFFFFFFFFF:012x}-{blake2b(text.encode(), digest_size=8).hexdigest()}"


def event_code(device: Device, event: DeviceEvent) -> str:
    """How a device event is filed in a vehicle's memory."""
    return f"{device.value}:{event.value}"


class Facts:
    """One input, as rules see it.

    `at` is when it became knowable on the arrival clock (for a deadline: when it was due), `revealed` the arrival of
    the input being applied, `ts` the event time it speaks of. `stopped_s` is how long the vehicle has stayed within
    the stop radius, 0 unless this input is a good fix.
    """

    __slots__ = ("at", "events", "late", "ping", "revealed", "scope", "state", "stopped_s", "triggers", "ts", "visits")

    def __init__(
        self,
        scope: Scope,
        state: VehicleState,
        at: int,
        revealed: int,
        ts: int,
        ping: Ping | None = None,
        late: bool = False,  # noqa: FBT001, FBT002 - keywords cost a tenth of a ping here
        triggers: int = 0,
        stopped_s: float = 0.0,
        events: tuple[DeviceEvent, ...] = (),
        visits: tuple[VisitChange, ...] = (),
    ) -> None:
        self.scope = scope
        self.state = state
        self.at = at
        self.revealed = revealed
        self.ts = ts
        self.ping = ping
        self.late = late
        self.triggers = triggers
        self.stopped_s = stopped_s
        self.events = events
        self.visits = visits

    @property
    def accuracy_m(self) -> float | None:
        """The accuracy of the last good fix."""
        fix = self.state.fix
        return None if fix is None else fix.accuracy_m

    # -- what is open and remembered -------------------------------------------------------------------------------

    def episode(self, rule: Rule, subject: str = "") -> Episode | None:
        """The open episode of the rule and subject."""
        return self.state.episodes.get((rule.id, subject))

    def recall(self, rule: Rule, subject: str = "") -> Any:
        """What the rule filed of this vehicle and subject, None if nothing."""
        return self.state.memory.get((rule.id, subject))

    def remember(self, rule: Rule, subject: str, value: Any) -> None:
        """File a plain value (numbers, texts, lists of them); it is part of the vehicle's state."""
        key = (rule.id, subject)
        if key not in self.state.memory:
            self.state.remembering |= {rule.id}
        self.state.memory[key] = value

    def forget(self, rule: Rule, subject: str = "") -> None:
        """Drop what was filed."""
        if self.state.memory.pop((rule.id, subject), None) is not None:
            self.state.remembering = remembering(self.state.memory)

    def arm(self, rule: Rule, subject: str, due: float) -> None:
        """Have the rule called at `due` (arrival clock, ms); one deadline per rule and subject, the last one holds."""
        self.scope.timers.arm(self.state, (rule.id, subject), max(self.at, round(due)))

    def disarm(self, rule: Rule, subject: str = "") -> None:
        """Lift the deadline."""
        self.state.deadlines.pop((rule.id, subject), None)

    @property
    def places(self) -> tuple[int, ...]:
        """The numbers of the places the vehicle is at: where its last good fix stands, else those it has not left.

        A parked truck's fix that drifts over the edge of a yard is no departure.
        """
        if self.state.places or not self.state.visits or self.state.fix is None:
            return self.state.places
        scope = self.scope
        kept = (State.INSIDE, State.LEAVING) if self.stopped_s else (State.INSIDE,)
        visited = [scope.number_of[fence_id] for fence_id, visit in self.state.visits.items() if visit.state in kept]
        return tuple(number for number in visited if scope.fences.fences[number].is_place)

    def place_of(self, kinds: AbstractSet[FenceKind]) -> int | None:
        """The number of a place of one of these kinds that the vehicle is at."""
        fences = self.scope.fences.fences
        return next((number for number in self.places if fences[number].kind in kinds), None)

    def place_name(self) -> str:
        """The place the vehicle is at, as evidence names it."""
        return f"place {self.scope.fences.fences[self.places[0]].id}"

    def followed_by(self, event: DeviceEvent) -> int | None:
        """When this input's device is remembered to have reported `event` next, at or after this input's time."""
        if self.ping is None:
            return None
        code = event_code(self.ping.device, event)
        return min((ts for ts, known in self.state.events if known == code and ts >= self.ts), default=None)

    def told_twice(self, event: DeviceEvent) -> bool:
        """Whether two devices of the combination are remembered to have reported `event` at this very instant."""
        found = [code for ts, code in self.state.events if ts == self.ts and code.rpartition(":")[2] == event.value]
        return len(found) > 1

    def note(self, rule: Rule, subject: str, verdict: Verdict, **details: Any) -> None:
        """Say what the rule concluded; only `telematics explain` listens."""
        tracer = self.scope.tracer
        if tracer is not None:
            tracer(self.state.vehicle_id, self.at, rule.id, subject, verdict, details)

    # -- what happens to alerts ------------------------------------------------------------------------------------

    def raise_(
        self,
        rule: Rule,
        subject: str = "",
        *,
        severity: Severity,
        start: int,
        event_time: float,
        facts: Mapping[str, Any],
        thresholds: Mapping[str, Any],
        known: bool = True,
        fence: int | None = None,
        args: Mapping[str, Any] | None = None,
    ) -> None:
        """Open the episode that began at `start`; one already open is escalated if it weighs more now, else kept."""
        key = (rule.id, subject)
        episode = self.state.episodes.get(key)
        if episode is not None:
            if severity <= episode.severity:
                self.note(rule, subject, Verdict.OPEN, **facts)
                return
            episode.severity = severity
            move = Move.ESCALATE
        else:
            if not self._make_room(rule.id):
                return
            move = Move.RAISE if known else Move.RAISE_UNKNOWN
            episode = Episode(alert_id(self.state.vehicle_id, rule.id, subject, start), 0, severity, start, known)
            self.state.episodes[key] = episode
        self.note(rule, subject, Verdict.RAISED, **facts, thresholds=dict(thresholds))
        self._apply(move, key, episode, int(event_time), facts, thresholds, fence, args)

    def amend(
        self, rule: Rule, subject: str, *, event_time: float, facts: Mapping[str, Any], thresholds: Mapping[str, Any]
    ) -> None:
        """Add to what is known of an open episode without changing its weight."""
        key = (rule.id, subject)
        self._apply(Move.AMEND, key, self.state.episodes[key], int(event_time), facts, thresholds, None, None)

    def clear(
        self,
        rule: Rule,
        subject: str = "",
        *,
        event_time: float,
        reason: str,
        facts: Mapping[str, Any] | None = None,
        fence: int | None = None,
        args: Mapping[str, Any] | None = None,
    ) -> None:
        """End the open episode, if there is one; `reason` is a word of the rule's documentation."""
        key = (rule.id, subject)
        episode = self.state.episodes.pop(key, None)
        if episode is None:
            return
        self.note(rule, subject, Verdict.CLEARED, reason=reason)
        shown = {**(facts or {}), "reason": reason}
        self._apply(Move.CLEAR, key, episode, int(event_time), shown, {}, fence, args)

    def _apply(
        self,
        move: Move,
        key: Key,
        episode: Episode,
        event_time: int,
        facts: Mapping[str, Any],
        thresholds: Mapping[str, Any],
        fence: int | None,
        args: Mapping[str, Any] | None,
    ) -> None:
        before = EpisodeState.OPEN if episode.known else EpisodeState.SILENT
        if move in (Move.RAISE, Move.RAISE_UNKNOWN):
            before = EpisodeState.CLOSED
        _, event = advance(before, move)
        if event is None:
            if move is Move.RAISE_UNKNOWN:
                self.scope.effects.counts[Outcome.REBUILD_TRUNCATED] += 1
            return
        episode.seq += 1
        state, scope = self.state, self.scope
        evidence: dict[str, Any] = {
            "facts": facts,
            "thresholds": thresholds,
            "rules_version": scope.rules_version,
            "fences_version": scope.fences.version,
        }
        shown: dict[str, Any] = {"vehicle_id": state.vehicle_id}
        if fence is not None:
            drawn = scope.fences.fences[fence]
            evidence["fence"] = {"id": drawn.id, "version": drawn.version}
            shown["fence_name"] = drawn.name
        shown["duration_s"] = max(0.0, (event_time - episode.start) / 1000.0)
        if args:
            shown.update(args)
        fix = state.fix
        position = None if fix is None else Position(fix.lat, fix.lon, fix.ts, fix.accuracy_m)
        rule_id, subject = key
        scope.effects.alerts.append(
            Alert(
                alert_id=episode.alert_id,
                seq=episode.seq,
                event=event,
                vehicle_id=state.vehicle_id,
                rule=rule_id,
                severity=episode.severity,
                subject=subject or None,
                episode_start=episode.start,
                event_time=event_time,
                raised_at=self.at,
                position=position,
                late=self.late,
                delayed=self.revealed - self.at > DELAYED_AFTER_MS,
                evidence=evidence,
                message_key=f"{rule_id}.{event}",
                message_args=shown,
            )
        )

    def _make_room(self, rule_id: str) -> bool:
        """Keep the number of open episodes bounded; False if there is no room.

        The oldest exit goes first, then the oldest visit of least weight: these are told once, so that dropping them
        cannot tell them again. What is asked again at every fix is never dropped.
        """
        episodes = self.state.episodes
        exits = [key for key in episodes if key[0] == "geofence_exit"]
        if rule_id == "geofence_exit" and len(exits) >= EXITS:
            droppable = exits
        elif len(episodes) < EPISODES:
            return True
        else:
            droppable = exits or [key for key in episodes if key[0] in TOLD_ONCE]
        self.scope.effects.counts[Outcome.STATE_DROPPED] += 1
        if not droppable:
            return False
        del episodes[min(droppable, key=lambda key: (episodes[key].severity, episodes[key].start))]
        return True
