"""The last fixes of a vehicle, kept in columns, come back as they were put in, oldest first."""

from __future__ import annotations

import numpy as np
import pytest

from telematics.core.fleet import Fleet
from telematics.core.state import RING_FIXES, FixPoint, VehicleState


def _fix(number: int) -> FixPoint:
    return FixPoint(1_000 * number, -99.0 - number / 1_000, 19.0 + number / 1_000, 15.0, float(number))


@pytest.mark.parametrize("count", [0, 1, RING_FIXES - 1, RING_FIXES, RING_FIXES + 1, RING_FIXES + 2, 50, 100])
def test_a_ring_has_the_last_fixes_in_order(count: int) -> None:
    """However often it has gone round; the latest that it has forgotten raises the floor of its device."""
    fleet, state = Fleet(), VehicleState("T1")
    fleet.add(VehicleState("T0"))
    fleet.add(state)
    for number in range(count):
        fleet.rings.append(state.slot, _fix(number))
    kept = [_fix(number) for number in range(max(0, count - RING_FIXES), count)]
    assert fleet.rings.of(state) == kept
    assert np.array_equal(fleet.rings.rows(state), np.array(kept).reshape(-1, 5))
    assert state.device.floor == (_fix(count - RING_FIXES - 1).ts if count > RING_FIXES else -1)
