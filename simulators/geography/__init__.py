"""The sample geography: Mexican corridors drawn from town coordinates rounded to 0.01 degree. Illustrative only.

`fences.geojson` is an ordinary fence file for the product; `roads.json` is what the trucks drive on.
"""

from __future__ import annotations

from pathlib import Path

FENCES = Path(__file__).with_name("fences.geojson")
ROADS = Path(__file__).with_name("roads.json")
