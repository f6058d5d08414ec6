"""The shortcuts of the engine decide nothing: with and without them the effects and the state are the same."""

from __future__ import annotations

import json
from collections import Counter
from math import inf
from typing import Any

import pytest
from hypothesis import given, settings

from telematics.core import screen
from telematics.core.columns import MOTION, Columns
from telematics.core.engine import MonitorEngine
from telematics.core.plain import MOVES, STANDS, STRAYS, PlainFixes
from telematics.core.rules.implausible_jump import ImplausibleJump
from telematics.core.screen import Screen
from telematics.core.state import VehicleState
from telematics.core.surroundings import Surroundings
from tests.support.generator import RULE_SET, Coverage, Stream, run, streams
from tests.support.places import INDEX
from tests.support.story import in_order
from tests.support.truck import Truck


def _listen(*_said: Any) -> None:
    """A tracer: with one, every rule that an input can concern is asked."""


def _none(_screen: Screen, _inputs: Any, stretch: range, _waiting: Any) -> list[bool]:
    return [False] * len(stretch)


def _unsettled(_surroundings: Surroundings, state: VehicleState, *_where: Any) -> None:
    state.settled_in = None


def test_the_shortcuts_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every rule asked of every fix, every fence looked at again: identical bytes, counts and state."""
    coverage = Coverage()
    spared = Counter[str]()
    turns = Counter[tuple[float, float]]()
    passing, settling, following = Screen.pass_plain, Surroundings.settle, Columns.pass_by
    going = Surroundings.pass_on

    def goes(surroundings: Surroundings, state: VehicleState, hits: Any) -> None:
        spared["gone on"] += hits != state.hits
        going(surroundings, state, hits)

    def follows(columns: Columns, slots: Any, fixes: PlainFixes, good: Any, first: Any) -> Any:
        before = columns.table[slots[good], MOTION]
        turns.update(zip(before.tolist(), fixes.motion[good].tolist(), strict=True))
        return following(columns, slots, fixes, good, first)

    def passes(*of: Any) -> list[bool]:
        passed = passing(*of)
        spared["plain"] += sum(passed)
        return passed

    def settles(surroundings: Surroundings, state: VehicleState, *where: Any) -> None:
        settling(surroundings, state, *where)
        spared["settled" if state.settled_until == inf else "leaving"] += state.settled_in is not None

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(stream=streams())
    def law(stream: Stream) -> None:
        with monkeypatch.context() as counting:
            counting.setattr(Screen, "pass_plain", passes)
            counting.setattr(Surroundings, "settle", settles)
            counting.setattr(Columns, "pass_by", follows)
            counting.setattr(Surroundings, "pass_on", goes)
            counting.setattr(screen, "_WORTH_IT", 1)
            quick = stream.engine()
            came = run(quick, stream.inputs)
        coverage.add(came.alerts)
        with monkeypatch.context() as thorough:
            thorough.setattr(Screen, "pass_plain", _none)
            thorough.setattr(Surroundings, "settle", _unsettled)
            slow = stream.engine()
            slow.trace(_listen)
            expected = run(slow, stream.inputs)
        assert came.encoded() == expected.encoded()
        assert came.counts == expected.counts
        assert json.dumps(quick.snapshot()) == json.dumps(slow.snapshot())

    law()
    coverage.require()
    assert min(spared[name] for name in ("plain", "settled", "leaving", "gone on")) > 0, (
        f"a shortcut was never taken: {spared}"
    )
    wanted = [(MOVES, STANDS), (STANDS, STANDS), (STANDS, STRAYS), (STRAYS, STANDS), (STRAYS, MOVES)]
    assert min(turns[turn] for turn in wanted) > 0, f"a turn was never taken: {turns}"


def test_an_odometer_that_runs_at_a_stand_is_compared_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shortcut files round kilometres, but never takes a stand of many kilometres for agreement."""
    trucks = [Truck(f"V{number}", km=83 + number / 50, every_s=10, interval_s=10.0) for number in range(20)]
    for number, truck in enumerate(trucks):
        truck.drive(83.8 + number / 50, odometer_km=101.0)
        for ping in range(120):
            truck.flag(10, odometer_km=102.0 + number / 4 + ping * 0.3)
    inputs = in_order([sent for truck in trucks for sent in truck.sent])
    noted = 0
    filing = ImplausibleJump.note

    def note(*of: Any) -> tuple[float, ...]:
        nonlocal noted
        noted += of[2].stands_since < inf
        return filing(*of)

    monkeypatch.setattr(ImplausibleJump, "note", note)
    quick, slow = MonitorEngine(INDEX, RULE_SET), MonitorEngine(INDEX, RULE_SET)
    slow.trace(_listen)
    cuts = range(0, len(inputs), 40)
    came, expected = run(quick, inputs, cuts), run(slow, inputs, cuts)
    assert came.encoded() == expected.encoded()
    assert json.dumps(quick.snapshot()) == json.dumps(slow.snapshot())
    assert noted > 0


@pytest.mark.parametrize("vehicles", [1, 20])
def test_a_burst_is_not_looked_at_again_and_again(monkeypatch: pytest.MonkeyPatch, vehicles: int) -> None:
    """A device that does not tell its interval turns at every ping: its burst costs no round a ping."""
    fleet = [Truck(f"V{number}", km=number / 10).send() for number in range(1000)]
    for truck in fleet[:vehicles]:
        truck.now_s += 60
        truck.drive(truck.km + 200 / vehicles)
    inputs = in_order([sent for truck in fleet for sent in truck.sent])
    looked_at = 0
    judging = Screen._judge

    def judge(its: Screen, slots: Any, *of: Any) -> Any:
        nonlocal looked_at
        looked_at += len(slots)
        return judging(its, slots, *of)

    monkeypatch.setattr(Screen, "_judge", judge)
    run(MonitorEngine(INDEX, RULE_SET), inputs, [1000])
    assert 0 < looked_at < 3 * len(inputs)
