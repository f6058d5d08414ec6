"""Arrivals of files that have none: the rule of the design, row by row."""

from __future__ import annotations

import pytest

from telematics.model import Ping
from telematics.replay.arrival import Order, in_arrival_order
from telematics.replay.files import Row

H = 3_600_000
DAY = 24 * H
T = 1_772_000_000_000
NOW = T + 300 * DAY


def rows(*given: tuple[str, int]) -> list[Row]:
    """Rows of (vehicle, hours after T); `lon` is the row's number, to tell them apart."""
    return [
        Row(Ping(vehicle, T + hours * H, 0.0, float(number)), None) for number, (vehicle, hours) in enumerate(given)
    ]


def arrivals(given: list[Row], order: Order = Order.TS) -> dict[int, int]:
    """Row number to arrival in hours after T, in the order of arrival."""
    found = in_arrival_order(given, NOW, order)
    return {round(row.ping.lon): ((row.arrival or 0) - T) // H for row in found}


def test_rows_arrive_at_their_ts_in_its_order() -> None:
    """Rows are sorted by ts, those of equal ts stay as they lie."""
    found = arrivals(rows(("a", 3), ("b", 1), ("c", 3), ("b", 2), ("d", 1)))
    assert list(found.items()) == [(1, 1), (4, 1), (3, 2), (0, 3), (2, 3)]


FAR = 24 * 400
CASES: dict[str, tuple[list[tuple[str, int]], dict[int, int]]] = {
    "after the file's modification": ([("a", 1), ("b", FAR), ("a", 2)], {1: 1}),
    "far from both neighbours": ([("a", 1), ("a", -FAR // 2), ("a", 2)], {1: 1}),
    "neighbours are of the same vehicle": ([("a", 1), ("b", 50), ("a", 2), ("b", 51)], {}),
    "exactly 24 h is not far": ([("a", 0), ("a", 24), ("a", 0)], {}),
    "a second more than 24 h is": ([("a", 0), ("a", 25), ("a", 0)], {1: 0}),
    "far from one neighbour only": ([("a", 0), ("a", 1), ("a", 100), ("a", 101)], {}),
    "the row before may be another vehicle's": ([("a", 1), ("b", 5), ("a", -900), ("a", 2)], {2: 5}),
    "first row, far from the next two": ([("a", -900), ("a", 1), ("a", 2)], {0: 1}),
    "last row, far from the two before": ([("a", 1), ("a", 2), ("a", -900)], {2: 2}),
    "two rows say nothing of each other": ([("a", -900), ("a", 1)], {}),
    "one row": ([("a", -900), ("b", 1)], {}),
    "several in a row": ([("a", 1), ("b", FAR), ("c", FAR), ("a", 2)], {1: 1, 2: 1}),
    "rows before the first believed one": ([("b", FAR), ("c", FAR), ("a", 7)], {0: 7, 1: 7}),
}


@pytest.mark.parametrize("name", CASES)
def test_who_is_believed(name: str) -> None:
    """A ts that cannot be takes the arrival of the row before it; every other row arrives at its ts."""
    given, disbelieved = CASES[name]
    assert arrivals(rows(*given)) == {number: hours for number, (_, hours) in enumerate(given)} | disbelieved


def test_no_row_is_believed() -> None:
    """A rule that refuses every row says nothing: rows arrive at their ts, and none after the file was written."""
    assert arrivals(rows(("a", 0), ("a", 48), ("a", 96))) == {0: 0, 1: 48, 2: 96}
    assert arrivals(rows(("a", FAR))) == {0: 300 * 24}


def test_file_order() -> None:
    """With --order file rows stay as they lie and the clock never goes back."""
    found = arrivals(rows(("a", 3), ("b", 1), ("a", 4), ("b", 2), ("c", FAR)), Order.FILE)
    assert list(found.items()) == [(0, 3), (1, 3), (2, 4), (3, 4), (4, 4)]


def test_given_arrivals_are_kept() -> None:
    """Rows that bring their arrival are sorted by it, however odd their ts."""
    given = [Row(row.ping, T + (10 - n) * H) for n, row in enumerate(rows(("a", FAR), ("a", 1), ("a", -900)))]
    assert list(arrivals(given).items()) == [(2, 8), (1, 9), (0, 10)]
