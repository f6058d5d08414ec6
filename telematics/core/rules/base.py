"""What a rule is.

A rule is one file: its parameters with units and defaults, what it concludes from facts, what it concludes when a
deadline it set has come, and a docstring a fleet operator understands. It keeps no state of its own: what it must
remember of a vehicle it files in the vehicle's memory, as plain values.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from geofences.model import Fence
    from telematics.core.facts import Facts, Scope
    from telematics.core.plain import NotedFix, PlainFixes
    from telematics.core.state import VehicleState


class Params(BaseModel):
    """A section of the rules file. Unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)


class RuleParams(Params):
    """The settings every rule has."""

    enabled: bool = True


class Trigger:
    """What happened, so that only the rules it can concern are asked: bits of an int.

    Not an IntFlag: its operators cost 1 µs each, several times per ping.
    """

    FIX = 1
    """A good fix, newer than any before."""
    HEARD = 2
    """Any ping of the vehicle's primary device that is not a duplicate."""
    EVENTS = 4
    """The ping carries device events that were not known yet."""
    VISITS = 8
    """A fence was entered or left."""
    JUMP = 16
    """A fix was quarantined as an implausible jump; with FIX: the vehicle is believed to be elsewhere now."""
    STANDING = 32
    """A good fix within the stop radius of where a stay began."""
    POWER = 64
    """The ping tells the supply voltage."""
    MEMORY = 128
    """Any ping of a vehicle about which the rule itself remembers something."""
    PLAIN = FIX | HEARD | STANDING | POWER
    """What can be true of a fix that is otherwise nothing special."""


class Subject(StrEnum):
    """What, beside the vehicle, an episode of a rule is about."""

    NONE = "none"
    FENCE = "fence"
    DEVICE = "device"
    SOURCE = "source"


class Verdict(StrEnum):
    """What a rule concluded, for `telematics explain`."""

    QUIET = "quiet"
    WAITING = "waiting"
    HELD = "held back"
    RAISED = "raised"
    OPEN = "still open"
    CLEARED = "cleared"


class Rule(Protocol):
    """One rule with its parameters bound."""

    id: ClassVar[str]
    remembers: ClassVar[Any]
    """What it files in a vehicle's memory, as an annotation, or one by subject: a state with anything else is none of ours."""
    subject: ClassVar[Subject]
    triggers: ClassVar[int]
    Params: ClassVar[type[RuleParams]]

    def __init__(self, params: Any) -> None: ...

    def on_facts(self, facts: Facts) -> None:
        """Look at what just became known; raise, escalate, clear, set deadlines."""

    def on_timer(self, facts: Facts, subject: str) -> None:
        """A deadline set for `subject` has come and was not moved or lifted since."""


class FenceRule(Rule, Protocol):
    """A rule whose subjects are fences."""

    def is_wanted_by(self, fence: Fence) -> bool:
        """Whether it tells anything of this fence."""


class PlainFixRule(Rule, Protocol):
    """A rule that plain fixes can concern (triggers in `Trigger.PLAIN`): it can tell for many when they do not."""

    watches: ClassVar[int]
    """How many numbers it needs of a vehicle for that."""

    def watch(self, facts: Facts) -> tuple[float, ...] | None:
        """Those numbers as they follow from the vehicle's last fix; None if its next could not be plain."""

    def indifferent(self, scope: Scope, fixes: PlainFixes, watched: NDArray[np.float64]) -> NDArray[np.bool_]:
        """At which of these fixes `on_facts` would certainly do nothing, and no deadline it set come before.

        `watched` has a row for each. It saves work and decides nothing: answering False always is correct.
        """


class NotingRule(PlainFixRule, Protocol):
    """A rule that files something at some of the plain fixes to which it is indifferent otherwise."""

    def notes(self, fixes: PlainFixes, watched: NDArray[np.float64]) -> NDArray[np.bool_]:
        """At which."""

    def note(self, state: VehicleState, fix: NotedFix) -> tuple[float, ...]:
        """File it, as `on_facts` would, and give what is to be watched from now on.

        The state itself may not have come as far as the fix.
        """


class SilenceRule(PlainFixRule, Protocol):
    """A rule whose deadlines are put off whenever the vehicle is heard: asked for the true one when an old one comes."""

    def due(self, scope: Scope, state: VehicleState) -> int:
        """When the deadline falls due by what is known now (arrival clock, ms)."""

    def due_after(self, fixes: PlainFixes, watched: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same for vehicles that are heard with these fixes; NaN where no deadline is set."""
