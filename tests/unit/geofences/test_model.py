"""What a fence is when its author says little."""

from __future__ import annotations

import pytest

from geofences.model import KIND_DEFAULTS, Circle, Detect, Fence, FenceKind

SHAPE = Circle(-99.0, 19.0, 100.0)
PLACES = {"authorised_stop", "depot", "customer", "workshop", "inspection", "toll", "border", "port"}


@pytest.mark.parametrize("kind", FenceKind)
def test_every_kind_has_defaults_in_range(kind: FenceKind) -> None:
    """No kind is forgotten, and what it brings is a severity of the scale."""
    fence = Fence(id="f", shape=SHAPE, kind=kind)
    assert 1 <= fence.severity <= 5
    assert (fence.severity, fence.detect, fence.risk) == (
        KIND_DEFAULTS[kind].severity,
        KIND_DEFAULTS[kind].detect,
        KIND_DEFAULTS[kind].risk,
    )


@pytest.mark.parametrize("kind", FenceKind)
def test_a_place_is_where_a_truck_may_stand(kind: FenceKind) -> None:
    """The kinds that excuse a stop are these eight."""
    assert Fence(id="f", shape=SHAPE, kind=kind).is_place is (kind in PLACES)


def test_only_a_corridor_has_a_risk() -> None:
    """A risk where no rule reads one would mislead."""
    assert [kind for kind in FenceKind if KIND_DEFAULTS[kind].risk] == [FenceKind.HIGH_RISK_CORRIDOR]


def test_what_is_given_stands() -> None:
    """Defaults fill what is left out and change nothing that is there, an empty set of detections included."""
    fence = Fence(id="f", shape=SHAPE, kind=FenceKind.RESTRICTED, severity=2, detect=frozenset(), name="Yard")
    assert (fence.severity, fence.detect, fence.name) == (2, frozenset(), "Yard")


def test_a_dwell_time_asks_for_dwell() -> None:
    """dwell_s alone is enough: nobody sets it to detect nothing."""
    fence = Fence(id="f", shape=SHAPE, kind=FenceKind.BORDER, dwell_s=3600)
    assert fence.detect == {Detect.ENTER, Detect.EXIT, Detect.DWELL}


def test_a_fence_is_named_by_its_id_when_it_has_no_name() -> None:
    """Every screen has something to show."""
    assert Fence(id="f", shape=SHAPE).name == "f"
