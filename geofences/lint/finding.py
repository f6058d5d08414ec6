"""A finding, and the region a fleet drives in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from geofences.lint.codes import MEANINGS, Code, Severity
from geofences.model import Fence, Position


class Region(NamedTuple):
    """A box, degrees."""

    west: float
    south: float
    east: float
    north: float


# Mexico's extremes (INEGI): Guadalupe, the mouth of the Suchiate, Isla Mujeres, Los Algodones.
MEXICO = Region(-118.46, 14.53, -86.71, 32.72)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with the feature of a number, from 1: where it is, what would be right, and the repaired fence.

    `loss` is the part of the area that the repair changes; `is_safe`: nobody needs to look at it. Findings of one code in
    one feature have one repair between them.
    """

    code: Code
    feature: int
    fence_id: str | None
    text: str
    remedy: str
    place: Position | None = None
    fix: Fence | None = None
    loss: float = 0.0
    is_safe: bool = False

    @property
    def severity(self) -> Severity:
        """As its code has it."""
        return MEANINGS[self.code].severity

    def document(self) -> dict[str, Any]:
        """What is told of it, as JSON."""
        return {
            "code": self.code,
            "severity": self.severity,
            "feature": self.feature,
            "fence": self.fence_id,
            "place": None if self.place is None else dict(zip(("lon", "lat"), self.place, strict=True)),
            "what": self.text,
            "right": self.remedy,
        }


def degrees(place: Position) -> str:
    """A place in words: to a tenth of a metre."""
    return ", ".join(str(round(each, 6)) for each in place)
