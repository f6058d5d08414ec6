"""What can go wrong with the local broker, in the words of the person whose machine it is."""

from __future__ import annotations

from telematics.errors import UserError


class LocalBrokerError(UserError):
    """The local broker cannot be had on this machine as it is; the text says what to change."""
