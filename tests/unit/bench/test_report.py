"""From rounds to figures and floors."""

from __future__ import annotations

from typing import Any

from bench.report import BARE, FEW, MANY, WITHOUT, facts, figures, floors, geofence_rows, rows
from bench.throughput import Rate


def _round(speed: float, **parts: float) -> dict[str, Rate]:
    """A round on a machine of this speed: what each measurement reaches of the bare loop."""
    named = {"100": 0.2, "1000": 0.2, "10000": 0.18, FEW: 0.2, MANY: 0.17} | parts
    return {BARE: Rate(speed, speed)} | {name: Rate(speed * part, 2 * speed * part) for name, part in named.items()}


def test_a_slow_round_changes_no_ratio() -> None:
    """Each round is held against its own bare loop: a machine busy in one of three changes nothing."""
    rounds = [_round(200_000), _round(50_000), _round(220_000)]
    assert {floor.what: round(floor.measured, 3) for floor in floors(rounds, {})} == {
        "1,000 fences, of the bare loop": 0.2,
        "10,000 sparse fences, of 100": 0.9,
        "100,000 vehicles, of 10,000": 0.85,
    }
    assert all(floor.ok for floor in floors(rounds, {}))
    assert figures(rounds, {}, {})["bare_loop_pings_per_s"] == 200_000


def test_a_missed_floor_is_told() -> None:
    """Below what is promised a floor fails, and the document says so."""
    rounds = [_round(200_000, **{"1000": 0.149, "10000": 0.139, MANY: 0.118})]
    assert [floor.ok for floor in floors(rounds, {})] == [False, False, False]
    assert [floor["ok"] for floor in figures(rounds, {}, {})["floors"]] == [False, False, False]


def test_what_was_not_measured_is_not_judged() -> None:
    """A quick run without the many vehicles has neither their floor nor their section."""
    rounds = [{name: value for name, value in _round(1000).items() if name not in {FEW, MANY}}]
    assert "vehicles" not in figures(rounds, {}, {})
    assert len(floors(rounds, {})) == 2


def test_the_document_has_the_promised_keys() -> None:
    """`build/bench.json` names its figures as the issue does."""
    latency = {"2000": {"p50_ms": 8.0, "p99_ms": 20.0}, "10000": {"p50_ms": 9.0, "p99_ms": 40.0}}
    extra = {"1000": {"latency": latency, "bytes_per_vehicle": 900, "python_bytes_per_vehicle": 3000}}
    document = figures([_round(200_000)], extra, {})
    assert list(document["monitor"]) == ["100", "1000", "10000"]
    assert document["monitor"]["1000"] == {
        "pings_per_s": 40_000,
        "pings_per_cpu_s": 80_000,
        "ratio": 0.2,
        "latency": latency,
        "bytes_per_vehicle": 900,
        "python_bytes_per_vehicle": 3000,
    }
    assert document["vehicles"]["100000"] == {"pings_per_s": 34_000, "pings_per_cpu_s": 68_000, "ratio": 0.85}


def test_the_table_has_a_column_for_every_rate() -> None:
    """What was measured at some numbers of fences only leaves the cells of the others empty."""
    latency = {"10000": {"p50_ms": 9.0, "p99_ms": 40.0}, "2000": {"p50_ms": 8.0, "p99_ms": 20.0}}
    heading, *body = rows(figures([_round(1000)], {"1000": {"latency": latency}}, {}))
    assert heading[4:6] == ("p50/p99 ms at 2,000/s", "p50/p99 ms at 10,000/s")
    cells = {row[0]: row[4:6] for row in body}
    assert cells["1,000 fences"] == ("8 / 20", "9 / 40")
    assert cells["100 fences"] == ("", "")


def test_what_transactions_cost_is_told_round_by_round() -> None:
    """The monitor with them as a part of the one without, each in its own round; the goal is a least one."""
    rounds = [_round(200_000, **{WITHOUT: 0.25}), _round(50_000, **{WITHOUT: 0.22}), _round(90_000, **{WITHOUT: 0.25})]
    document = figures(rounds, {}, {})
    assert document["transactions"]["ratio"] == 0.8
    assert WITHOUT not in document["monitor"]
    (fact,) = facts(document)
    assert (fact.figure, fact.goal, fact.ok) == (0.8, 0.85, False)
    assert [row[1] for row in rows(document) if row[0] == WITHOUT] == ["22,500"]


def test_a_goal_is_told_for_what_it_was_set_for() -> None:
    """Recovery has one for 100,000 vehicles, and a latency for its rate; pauses have none yet, and miss none."""
    latency = {"2000": {"p50_ms": 8.0, "p99_ms": 50.0}, "10000": {"p50_ms": 9.0, "p99_ms": 99.9}}
    recovery = {"vehicles": 100_000, "from_assignment_s": 14.9, "start_s": 17.0, "snapshot_us": 60.0}
    once = {"recovery": recovery, "rebalance": {"join": {"stayed_ms": 300, "moved_ms": 900}}}
    document = figures([_round(1000)], {"1000": {"latency": latency}}, once)
    assert document["recovery"] == recovery
    assert [(fact["figure"], fact["ok"]) for fact in document["goals"]] == [
        (50.0, False),
        (99.9, True),
        (14.9, True),
        (17.0, None),
        (60.0, None),
        (300, None),
        (900, None),
    ]
    few = figures([_round(1000)], {}, {"recovery": recovery | {"vehicles": 10_000}})
    assert {fact.ok for fact in facts(few)} == {None}


def _geofences(match_ns: int, ratio: float) -> dict[str, Any]:
    """What fences alone cost on a machine where 1,000 sparse ones take so long."""
    one = {"hits_per_point": 0.1, "judge_ns": 900, "distances_ns": 2_000, "of_strtree": 6.0}
    sets = {"100": {**one, "match_ns": 90}, "1000": {**one, "match_ns": match_ns}, "10000": {**one, "match_ns": 240}}
    cost = {
        f"{name}_ns": 160 for name in ("without", "with", "judge_without", "judge_with", "match_there", "judge_there")
    }
    return {"sparse": sets, "dense": sets, "large": {"ratio": ratio, **cost}}


def test_fences_alone_have_a_goal_and_floors() -> None:
    """A microsecond a point is a goal, which a slow machine may miss; ratios within the run are floors."""
    rounds = [_round(1000)]
    for match_ns, ratio, met, kept in ((160, 0.9, True, [True] * 4), (2_000, 0.4, False, [True, True, True, False])):
        document = figures(rounds, {}, {"geofences": _geofences(match_ns, ratio)})
        assert [floor["ok"] for floor in document["floors"][-4:]] == kept
        (fact,) = [fact for fact in facts(document) if fact.goal == 1.0]
        assert (fact.figure, fact.unit, fact.ok) == (match_ns / 1_000, "µs", met)


def test_fences_alone_have_a_table() -> None:
    """A row for each set, and for a large fence those beside it, with it and in it."""
    heading, *body = geofence_rows({"geofences": _geofences(160, 0.9)})
    assert {len(row) for row in body} == {len(heading)}
    assert [row[0] for row in body][:2] == ["100 sparse fences", "1,000 sparse fences"]
    assert len(body) == 9
