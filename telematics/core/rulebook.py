"""The rules in force: those of the registry that are enabled, with their parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from telematics.core.rules import RULES
from telematics.core.rules.base import FenceRule, PlainFixRule, Rule, SilenceRule, Subject, Trigger

if TYPE_CHECKING:
    from geofences.model import Fence
    from telematics.core.facts import Facts
    from telematics.core.params import RuleSet


class Rulebook:
    """By id, in the order in which they are asked."""

    def __init__(self, rules: RuleSet) -> None:
        self.by_id: dict[str, Rule] = {}
        for rule in RULES:
            params = getattr(rules, rule.id)
            if params.enabled:
                self.by_id[rule.id] = rule(params)
        self.silences = {rule.id: cast("SilenceRule", rule) for rule in self.by_id.values() if hasattr(rule, "due")}
        self.of_plain_fixes = [
            cast("PlainFixRule", rule)
            for rule in self.by_id.values()
            if rule.triggers & Trigger.PLAIN or hasattr(rule, "watches")
        ]
        self._of_fences = frozenset(rule.id for rule in self.by_id.values() if rule.subject is Subject.FENCE)
        self._asked: dict[tuple[int, frozenset[str]], tuple[Rule, ...]] = {}

    def is_of_fences(self, rule_id: str) -> bool:
        """Whether the subjects of a rule in force are fences."""
        return rule_id in self._of_fences

    def is_wanted(self, rule_id: str, fence: Fence | None) -> bool:
        """Whether a fence is there and asks for what a rule of fences tells."""
        return fence is not None and cast("FenceRule", self.by_id[rule_id]).is_wanted_by(fence)

    def ask(self, facts: Facts) -> None:
        """Show the facts to each rule that they can concern."""
        remembering = facts.state.remembering
        key = (facts.triggers, remembering)
        asked = self._asked.get(key)
        if asked is None:
            asked = self._asked[key] = tuple(
                rule
                for rule in self.by_id.values()
                if rule.triggers & facts.triggers or (rule.triggers & Trigger.MEMORY and rule.id in remembering)
            )
        for rule in asked:
            rule.on_facts(facts)
