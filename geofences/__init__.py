"""Geofences: read them, lay them out on the ellipsoid, and ask which of them a point is in. Pure: no clock, no network."""
