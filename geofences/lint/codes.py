"""The codes: what each says, how severe it is, when it is repaired, and the thresholds behind them."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

# What is assumed of a fix that says nothing of its accuracy (GPS.gov: 3 to 10 m under open sky; a truck has a cab).
GPS_ERROR_M = 15.0
# A road drawn with long legs lies beside them. Of 24 Mexican federal roads drawn with legs of 16 to 114 km the farthest
# point was off by 1.3 to 7.9 % of the longest leg, of 22 of them by 1.9 % or more.
LEG_ERROR = 0.02
MOST_VERTICES = 1_000
SPIKE_DEG = 3.0
SAME = 0.9
# A repair that changes less than this part of the area, or moves an edge by less than a third of what GPS is off by, is
# one that nobody needs to look at.
LITTLE = 0.01
LITTLE_M = GPS_ERROR_M / 3.0


class Severity(StrEnum):
    """An error keeps the file from being used; a warning is a fence that will not do what it was drawn for."""

    ERROR = "error"
    WARNING = "warning"


class Code(StrEnum):
    """What is wrong."""

    PROPERTY = "property"
    SHAPE = "shape"
    DUPLICATE_ID = "duplicate-id"
    SELF_INTERSECTION = "self-intersection"
    SWAPPED = "swapped"
    OUTSIDE_REGION = "outside-region"
    NEVER_ACTIVE = "never-active"
    NEAR_IDENTICAL = "near-identical"
    SPIKE = "spike"
    SLIVER = "sliver"
    BELOW_GPS_ERROR = "below-gps-error"
    NARROW_CORRIDOR = "narrow-corridor"
    PLACE_IN_NO_STOP = "place-in-no-stop"
    TOO_MANY_VERTICES = "too-many-vertices"


class Meaning(NamedTuple):
    """Of a code: how severe it is, what it says, and when `--fix` repairs it."""

    severity: Severity
    text: str
    repaired: str


_WARNING, _ERROR, _NEVER = Severity.WARNING, Severity.ERROR, "never"
_IF_LITTLE = f"where all repairs of the fence together change its area by less than {LITTLE:.0%}"
MEANINGS = MappingProxyType(
    {
        Code.PROPERTY: Meaning(_ERROR, "a property is missing, unknown or out of range", _NEVER),
        Code.SHAPE: Meaning(_ERROR, "the shape cannot be a fence: out of range, open, over the antimeridian", _NEVER),
        Code.DUPLICATE_ID: Meaning(_ERROR, "two fences have one id", _NEVER),
        Code.SELF_INTERSECTION: Meaning(_ERROR, "the boundary crosses or touches itself", _IF_LITTLE),
        Code.SWAPPED: Meaning(_ERROR, "longitude and latitude are swapped", "always"),
        Code.OUTSIDE_REGION: Meaning(_WARNING, "the fence lies outside the region", _NEVER),
        Code.NEVER_ACTIVE: Meaning(_WARNING, "the fence is over, or never awake", _NEVER),
        Code.NEAR_IDENTICAL: Meaning(
            _WARNING,
            f"two fences of a kind share {SAME:.0%} of their area, and hours and vehicles: drawn twice, told twice",
            _NEVER,
        ),
        Code.SPIKE: Meaning(
            _WARNING,
            f"the boundary runs out and back: at less than {SPIKE_DEG:g} degrees, or less than {LITTLE_M:g} m wide",
            _IF_LITTLE,
        ),
        Code.SLIVER: Meaning(
            _WARNING,
            f"a part or a hole is nowhere {GPS_ERROR_M:g} m wide, what GPS is off by",
            _IF_LITTLE,
        ),
        Code.BELOW_GPS_ERROR: Meaning(
            _WARNING, f"the fence is nowhere {2 * GPS_ERROR_M:g} m wide: fixes in it may be told outside", _NEVER
        ),
        Code.NARROW_CORRIDOR: Meaning(
            _WARNING,
            f"`buffer_m` is less than {LEG_ERROR:.0%} of the longest leg: the road leaves the corridor",
            _NEVER,
        ),
        Code.PLACE_IN_NO_STOP: Meaning(
            _WARNING, "a place to stop at, or a part of it, lies in a no-stop zone, and the zone wins", _NEVER
        ),
        Code.TOO_MANY_VERTICES: Meaning(
            _WARNING, f"more than {MOST_VERTICES:,} corners", f"where no edge moves by more than {LITTLE_M:g} m"
        ),
    }
)


def codes_table() -> str:
    """The codes as Markdown for the documentation."""
    rows = ["| code | severity | it says | `--fix` repairs it |", "|---|---|---|---|"]
    rows += [
        f"| `{code}` | {meaning.severity} | {meaning.text} | {meaning.repaired} |" for code, meaning in MEANINGS.items()
    ]
    return "\n".join(rows) + "\n"
