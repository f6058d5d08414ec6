"""The rules, in the order they are asked. To add one: a file beside these, and its class in this list."""

from __future__ import annotations

from telematics.core.rules.base import Rule
from telematics.core.rules.cab_door import CabDoor
from telematics.core.rules.cargo_door import CargoDoor
from telematics.core.rules.geofence_dwell import GeofenceDwell
from telematics.core.rules.geofence_enter import GeofenceEnter
from telematics.core.rules.geofence_exit import GeofenceExit
from telematics.core.rules.gnss_jamming import GnssJamming
from telematics.core.rules.implausible_jump import ImplausibleJump
from telematics.core.rules.no_stop_zone import NoStopZone
from telematics.core.rules.panic import Panic
from telematics.core.rules.power_cut import PowerCut
from telematics.core.rules.risk_stop import RiskStop
from telematics.core.rules.signal_lost import SignalLost
from telematics.core.rules.trailer_detached import TrailerDetached
from telematics.core.rules.unscheduled_stop import UnscheduledStop

RULES: tuple[type[Rule], ...] = (
    Panic,
    TrailerDetached,
    CabDoor,
    CargoDoor,
    PowerCut,
    GnssJamming,
    SignalLost,
    ImplausibleJump,
    GeofenceExit,
    GeofenceEnter,
    GeofenceDwell,
    NoStopZone,
    RiskStop,
    UnscheduledStop,
)
