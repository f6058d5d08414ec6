"""Law 7: a deadline takes effect when it is due, whoever notices, and in order."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from telematics.core.fleet import Fleet
from telematics.core.state import VehicleState
from telematics.core.timers import Timers
from telematics.model import Alert
from tests.support.generator import Coverage, Stream, run, streams
from tests.support.story import Input

ENDS_MS = 3_600_000


def _timeless(alerts: list[Alert]) -> list[Alert]:
    """But for `delayed`, which says how late a deadline was noticed."""
    return [replace(alert, delayed=False) for alert in alerts]


def test_ticks_reveal_and_change_nothing() -> None:
    """With no tick, with the stream's own and with any others: the same alerts at the same times, but for `delayed`."""
    coverage = Coverage()

    @settings(max_examples=50, deadline=None, derandomize=True)
    @given(stream=streams(), data=st.data())
    def law(stream: Stream, data: st.DataObject) -> None:
        end: Input = (stream.inputs[-1][0] + ENDS_MS, None)
        bare = stream.without_ticks()
        ticked = run(stream.engine(), [*stream.inputs, end])
        coverage.add(ticked.alerts)
        silent = run(stream.engine(), [*bare, end])
        assert _timeless(silent.alerts) == _timeless(ticked.alerts)
        first = bare[0][0]
        extra = data.draw(st.lists(st.integers(first, end[0]), max_size=30), label="ticks")
        mixed = sorted([*bare, end, *((at, None) for at in extra)], key=lambda input_: input_[0])
        other = run(stream.engine(), mixed)
        assert _timeless(other.alerts) == _timeless(ticked.alerts)

    law()
    coverage.require()


def test_alerts_come_in_the_order_in_which_they_became_knowable() -> None:
    """`raised_at` never falls within a partition and never lies ahead of the clock."""
    coverage = Coverage()

    @settings(max_examples=36, deadline=None, derandomize=True)
    @given(stream=streams())
    def law(stream: Stream) -> None:
        engine = stream.engine()
        came = run(engine, stream.inputs)
        coverage.add(came.alerts)
        assert all(before.raised_at <= after.raised_at for before, after in pairwise(came.alerts))
        assert all(alert.raised_at <= engine.clock for alert in came.alerts)

    law()
    coverage.require()


def test_an_arrival_below_the_clock_counts_as_the_clock() -> None:
    """Arrivals that step back are lifted to the clock: the effects are those of the lifted stream."""
    coverage = Coverage()

    @settings(max_examples=36, deadline=None, derandomize=True)
    @given(stream=streams(), seed=st.randoms(use_true_random=False))
    def law(stream: Stream, seed: st.random.Random) -> None:  # type: ignore[name-defined]
        back = [(arrival - seed.choice([0, 0, 0, 30_000]), ping) for arrival, ping in stream.inputs]
        lifted: list[Input] = []
        clock = 0
        for arrival, ping in back:
            clock = max(clock, arrival)
            lifted.append((clock, ping))
        stepped = run(stream.engine(), back)
        coverage.add(stepped.alerts)
        assert stepped.encoded() == run(stream.engine(), lifted).encoded()

    law()
    coverage.require()


keys = st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["", "x"]))
moves = st.tuples(st.sampled_from(["V1", "V2"]), keys, st.none() | st.integers(0, 20))


@settings(deadline=None)
@given(moves=st.lists(moves, max_size=40))
def test_the_index_of_deadlines_agrees_with_a_sorted_list(moves: list[tuple[str, tuple[str, str], int | None]]) -> None:
    """Set, moved forth and back and lifted at will, deadlines come out as (due, vehicle, rule, subject), sorted."""
    fleet = Fleet()
    for name in ("V1", "V2"):
        fleet.add(VehicleState(name))
    vehicles, timers = fleet.by_id, Timers(fleet, lambda _state, _key, due: due)
    wanted: dict[tuple[str, str, str], int] = {}
    for vehicle, key, due in moves:
        if due is None:
            vehicles[vehicle].deadlines.pop(key, None)
            wanted.pop((vehicle, *key), None)
        else:
            timers.arm(vehicles[vehicle], key, due)
            wanted[vehicle, *key] = due
    found = []
    for horizon in (7, 7, 20):
        timers.look_ahead(horizon)
        while timers.may_be_due(horizon) and timers.next_due() is not None:
            due, state, key = timers.pop()
            found.append((due, state.vehicle_id, *key))
    assert found == sorted((due, *key) for key, due in wanted.items())
