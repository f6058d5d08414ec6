"""Membership of one vehicle in one fence, cell by cell."""

from __future__ import annotations

import pytest

from geofences.model import Circle, Fence
from geofences.transitions import (
    TABLE,
    Action,
    Event,
    IllegalTransitionError,
    State,
    advance,
    membership_table,
    observe,
)

# Written out apart from the module: a row for each event, a cell for each state, None where it cannot happen.
COLUMNS = (State.OUTSIDE, State.ENTERING, State.INSIDE, State.LEAVING)
EXPECTED = {
    "inside": ("entering start_enter_timer", "entering stay", "inside stay", "inside cancel_exit"),
    "inside_due": ("inside raise_enter", "inside raise_enter", "inside stay", "inside cancel_exit"),
    "ambiguous": ("outside stay", "entering stay", "inside stay", "leaving stay"),
    "clearly_outside": ("outside stay", "outside cancel_enter", "leaving start_exit", "leaving stay"),
    "clearly_outside_due": ("outside stay", "outside cancel_enter", "outside raise_exit", "outside raise_exit"),
    "no_fix": ("outside stay", "entering stay", "inside stay", "leaving stay"),
    "timer": (None, "inside raise_enter", None, None),
    "crossed": ("outside raise_passage", None, None, "leaving restart_exit"),
    "window_opens": ("entering start_enter_timer", None, None, None),
    "window_closes": ("outside stay", "outside cancel_enter", "outside end_visit", "outside end_visit"),
    "fence_changed": ("outside stay", "outside cancel_enter", "outside end_visit", "outside end_visit"),
    "fence_removed": ("outside stay", "outside cancel_enter", "outside end_visit", "outside end_visit"),
    "no_longer_applies": ("outside stay", "outside cancel_enter", "outside end_visit", "outside end_visit"),
}
CELLS = [
    (state, Event(event), cell) for event, cells in EXPECTED.items() for state, cell in zip(COLUMNS, cells, strict=True)
]


@pytest.mark.parametrize(("state", "event", "cell"), CELLS)
def test_each_cell_does_what_the_product_promises(state: State, event: Event, cell: str | None) -> None:
    """A legal cell leads where it should; an illegal one raises and the table is as before."""
    if cell is None:
        before = dict(TABLE)
        with pytest.raises(IllegalTransitionError, match=f"{event} cannot happen while {state}"):
            advance(state, event)
        assert dict(TABLE) == before
    else:
        assert " ".join(advance(state, event)) == cell


def test_the_cases_above_are_all_cells() -> None:
    """No state and no event is left out of the expectation."""
    assert {(state, event) for state, event, _ in CELLS} == {(state, event) for state in State for event in Event}


def test_the_table_cannot_be_changed() -> None:
    """One importer cannot alter membership for all others."""
    with pytest.raises(TypeError):
        TABLE[State.OUTSIDE, Event.TIMER] = (State.INSIDE, Action.RAISE_ENTER)  # type: ignore[index]


FENCE = Fence(id="f", shape=Circle(-99.0, 19.0, 100.0), min_inside_s=30, min_outside_s=60, exit_margin_m=50)
OBSERVATIONS = [
    # inside, outside_m, accuracy_m, elapsed_ms -> event
    (True, 0.0, 10.0, 0, Event.INSIDE),
    (True, 0.0, 10.0, 29_999, Event.INSIDE),
    (True, 0.0, 10.0, 30_000, Event.INSIDE_DUE),
    (True, 0.0, 200.0, 30_000, Event.INSIDE_DUE),
    (True, 0.0, 200.1, 30_000, Event.AMBIGUOUS),
    (False, 60.0, 10.0, 0, Event.AMBIGUOUS),
    (False, 60.1, 10.0, 0, Event.CLEARLY_OUTSIDE),
    (False, 500.0, 450.0, 90_000, Event.AMBIGUOUS),
    (False, 500.0, 10.0, 59_999, Event.CLEARLY_OUTSIDE),
    (False, 500.0, 10.0, 60_000, Event.CLEARLY_OUTSIDE_DUE),
]


