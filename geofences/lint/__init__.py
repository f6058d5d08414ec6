"""What is wrong with a set of fences, or will cry wolf: told with the place, and with what would be right.

What a file is refused for is an error. The rest is judged by what the fences are for, a truck whose position is off by
metres: the thresholds in `codes` say which, and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from geofences.lint.codes import GPS_ERROR_M, LEG_ERROR, MEANINGS, Code, Severity, codes_table
from geofences.lint.feature import looked
from geofences.lint.finding import MEXICO, Finding, Region, degrees
from geofences.lint.pairs import Sound, paired
from geofences.lint.repair import fixed
from geofences.shapes import geometry

if TYPE_CHECKING:
    from geofences.formats.features import Read

__all__ = [
    "GPS_ERROR_M",
    "LEG_ERROR",
    "MEANINGS",
    "MEXICO",
    "Code",
    "Finding",
    "Region",
    "Severity",
    "codes_table",
    "degrees",
    "fixed",
    "lint",
]


def lint(read: Sequence[Read], region: Region = MEXICO, now: int | None = None) -> list[Finding]:
    """Everything wrong with the features of a file, by feature. `now` (ms since the epoch) is for what is over."""
    found: list[Finding] = []
    sound: list[Sound] = []
    for number, one in enumerate(read, start=1):
        # Laid out once: a road of 10,000 positions takes seconds.
        area = None if one.fence is None else geometry(one.fence.shape)
        found += looked(number, one, area, region, now)
        if one.fence is not None and area is not None:
            sound.append(Sound(number, one.fence, area))
    found += paired(sound, now)
    return sorted(found, key=lambda finding: finding.feature)
