"""The laws of the GeoJSON format: nothing but FenceError comes out, and what is written is read back."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from geofences.errors import FenceError
from geofences.formats.geojson import dump_geojson, load_geojson, open_geojson, patched
from geofences.formats.properties import PROPERTIES, RADII
from geofences.index import FenceIndex
from geofences.lint import fixed, lint
from geofences.model import Fence
from tests.property.geofences.strategies import fence_sets

# JSON as Python reads it: beside the plain values, numbers too large for a double, and halves of surrogate pairs.
numbers = st.integers(-200, 200) | st.floats(allow_nan=False, allow_infinity=False) | st.just(10**400)
words = st.text(st.characters(), max_size=8) | st.sampled_from(
    ["enter", "toll", "Point", "Polygon", "2026-01-01T00:00:00Z"]
)
scalars = st.none() | st.booleans() | numbers | words
names = st.sampled_from(["type", "features", "geometry", "coordinates", "properties", *PROPERTIES, *RADII]) | words
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(names, inner, max_size=5), max_leaves=20
)
coordinates = st.recursive(
    st.lists(numbers | scalars, max_size=3), lambda inner: st.lists(inner, max_size=6), max_leaves=20
)
geometries = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["Point", "LineString", "MultiLineString", "Polygon", "MultiPolygon"]) | scalars,
        "coordinates": coordinates | anything,
    }
)
properties = st.dictionaries(names, scalars | anything, max_size=8)
features = st.fixed_dictionaries(
    {"type": st.just("Feature"), "geometry": geometries | anything, "properties": properties | anything}
)
collections = st.fixed_dictionaries(
    {"type": st.just("FeatureCollection"), "features": st.lists(features | anything, max_size=4)}
)


def survives(data: bytes) -> None:
    """Load it; a FenceError must be short, printable and name something, anything else fails the test.

    Lint finds something in whatever is refused, and can say it; its repairs are fences.
    """
    with contextlib.suppress(FenceError):
        document, read = open_geojson(data)
        findings = lint(read)
        assert all(one.fence is not None for one in read) or any(found.severity == "error" for found in findings)
        for found in findings:
            f"{found.text}{found.remedy}".encode()
            assert found.fix is None or FenceIndex([found.fix]).fences
        _, again = open_geojson(patched(document, fixed(read)).encode())
        assert sum(one.fence is None for one in again) <= sum(one.fence is None for one in read)
    try:
        fences = load_geojson(data)
    except FenceError as error:
        # A lone half of a surrogate pair, quoted as it came, would break the terminal it is printed to.
        str(error).encode()
    else:
        # What the loader lets through, the index must be able to lay out.
        FenceIndex(fences)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_a_fence_error(data: bytes) -> None:
    """A file may hold anything."""
    survives(data)


@settings(deadline=None)
@given(anything)
def test_arbitrary_json_raises_nothing_but_a_fence_error(document: Any) -> None:
    """JSON that is not GeoJSON is refused, not tripped over."""
    survives(json.dumps(document).encode())


@settings(deadline=None, max_examples=300)
@given(collections)
def test_arbitrary_features_raise_nothing_but_a_fence_error(document: Any) -> None:
    """Features with any geometry and any property are refused, or are fences that can be used."""
    survives(json.dumps(document).encode())


@settings(deadline=None, max_examples=100)
@given(fence_sets(most=3), st.data())
def test_a_damaged_file_raises_nothing_but_a_fence_error(fences: list[Fence], data: st.DataObject) -> None:
    """A good file with a stretch of it overwritten or cut is refused, or still good."""
    written = dump_geojson(fences).encode()
    start = data.draw(st.integers(0, len(written)))
    end = data.draw(st.integers(start, min(len(written), start + 30)))
    patch = data.draw(st.binary(max_size=8) | st.sampled_from([b"null", b"[]", b"1e999", b'"x"', b"-0", b"9" * 20]))
    survives(written[:start] + patch + written[end:])


@settings(deadline=None, max_examples=60)
@given(fence_sets())
def test_what_is_written_is_read_back(fences: list[Fence]) -> None:
    """A set survives the file, to the last bit of each coordinate."""
    assert list(load_geojson(dump_geojson(fences).encode())) == fences