@pytest.mark.parametrize(("inside", "outside_m", "accuracy_m", "elapsed_ms", "event"), OBSERVATIONS)
def test_a_fix_is_read_with_its_accuracy(
    *, inside: bool, outside_m: float, accuracy_m: float, elapsed_ms: int, event: Event
) -> None:
    """A fix less accurate than the fence is wide proves no entry, one not clear of the margin no exit."""
    assert (
        observe(
            FENCE,
            inside=inside,
            outside_m=outside_m,
            accuracy_m=accuracy_m,
            size_m=200.0,
            elapsed_ms=elapsed_ms,
        )
        is event
    )


def test_without_a_wait_the_first_fix_decides() -> None:
    """min_inside_s 0 enters at the first fix inside, min_outside_s 0 leaves at the first clearly outside."""
    eager = Fence(id="f", shape=Circle(-99.0, 19.0, 100.0), min_outside_s=0)
    entered = observe(eager, inside=True, outside_m=0.0, accuracy_m=5.0, size_m=200.0)
    left = observe(eager, inside=False, outside_m=300.0, accuracy_m=5.0, size_m=200.0)
    assert advance(State.OUTSIDE, entered) == (State.INSIDE, Action.RAISE_ENTER)
    assert advance(State.INSIDE, left) == (State.OUTSIDE, Action.RAISE_EXIT)


def told(*events: Event) -> list[str]:
    """The actions, without `stay`, of a vehicle that begins outside."""
    state, actions = State.OUTSIDE, []
    for event in events:
        state, action = advance(state, event)
        actions += [str(action)] if action is not Action.STAY else []
    return actions


STORIES = {
    "entered, then jammed: still raised": (
        (Event.INSIDE, Event.NO_FIX, Event.TIMER),
        ["start_enter_timer", "raise_enter"],
    ),
    "clipped a corner": ((Event.INSIDE, Event.CLEARLY_OUTSIDE), ["start_enter_timer", "cancel_enter"]),
    "drift while parked": (
        (Event.INSIDE_DUE, Event.CLEARLY_OUTSIDE, Event.AMBIGUOUS, Event.INSIDE),
        ["raise_enter", "start_exit", "cancel_exit"],
    ),
    "went silent on the way out: no exit": (
        (Event.INSIDE_DUE, Event.CLEARLY_OUTSIDE, Event.NO_FIX, Event.AMBIGUOUS),
        ["raise_enter", "start_exit"],
    ),
    "there when the window opened, then jammed": (
        (Event.CLEARLY_OUTSIDE, Event.WINDOW_OPENS, Event.NO_FIX, Event.TIMER),
        ["start_enter_timer", "raise_enter"],
    ),
    "still there when the window closed, and when it opened again": (
        (Event.INSIDE_DUE, Event.WINDOW_CLOSES, Event.NO_FIX, Event.WINDOW_OPENS, Event.INSIDE_DUE),
        ["raise_enter", "end_visit", "start_enter_timer", "raise_enter"],
    ),
    "turned round and passed through again": (
        (Event.INSIDE_DUE, Event.CLEARLY_OUTSIDE, Event.CROSSED, Event.CLEARLY_OUTSIDE, Event.CLEARLY_OUTSIDE_DUE),
        ["raise_enter", "start_exit", "restart_exit", "raise_exit"],
    ),
    "drawn anew around a truck that was leaving": (
        (Event.INSIDE_DUE, Event.CLEARLY_OUTSIDE, Event.FENCE_CHANGED, Event.CLEARLY_OUTSIDE_DUE),
        ["raise_enter", "start_exit", "end_visit"],
    ),
    "answered again far away": (
        (Event.INSIDE_DUE, Event.CLEARLY_OUTSIDE, Event.NO_FIX, Event.CLEARLY_OUTSIDE_DUE),
        ["raise_enter", "start_exit", "raise_exit"],
    ),
}


@pytest.mark.parametrize(("events", "actions"), STORIES.values(), ids=STORIES.keys())
def test_a_story_has_the_actions_an_operator_expects(events: tuple[Event, ...], actions: list[str]) -> None:
    """A visit is entered at most once, and only a fix ends it."""
    assert told(*events) == actions


def test_the_documented_table_is_the_table() -> None:
    """The Markdown has a row for each event, a column for each state, and every cell of the table."""
    lines = membership_table().splitlines()
    assert lines[0] == "| event | outside | entering | inside | leaving |"
    assert lines[2] == "| inside | start_enter_timer → entering | stay | stay | cancel_exit → inside |"
    assert "| timer |  | raise_enter → inside |  |  |" in lines
    assert len(lines) == 2 + len(Event)
