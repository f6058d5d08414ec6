"""One tree of errors. A user's mistake names where it is and what would be right."""

from __future__ import annotations


class TelematicsError(Exception):
    """Anything this product raises on purpose; its text is written for the person who reads it."""


class UserError(TelematicsError):
    """A mistake in what the user gave: a file, a setting, an argument. Commands end with exit code 2."""


class BrokerError(TelematicsError):
    """Kafka could not be reached or refused what was asked."""
