"""The laws of membership, over any sequence of what can happen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from geofences.transitions import ENDINGS, TABLE, Action, Event, State, advance

FIXES = [
    Event.INSIDE,
    Event.INSIDE_DUE,
    Event.AMBIGUOUS,
    Event.CLEARLY_OUTSIDE,
    Event.CLEARLY_OUTSIDE_DUE,
    Event.NO_FIX,
]
IN_DOUBT = st.lists(st.sampled_from([Event.AMBIGUOUS, Event.NO_FIX]), max_size=20)


@st.composite
def lives(draw: st.DrawFn) -> list[tuple[State, Event, State, Action]]:
    """The steps of a vehicle that begins outside; the timer only fires where one is set."""
    state, steps = State.OUTSIDE, []
    for _ in range(draw(st.integers(0, 40))):
        event = draw(st.sampled_from([event for event in Event if (state, event) in TABLE]))
        following, action = advance(state, event)
        steps.append((state, event, following, action))
        state = following
    return steps


@given(lives())
def test_enters_and_exits_alternate(steps: list[tuple[State, Event, State, Action]]) -> None:
    """No visit is raised twice, and none ends that did not begin."""
    over = (Action.RAISE_EXIT, Action.END_VISIT)
    raised = [action in over for *_, action in steps if action is Action.RAISE_ENTER or action in over]
    assert raised == [False, True] * (len(raised) // 2) + [False] * (len(raised) % 2)


@given(lives())
def test_only_a_fix_clearly_outside_ends_a_visit(steps: list[tuple[State, Event, State, Action]]) -> None:
    """Silence, an uncertain fix and time alone never prove an exit."""
    assert {event for _, event, _, action in steps if action is Action.RAISE_EXIT} <= {Event.CLEARLY_OUTSIDE_DUE}


@given(st.sampled_from(State), st.sampled_from(list(ENDINGS)))
def test_a_fence_that_is_not_there_has_nobody_inside(state: State, ending: Event) -> None:
    """Whatever ends a visit ends it from every state, and only one that was told of is told to be over."""
    following, action = advance(state, ending)
    assert following is State.OUTSIDE
    assert (action is Action.END_VISIT) == (state in (State.INSIDE, State.LEAVING))


@given(st.sampled_from(State), IN_DOUBT)
def test_what_is_in_doubt_changes_nothing(state: State, events: list[Event]) -> None:
    """However many uncertain or missing fixes come, the vehicle stays as it was."""
    for event in events:
        assert advance(state, event) == (state, Action.STAY)


@given(IN_DOUBT)
def test_a_pending_enter_is_raised_whatever_jams_it(events: list[Event]) -> None:
    """After one fix inside, no doubt and no silence keeps the timer from raising."""
    state, _ = advance(State.OUTSIDE, Event.INSIDE)
    for event in events:
        state, _ = advance(state, event)
    assert advance(state, Event.TIMER) == (State.INSIDE, Action.RAISE_ENTER)


@given(st.sampled_from(State), st.sampled_from(FIXES))
def test_every_fix_has_a_cell_in_every_state(state: State, event: Event) -> None:
    """No report of any device can be illegal: only what the engine itself finds out can be out of place."""
    assert (state, event) in TABLE
