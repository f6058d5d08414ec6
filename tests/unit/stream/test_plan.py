"""What is judged again by who takes a partition over, from what is committed and what is left of the log."""

from __future__ import annotations

from typing import Any, cast

import pytest

from telematics.metrics import Metrics
from telematics.settings import Settings
from telematics.stream.checkpoint import Checkpoint, Position
from telematics.stream.ledger import Mark, Restart
from telematics.stream.partition import Partition
from telematics.stream.recovery import Plan, States, plan_for

SETTINGS = Settings()
FROM_80 = Position(100, Restart(Mark(80, 5_000), truncated=False).text())


@pytest.mark.parametrize(
    ("begin", "plan"),
    [
        pytest.param(0, Plan(Mark(80, 5_000), 100, 100, truncated=False), id="all of it is there"),
        pytest.param(80, Plan(Mark(80, 5_000), 100, 100, truncated=False), id="all that is needed is there"),
        pytest.param(81, Plan(Mark(81, 5_000), 100, 100, truncated=True), id="some that is needed is gone"),
        pytest.param(100, Plan(Mark(100, 5_000), 100, 100, truncated=True), id="what is needed is gone"),
        pytest.param(101, Plan(Mark(101, 0), 101, 100, truncated=True), id="what nobody has judged is gone"),
    ],
)
async def test_a_log_is_judged_again_from_where_it_is_needed_and_there(begin: int, plan: Plan) -> None:
    """From `replay_from`, or from the beginning if the log begins later; then what is found may have begun before."""
    partition = Partition(0, 1, SETTINGS, cast("Checkpoint", None), Metrics())
    found = await plan_for(SETTINGS, cast("Any", None), partition, FROM_80, States(), begin)
    assert found == plan
