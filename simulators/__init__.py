"""Simulated fleets: trucks, their devices and what happens to them, with the truth kept apart from the pings.

The product never imports this package; the package uses of the product only its values, its wire and its files.
"""
