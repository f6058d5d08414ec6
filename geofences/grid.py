"""A grid that names, for many points at once, the few boxes near each.

The world is cut into square cells; each holds the numbers of the boxes that reach into it. A point's candidates are
those of its cell, found without a search. There are not enough cells for the whole world: far places share them, as
on a map rolled up both ways. That and a cell's size only make the candidates more, never too few.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

# Rolled up after so many cells either way: a power of two, so that the wrap is a mask. 4 MB with two numbers each.
_SIDE = 512
# Cells of some 1.7 km. Among 10,000 fences twice the size means 10 % more candidates, half of it 1 % fewer for more
# than twice the entries.
_FINEST = 64.0


class Grid:
    """The cells, as one column of entries and where each cell's begin."""

    def __init__(self, bounds: Floats, owners: Integers) -> None:
        """Take boxes (n, 4) as (west, south, east, north), degrees, and the number (n,) of the owner of each."""
        self._per_degree = _FINEST
        while True:
            west, south, east, north = np.floor(bounds * self._per_degree).astype(np.int64).T
            wide, high = east - west + 1, north - south + 1
            cells = wide * high
            total = int(cells.sum())
            # As many entries as cells keep a point's candidates few and the memory within 6 MB; but a box may lie
            # across the corner of four cells however large they are.
            if total <= max(_SIDE * _SIDE, 4 * len(bounds)):
                break
            self._per_degree /= 2.0
        box = np.repeat(np.arange(len(cells)), cells)
        right, up = np.divmod(_counted(cells, np.zeros_like(cells)), high[box])
        # By cell, then owner, each pair once, for an owner may have several boxes here.
        count = int(owners.max(initial=0)) + 1
        pairs = np.unique(_cell(west[box] + right, south[box] + up) * count + owners[box])
        cell, self._owners = np.divmod(pairs, count)
        self._counts = np.bincount(cell, minlength=_SIDE * _SIDE)
        self._starts = np.cumsum(self._counts) - self._counts

    @property
    def entries(self) -> int:
        """How many pairs of cell and owner are held."""
        return len(self._owners)

    def near(self, lon: Floats, lat: Floats) -> tuple[Integers, Integers]:
        """Columns of point and owner, ascending, each pair once: every pair of which a box holds the point, and more.

        Degrees, shape (n,). A point that is not finite is near nothing.
        """
        with np.errstate(invalid="ignore", over="ignore"):
            finite = np.isfinite(lon + lat)
            cell = _cell(*np.floor(np.array([lon, lat]) * self._per_degree).astype(np.int64))
        start, count = self._starts[cell], self._counts[cell] * finite
        return np.repeat(np.arange(len(lon)), count), self._owners[_counted(count, start)]


def _cell(x: Integers, y: Integers) -> Integers:
    return (x & (_SIDE - 1)) * _SIDE + (y & (_SIDE - 1))


def _counted(counts: Integers, starts: Integers) -> Integers:
    """For each i the `counts[i]` integers from `starts[i]`, one after the other."""
    ends = np.cumsum(counts)
    shifts = np.repeat(starts + counts - ends, counts)
    return np.arange(len(shifts)) + shifts
