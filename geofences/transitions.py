"""Membership of one vehicle in one fence: everything that changes it is in `TABLE`.

1. Entering is eager: one good fix inside is enough, at once or after `min_inside_s`. The wait has a timer on the
   arrival clock, so that a vehicle that enters and is then jammed still raises. An uncertain fix does not stop the
   wait, a fix clearly outside does.
2. Leaving is demanding: a fix clearly outside begins it, and only a *fix* clearly outside, taken `min_outside_s`
   after the first by the device's clock, confirms it. Silence proves nothing, so leaving has no timer. An uncertain
   fix neither confirms nor cancels, a fix inside cancels.
3. What a fix says is settled before the table is asked (`observe`): the table knows no metres and no seconds.
4. A fence that is asleep, or was not there, has nobody inside. When it wakes, the last good fix of a vehicle counts as
   one inside and begins an entry; when it falls asleep, changes or goes, a visit is over without the vehicle having left.
5. A vehicle that passed between two fixes has entered and left. One that was leaving has been inside again.
6. A pair that is not in the table cannot happen; `advance` raises `IllegalTransitionError` and, being pure, has
   changed nothing.

`membership_table()` writes the table as Markdown for the documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from geofences.model import Fence


class State(StrEnum):
    """Where a vehicle is as far as one fence is concerned."""

    OUTSIDE = "outside"
    ENTERING = "entering"
    INSIDE = "inside"
    LEAVING = "leaving"


class Event(StrEnum):
    """What happened. The two `_due` ones say that the wait of the state, if it has one, is over by event time."""

    INSIDE = "inside"
    INSIDE_DUE = "inside_due"
    AMBIGUOUS = "ambiguous"
    CLEARLY_OUTSIDE = "clearly_outside"
    CLEARLY_OUTSIDE_DUE = "clearly_outside_due"
    NO_FIX = "no_fix"
    TIMER = "timer"
    CROSSED = "crossed"
    """Two fixes outside, and the fence between them."""
    WINDOW_OPENS = "window_opens"
    """The fence is there from now on, by its schedule, in a new set or for a new trip, and the last fix is in it."""
    WINDOW_CLOSES = "window_closes"
    FENCE_CHANGED = "fence_changed"
    FENCE_REMOVED = "fence_removed"
    NO_LONGER_APPLIES = "no_longer_applies"
    """The vehicle's new trip has none of the fence's tags."""


class Action(StrEnum):
    """What follows. `start_*` keeps the event time of the fix; only entering sets a timer, on the arrival clock."""

    STAY = "stay"
    START_ENTER_TIMER = "start_enter_timer"
    CANCEL_ENTER = "cancel_enter"
    RAISE_ENTER = "raise_enter"
    START_EXIT = "start_exit"
    CANCEL_EXIT = "cancel_exit"
    RESTART_EXIT = "restart_exit"
    RAISE_EXIT = "raise_exit"
    RAISE_PASSAGE = "raise_passage"
    END_VISIT = "end_visit"


class IllegalTransitionError(RuntimeError):
    """A pair of state and event that the table does not have: a fault of the caller, never of the data."""


ENDINGS: Mapping[Event, str] = MappingProxyType(
    {
        Event.WINDOW_CLOSES: "window closed",
        Event.FENCE_CHANGED: "fence changed",
        Event.FENCE_REMOVED: "fence removed",
        Event.NO_LONGER_APPLIES: "no longer applies",
    }
)
"""What ends a visit though nobody left, and how alerts say so."""

_OUTSIDE, _ENTERING, _INSIDE, _LEAVING = State
_CELLS = {
    (_OUTSIDE, Event.INSIDE): (_ENTERING, Action.START_ENTER_TIMER),
    (_OUTSIDE, Event.INSIDE_DUE): (_INSIDE, Action.RAISE_ENTER),
    (_OUTSIDE, Event.AMBIGUOUS): (_OUTSIDE, Action.STAY),
    (_OUTSIDE, Event.CLEARLY_OUTSIDE): (_OUTSIDE, Action.STAY),
    (_OUTSIDE, Event.CLEARLY_OUTSIDE_DUE): (_OUTSIDE, Action.STAY),
    (_OUTSIDE, Event.NO_FIX): (_OUTSIDE, Action.STAY),
    (_OUTSIDE, Event.CROSSED): (_OUTSIDE, Action.RAISE_PASSAGE),
    (_OUTSIDE, Event.WINDOW_OPENS): (_ENTERING, Action.START_ENTER_TIMER),
    (_ENTERING, Event.INSIDE): (_ENTERING, Action.STAY),
    (_ENTERING, Event.INSIDE_DUE): (_INSIDE, Action.RAISE_ENTER),
    (_ENTERING, Event.AMBIGUOUS): (_ENTERING, Action.STAY),
    (_ENTERING, Event.CLEARLY_OUTSIDE): (_OUTSIDE, Action.CANCEL_ENTER),
    (_ENTERING, Event.CLEARLY_OUTSIDE_DUE): (_OUTSIDE, Action.CANCEL_ENTER),
    (_ENTERING, Event.NO_FIX): (_ENTERING, Action.STAY),
    (_ENTERING, Event.TIMER): (_INSIDE, Action.RAISE_ENTER),
    (_INSIDE, Event.INSIDE): (_INSIDE, Action.STAY),
    (_INSIDE, Event.INSIDE_DUE): (_INSIDE, Action.STAY),
    (_INSIDE, Event.AMBIGUOUS): (_INSIDE, Action.STAY),
    (_INSIDE, Event.CLEARLY_OUTSIDE): (_LEAVING, Action.START_EXIT),
    (_INSIDE, Event.CLEARLY_OUTSIDE_DUE): (_OUTSIDE, Action.RAISE_EXIT),
    (_INSIDE, Event.NO_FIX): (_INSIDE, Action.STAY),
    (_LEAVING, Event.INSIDE): (_INSIDE, Action.CANCEL_EXIT),
    (_LEAVING, Event.INSIDE_DUE): (_INSIDE, Action.CANCEL_EXIT),
    (_LEAVING, Event.AMBIGUOUS): (_LEAVING, Action.STAY),
    (_LEAVING, Event.CLEARLY_OUTSIDE): (_LEAVING, Action.STAY),
    (_LEAVING, Event.CLEARLY_OUTSIDE_DUE): (_OUTSIDE, Action.RAISE_EXIT),
    (_LEAVING, Event.NO_FIX): (_LEAVING, Action.STAY),
    (_LEAVING, Event.CROSSED): (_LEAVING, Action.RESTART_EXIT),
}
for _ending in ENDINGS:
    _CELLS |= {
        (_OUTSIDE, _ending): (_OUTSIDE, Action.STAY),
        (_ENTERING, _ending): (_OUTSIDE, Action.CANCEL_ENTER),
        (_INSIDE, _ending): (_OUTSIDE, Action.END_VISIT),
        (_LEAVING, _ending): (_OUTSIDE, Action.END_VISIT),
    }
TABLE: Mapping[tuple[State, Event], tuple[State, Action]] = MappingProxyType(_CELLS)


def advance(state: State, event: Event) -> tuple[State, Action]:
    """The next state and what follows. Raises IllegalTransitionError for a pair the table does not have."""
    cell = TABLE.get((state, event))
    if cell is None:
        raise IllegalTransitionError(f"{event} cannot happen while {state}")
    return cell


def observe(
    fence: Fence,
    *,
    inside: bool,
    outside_m: float,
    accuracy_m: float,
    size_m: float,
    elapsed_ms: int = 0,
) -> Event:
    """What a good fix says of one fence.

    `inside` and `outside_m` (metres to the fence, 0 inside) are the index's answers, `size_m` the fence's smallest
    extent: a fix less accurate than that proves no entry. `elapsed_ms` is the fix's event time less that of the fix
    which began the state ENTERING or LEAVING; 0 in the other two states, where no wait has begun.
    """
    if inside:
        if accuracy_m > size_m:
            return Event.AMBIGUOUS
        return Event.INSIDE_DUE if elapsed_ms >= fence.min_inside_s * 1000.0 else Event.INSIDE
    if outside_m - accuracy_m <= fence.exit_margin_m:
        return Event.AMBIGUOUS
    return Event.CLEARLY_OUTSIDE_DUE if elapsed_ms >= fence.min_outside_s * 1000.0 else Event.CLEARLY_OUTSIDE


def membership_table() -> str:
    """The table as Markdown: a row for each event, a column for each state, empty where a pair cannot happen."""
    rows = [["event", *State], ["---"] * (1 + len(State))]
    rows += [[event, *(_cell(state, event) for state in State)] for event in Event]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cell(state: State, event: Event) -> str:
    cell = TABLE.get((state, event))
    if cell is None:
        return ""
    following, action = cell
    return f"{action} → {following}" if following is not state else str(action)
