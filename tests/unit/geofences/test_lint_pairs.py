"""What lint says of two fences: only where both hold for one vehicle at one time, and once."""

from __future__ import annotations

from typing import Any

import pytest

from geofences.lint import Code
from tests.support.drawn import METRE, SQUARE, circle, feature, found, only, polygon


def test_near_identical_fences_are_told_once() -> None:
    """Of one kind; a toll within a customer's yard, or a circle half as large, is something else."""
    finding = only(circle(id="a"), circle(-99.1 + 20 * METRE, id="b"))
    assert (finding.code, finding.feature, finding.fence_id) == (Code.NEAR_IDENTICAL, 1, "a")
    assert "'b'" in finding.text
    assert found(circle(id="a"), circle(id="b", radius_m=250), circle(id="c", kind="grade")) == []


def test_a_place_within_a_no_stop_zone_is_told_and_who_wins() -> None:
    """Whichever comes first in the file; a place beside it, or a zone with a hole there, is nothing to tell."""
    zone = feature(polygon(SQUARE), id="zone", kind="no_stop")
    yard = circle(-99.05, 19.05, id="yard", kind="authorised_stop")
    for features in ((zone, yard), (yard, zone)):
        finding = only(*features)
        assert (finding.code, finding.fence_id) == (Code.PLACE_IN_NO_STOP, "yard")
        assert finding.text.startswith("all of it lies in the no-stop zone 'zone', which wins")
    hole = [[-99.06, 19.04], [-99.04, 19.04], [-99.04, 19.06], [-99.06, 19.06], [-99.06, 19.04]]
    assert found(feature(polygon(SQUARE, hole), id="zone", kind="no_stop"), yard) == []
    assert found(zone, circle(-99.2, 19.05, id="yard", kind="depot")) == []


def test_fences_like_many_others_are_told_in_one_line_each() -> None:
    """The one that is most alike by its name, the others by their number."""
    pile = [circle(-99.1 + n * METRE, id=f"p{n}") for n in range(5)]
    findings = found(*pile)
    assert [finding.fence_id for finding in findings] == ["p0", "p1", "p2", "p3"]
    assert "with 'p1', and 90% or more with 3 more, also generic" in findings[0].text


@pytest.mark.parametrize(
    ("kind", "said"),
    [("customer", "each visit is told twice"), ("grade", "drawn twice"), ("known_dead_zone", "drawn twice")],
)
def test_twins_are_told_for_what_they_do(kind: str, said: str) -> None:
    """A kind that detects no visits tells none twice."""
    finding = only(circle(id="a", kind=kind), circle(id="b", kind=kind))
    assert finding.code is Code.NEAR_IDENTICAL
    assert said in finding.remedy


def hours(start: str, end: str, *days: str, zone: str = "America/Mexico_City", **more: Any) -> dict[str, Any]:
    """A schedule of one window."""
    window = {"from": start, "to": end} | ({"days": list(days)} if days else {})
    return {"schedule": {"zone": zone, "hours": [window]} | more}


APART: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "day and night": (hours("06:00", "22:00"), hours("22:00", "06:00")),
    "week and weekend": (hours("00:00", "24:00", "sat", "sun"), hours("06:00", "22:00", "mon", "fri")),
    "one follows the other": ({"valid_to": "2026-06-01T00:00:00Z"}, {"valid_from": "2026-06-01T00:00:00Z"}),
    "one is over": ({"valid_to": "2026-01-01T00:00:00Z"}, {}),
    "asleep until it is over": (hours("22:00", "05:00") | {"valid_to": "2026-01-29T03:00:00Z"}, {}),
    "other vehicles": ({"applies_to": ["hazmat"]}, {"applies_to": ["reefer"]}),
}
TOGETHER: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "an hour": (hours("06:00", "22:00"), hours("21:00", "06:00")),
    "by another clock": (hours("06:00", "22:00"), hours("22:00", "06:00", zone="America/Tijuana")),
    "Saturdays": (hours("00:00", "24:00", "sat", "sun"), hours("06:00", "22:00", "fri", "sat")),
    "Christmas, in eleven months": (
        hours("08:00", "09:00", "holiday", holidays=["12-25"]),
        hours("08:00", "09:00", "holiday", holidays=["2026-12-25"]),
    ),
    "a month, later": ({"valid_to": "2026-07-01T00:00:00Z"}, {"valid_from": "2026-06-01T00:00:00Z"}),
    "some vehicles": ({"applies_to": ["hazmat", "reefer"]}, {"applies_to": ["reefer"]}),
    "all vehicles": ({"applies_to": ["hazmat"]}, {}),
}


@pytest.mark.parametrize("case", [*APART, *TOGETHER])
def test_only_fences_that_share_an_instant_and_a_vehicle_are_told(case: str) -> None:
    """Twins are no twins, and a zone wins over no place, unless some vehicle can be in both while both are awake."""
    first, second = (APART | TOGETHER)[case]
    told = case in TOGETHER
    twins = found(circle(id="a", **first), circle(id="b", **second))
    assert (Code.NEAR_IDENTICAL in {finding.code for finding in twins}) is told
    zone = found(circle(id="a", kind="no_stop", **first), circle(id="b", kind="customer", **second))
    assert (Code.PLACE_IN_NO_STOP in {finding.code for finding in zone}) is told


def box(west: float, east: float) -> Any:
    """As high as the square, metres east of its eastern edge."""
    metre = METRE / 0.9455  # of longitude at 19 degrees
    west, east = -99.0 + west * metre, -99.0 + east * metre
    return polygon([[west, 19.0], [east, 19.0], [east, 19.1], [west, 19.1], [west, 19.0]])


@pytest.mark.parametrize(
    ("west", "east", "said"),
    [
        (0, 400, None),
        (-4, 400, None),
        (-8, 4_000, "less than 1% of it lies in"),
        (-48, 352, "12% of it lies in"),
        (-400, 0, "all of it lies in"),
    ],
)
def test_a_place_is_told_for_the_part_of_it_that_lies_in_a_zone(west: float, east: float, said: str | None) -> None:
    """A shared edge, drawn a few metres over, is none."""
    texts = [
        finding.text
        for finding in found(
            feature(polygon(SQUARE), id="zone", kind="no_stop"), feature(box(west, east), id="yard", kind="depot")
        )
    ]
    assert [text.partition(" the ")[0] for text in texts] == ([] if said is None else [said])


def test_a_place_that_is_a_hole_of_the_zone_is_not_told() -> None:
    """It is what was asked for: the edge of the one is that of the other."""
    hole = [[-99.06, 19.04], [-99.04, 19.04], [-99.04, 19.06], [-99.06, 19.06], [-99.06, 19.04]]
    zone = feature(polygon(SQUARE, hole[::-1]), id="zone", kind="no_stop")
    assert found(zone, feature(polygon(hole), id="yard", kind="customer")) == []
