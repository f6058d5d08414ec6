"""Random fences: circles, corridors, and polygons with and without a hole, near one another so that they overlap.

And random schedules, whose windows meet, and begin and end where clocks leap.
"""

from __future__ import annotations

from math import cos, pi, sin

from hypothesis import strategies as st

from geofences.model import Circle, Corridor, Detect, Fence, FenceKind, Polygonal, Position, Ring, Shape
from geofences.schedule import DAY_MINUTES, YEARS, Day, Holiday, Schedule, Window

# A grid of 0.01 degrees makes points on edges, on vertices and on shared borders common instead of rare.
_grid = st.integers(0, 40)
positions = st.builds(lambda x, y: (-99.0 + x / 100, 19.0 + y / 100), _grid, _grid)
metres = st.sampled_from([50.0, 900.0, 3_000.0, 15_000.0])

circles = st.builds(lambda at, radius_m: Circle(at[0], at[1], radius_m), positions, metres)


@st.composite
def corridors(draw: st.DrawFn) -> Corridor:
    """One or two lines of two to five positions."""
    lines = draw(st.lists(st.lists(positions, min_size=2, max_size=5, unique=True).map(tuple), min_size=1, max_size=2))
    return Corridor(tuple(lines), draw(metres))


def _star(centre: Position, radii: list[int]) -> Ring:
    """A ring that never crosses itself: a vertex in each direction, at its own distance in thousandths of a degree."""
    turn = 2 * pi / len(radii)
    ring = [
        (centre[0] + radius / 1000 * cos(k * turn), centre[1] + radius / 1000 * sin(k * turn))
        for k, radius in enumerate(radii)
    ]
    return (*ring, ring[0])


@st.composite
def stars(draw: st.DrawFn) -> Polygonal:
    """A star, half of the time with a hole about its centre, which touches no edge."""
    centre, radii = draw(positions), draw(st.lists(st.integers(20, 90), min_size=5, max_size=12))
    hole = (_star(centre, [5] * 4),) if draw(st.booleans()) else ()
    return Polygonal(((_star(centre, radii), *hole),))


@st.composite
def boxes(draw: st.DrawFn) -> Polygonal:
    """A rectangle on the grid."""
    west, south = draw(positions)
    east, north = west + draw(st.integers(1, 20)) / 100, south + draw(st.integers(1, 20)) / 100
    return Polygonal(((((west, south), (east, south), (east, north), (west, north), (west, south)),),))


shapes: st.SearchStrategy[Shape] = st.one_of(circles, corridors(), stars(), boxes())


# As many as a fence can have.
_MANY = frozenset(f"tag {number}" for number in range(100))
_CLOSE = [0, 1, 30, 60, 90, 105, 120, 135, 150, 180, 210, 720, 1380, 1410, 1439]
_starts = st.sampled_from(_CLOSE) | st.integers(0, DAY_MINUTES - 1)
_ends = st.sampled_from([*_CLOSE, DAY_MINUTES]) | st.integers(0, DAY_MINUTES)
windows = st.builds(Window, _starts, _ends, st.frozensets(st.sampled_from(Day), min_size=1) | st.just(tuple(Day)))
holidays = st.builds(Holiday, st.integers(1, 12), st.integers(1, 28), st.none() | st.sampled_from(YEARS)) | st.just(
    Holiday(2, 29)
)
schedules = st.builds(
    Schedule,
    st.sampled_from(["America/Mexico_City", "America/Tijuana", "America/Argentina/Ushuaia", "Etc/GMT+6"]),
    st.lists(windows, min_size=1, max_size=3),
    st.lists(holidays, max_size=3),
)


@st.composite
def fences(draw: st.DrawFn, fence_id: str = "f") -> Fence:
    """A fence with some of its properties set."""
    kind = draw(st.sampled_from(FenceKind))
    detect = draw(st.frozensets(st.sampled_from(Detect)))
    return Fence(
        id=fence_id,
        shape=draw(shapes),
        kind=kind,
        risk=draw(st.integers(1, 5)) if kind is FenceKind.HIGH_RISK_CORRIDOR else None,
        severity=draw(st.integers(1, 5)),
        detect=detect,
        dwell_s=draw(st.floats(1, 1e5)) if Detect.DWELL in detect else None,
        name=draw(st.sampled_from(["", "Patio 1", "Patio  1", 'Casa <Ñ> & Cía; "2", n.º 5'])),
        version=draw(st.integers(1, 2**53)),
        min_inside_s=draw(st.floats(0, 3600)),
        approach_m=draw(st.sampled_from([0.0, 0.0, 0.0, 2_000.0])),
        speed_limit_kmh=draw(st.none() | st.floats(1, 200)),
        tags=draw(st.frozensets(st.sampled_from(["norte", "a, b", "[x]", "a  b", "<&>"])) | st.just(_MANY)),
        applies_to=draw(st.frozensets(st.sampled_from(["reefer", "hazmat", "noche ñ"]))),
        schedule=draw(st.none() | schedules),
        valid_from=draw(st.none() | st.integers(0, 4 * 10**12)),
        protocol=draw(st.sampled_from([None, "llamar; luego 088", "[1, 2]"])),
    )


@st.composite
def fence_sets(draw: st.DrawFn, most: int = 6) -> list[Fence]:
    """None to `most` fences with ids of their own."""
    return [draw(fences(f"f{number}")) for number in range(draw(st.integers(0, most)))]
