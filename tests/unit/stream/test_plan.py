"""What is judged again by who takes a partition over, from what is committed and what is left of the log."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest

from telematics.metrics import Metrics
from telematics.settings import Settings
from telematics.stream.checkpoint import Checkpoint, Position
from telematics.stream.ledger import Mark, Restart
from telematics.stream.partition import Partition
from telematics.stream.recovery import Plan, States, plan_for
from tests.support.records import Raw

SETTINGS = Settings()
FROM_80 = Position(100, Restart(Mark(80, 5_000), truncated_until=0).text())


class Log:
    """A reader of one record, which arrived at 9 s; what is not older than the window begins at offset `window`."""

    def __init__(self, window: int) -> None:
        self._window = window

    def seek(self, _: Any) -> None:
        """Anywhere."""

    async def until(self, _: Any) -> AsyncGenerator[tuple[int, list[Raw]]]:
        """The record."""
        yield 0, [Raw(99, 9_000, None, b"")]

    async def offsets_at(self, _: int) -> dict[int, int]:
        """Where the window begins."""
        return {0: self._window}


@pytest.mark.parametrize(
    ("begin", "window", "plan"),
    [
        pytest.param(0, 60, Plan(Mark(60, 0), 100, 100, truncated_until=0), id="a window larger than what is needed"),
        pytest.param(0, 90, Plan(Mark(80, 5_000), 100, 100, truncated_until=0), id="a smaller one"),
        pytest.param(85, 60, Plan(Mark(85, 0), 100, 100, truncated_until=None), id="some of both is gone"),
    ],
)
async def test_for_a_state_that_is_lost_a_window_is_judged_again(begin: int, window: int, plan: Plan) -> None:
    """From the earlier of the two, as far as it is there; that it is not has to be known."""
    partition = Partition(0, 1, SETTINGS, cast("Checkpoint", None), Metrics())
    states = States()
    states.lost.add("truck-1")
    assert await plan_for(SETTINGS, cast("Any", Log(window)), partition, FROM_80, states, begin) == plan


@pytest.mark.parametrize(
    ("begin", "plan"),
    [
        pytest.param(0, Plan(Mark(80, 5_000), 100, 100, truncated_until=0), id="all of it is there"),
        pytest.param(80, Plan(Mark(80, 5_000), 100, 100, truncated_until=0), id="all that is needed is there"),
        pytest.param(81, Plan(Mark(81, 5_000), 100, 100, truncated_until=None), id="some that is needed is gone"),
        pytest.param(100, Plan(Mark(100, 5_000), 100, 100, truncated_until=None), id="what is needed is gone"),
        pytest.param(101, Plan(Mark(101, 0), 101, 100, truncated_until=None), id="what nobody has judged is gone"),
    ],
)
async def test_a_log_is_judged_again_from_where_it_is_needed_and_there(begin: int, plan: Plan) -> None:
    """From `replay_from`, or from the beginning if the log begins later; then what is found may have begun before."""
    partition = Partition(0, 1, SETTINGS, cast("Checkpoint", None), Metrics())
    found = await plan_for(SETTINGS, cast("Any", None), partition, FROM_80, States(), begin)
    assert found == plan
