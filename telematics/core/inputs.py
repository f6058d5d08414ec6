"""A batch as the engine works on it: the pings, when each takes effect, and what each stands in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from telematics.core.surroundings import Located, Surroundings
    from telematics.model import Batch, Ping

_NOWHERE = float("nan")  # where a tick stands


@dataclass(frozen=True, slots=True)
class Inputs:
    """Columns of equal length; degrees, and NaN where a tick stands. `ats` are the arrivals, none below the one before or the clock; `at` the same as floats."""

    pings: list[Ping | None]
    ats: list[int]
    at: NDArray[np.float64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    located: Located


def prepare(batch: Batch, clock: int, surroundings: Surroundings) -> Inputs:
    """The inputs of a batch that follows `clock`."""
    lon = np.array([_NOWHERE if ping is None else ping.lon for ping in batch.pings])
    lat = np.array([_NOWHERE if ping is None else ping.lat for ping in batch.pings])
    at = np.maximum.accumulate(np.maximum(batch.arrivals, clock))
    return Inputs(batch.pings, at.tolist(), at.astype(np.float64), lon, lat, surroundings.locate(lon, lat))
