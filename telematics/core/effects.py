"""What a step of the engine gives back: alerts to publish, and counts of what became of the inputs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from telematics.model import Alert

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Slots = NDArray[np.intp]


class Outcome(StrEnum):
    """What became of an input, or what else the engine counts. Each accepted ping has exactly one of the first six."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    LATE = "late"
    LATE_IGNORED = "late_ignored"
    NO_FIX = "no_fix"
    QUARANTINED = "quarantined"
    TICK = "tick"
    REBUILD_TRUNCATED = "rebuild_truncated"
    STATE_DROPPED = "state_dropped"


PING_OUTCOMES = (
    Outcome.ACCEPTED,
    Outcome.DUPLICATE,
    Outcome.LATE,
    Outcome.LATE_IGNORED,
    Outcome.NO_FIX,
    Outcome.QUARANTINED,
)


class Quarantine(StrEnum):
    """Why a valid ping is not believed where it says it is."""

    FUTURE_CLOCK = "future_clock"
    PAST_CLOCK = "past_clock"
    IMPLAUSIBLE_JUMP = "implausible_jump"
    SAME_TIME_ELSEWHERE = "same_time_elsewhere"


@dataclass(slots=True)
class Effects:
    """Alerts in the order they became knowable, and counts by outcome and by reason of quarantine.

    `changed`: the numbers of the vehicles whose state is not what it was; `forgotten`: vehicles of which nothing is known
    any more, unless `changed` has them again.
    """

    alerts: list[Alert] = field(default_factory=list)
    counts: Counter[Outcome] = field(default_factory=Counter)
    quarantined: Counter[Quarantine] = field(default_factory=Counter)
    forgotten: list[str] = field(default_factory=list)
    changed: Slots = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
