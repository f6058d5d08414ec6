"""Rates and percentiles of the bench."""

from __future__ import annotations

import pytest

from bench.throughput import Rate, Sample, percentile, rate

SAMPLES = [
    Sample(0, 100.0, 1.0),
    Sample(0, 104.0, 3.0),  # starting up
    Sample(120, 105.0, 3.5),
    Sample(620, 107.0, 4.5),
    Sample(1000, 109.0, 5.5),
    Sample(1000, 130.0, 9.0),  # done, and waiting to be told
]


def test_start_and_end_do_not_count() -> None:
    """The rate is that between two counts: neither what came before the first nor what follows the last is in it."""
    assert rate(SAMPLES, 100, 1000) == Rate((1000 - 120) / 4.0, (1000 - 120) / 2.0)


@pytest.mark.parametrize(("first", "last"), [(100, 1001), (700, 1000), (0, 0)])
def test_a_stretch_nobody_sampled_is_refused(first: int, last: int) -> None:
    """A run that did not come to its end, or went by between two samples, has no rate."""
    with pytest.raises(ValueError, match="show no stretch"):
        rate(SAMPLES, first, last)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([7.0], 0.5, 7.0),
        ([4.0, 1.0, 3.0, 2.0], 0.5, 2.0),
        ([float(n) for n in range(1, 101)], 0.99, 99.0),
        ([float(n) for n in range(1, 102)], 0.99, 100.0),
        ([1.0, 2.0], 1.0, 2.0),
        ([1.0, 2.0], 0.0, 1.0),
    ],
)
def test_a_percentile_is_a_value_that_was_measured(values: list[float], share: float, expected: float) -> None:
    """It is the smallest value that the share of all values does not exceed."""
    assert percentile(values, share) == expected


def test_no_values_have_no_percentile() -> None:
    """Nothing measured is an error, not a zero."""
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)
