"""What is asked of a log beside its records."""

from __future__ import annotations

import pytest

from telematics.stream import reader
from telematics.stream.reader import end_of_log


@pytest.mark.parametrize(
    ("said", "reached", "end"),
    [([7], 7, 7), ([9], 7, 9), ([3, 3, 8], 7, 8), ([3] * 30, 7, 3)],
    ids=["as far", "further", "a broker that has just come up", "another log"],
)
async def test_a_log_that_seems_shorter_is_given_time(
    monkeypatch: pytest.MonkeyPatch, said: list[int], reached: int, end: int
) -> None:
    """It is asked again for as long as it ends before where we have been, and not for ever."""
    monkeypatch.setattr(reader, "_LOOK_AGAIN_S", 0)
    answers = iter(said)

    async def ask() -> int:
        return next(answers)

    assert await end_of_log(ask, reached) == end
