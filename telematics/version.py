"""Which version of the product this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def product_version() -> str:
    """Version of the installed product, or `unknown` when it runs from a folder that was never installed."""
    try:
        return version("telematics")
    except PackageNotFoundError:
        return "unknown"
