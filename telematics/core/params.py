"""The parameters of all rules, and the YAML file that sets them."""

from __future__ import annotations

from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from telematics.core.motion import MotionParams
from telematics.core.quality import QualityParams
from telematics.core.rules import RULES
from telematics.errors import UserError


class Sections(BaseModel):
    """Sections that are not a rule's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    motion: MotionParams = Field(default_factory=MotionParams)
    quality: QualityParams = Field(default_factory=QualityParams)

    @property
    def version(self) -> str:
        """Twelve hex digits that change when any parameter does; every alert carries them."""
        return sha256(self.model_dump_json().encode()).hexdigest()[:12]


if TYPE_CHECKING:
    RuleSet = Sections
else:
    RuleSet = create_model(
        "RuleSet",
        __base__=Sections,
        __doc__="One section per rule, by its id, beside `motion` and `quality`. Left out, defaults hold.",
        **{rule.id: (rule.Params, Field(default_factory=rule.Params)) for rule in RULES},
    )


def load_rules(path: str | Path | None) -> RuleSet:
    """The rules of a YAML file; the defaults for None. Raises UserError naming file, line, field and what is right."""
    if path is None:
        return RuleSet()
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except OSError as error:
        msg = f"{path}: cannot read the rules file: {error.strerror}"
        raise UserError(msg) from error
    except UnicodeDecodeError as error:
        msg = f"{path}: not UTF-8 text (byte {error.start})"
        raise UserError(msg) from error
    return parse_rules(text, str(path))


def parse_rules(text: str, source: str) -> RuleSet:
    """The rules of a YAML text; `source` names it in errors."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        given = yaml.safe_load(text)
        lines = _lines(root, source)
    except RecursionError as error:
        msg = f"{source}: not YAML that can be used: nested too deeply; sections and parameters are two levels"
        raise UserError(msg) from error
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{source}:{mark.line + 1}" if mark else source
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        msg = f"{where}: not YAML: {problem}"
        raise UserError(msg) from error
    if given is None:
        return RuleSet()
    if not isinstance(given, dict):
        msg = f"{source}: expected a section per rule, such as\nrisk_stop:\n  stopped_s: 120"
        raise UserError(msg)
    try:
        return RuleSet.model_validate(given)
    except ValidationError as error:
        problems = [_problem(dict(found), source, lines) for found in error.errors(include_url=False)]
        raise UserError("\n".join(problems)) from error


def _lines(root: Any, source: str) -> dict[tuple[str, ...], int]:
    """The line of every key, by its path. A key given twice is refused: YAML would silently keep the last."""
    lines: dict[tuple[str, ...], int] = {}

    def walk(node: Any, path: tuple[str, ...]) -> None:
        if not isinstance(node, yaml.MappingNode):
            return
        for key, value in node.value:
            here = (*path, str(key.value))
            line = key.start_mark.line + 1
            if here in lines:
                msg = f"{source}:{line}: {'.'.join(here)} is given twice, first in line {lines[here]}"
                raise UserError(msg)
            lines[here] = line
            walk(value, here)

    walk(root, ())
    return lines


def _problem(found: dict[str, Any], source: str, lines: dict[tuple[str, ...], int]) -> str:
    path = tuple(str(part) for part in found["loc"])
    line = next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), 1)
    where = f"{source}:{line}: {'.'.join(path)}"
    if found["type"] == "model_type":
        return f"{where}: expected parameters below it, such as 'enabled: true', not {found['input']!r}"
    if found["type"] != "extra_forbidden":
        return f"{where}: {found['msg']}, not {found['input']!r}"
    known: list[str] = list(RuleSet.model_fields)
    if len(path) > 1 and path[0] in RuleSet.model_fields:
        section = RuleSet.model_fields[path[0]].annotation
        known = list(getattr(section, "model_fields", {}))
    close = get_close_matches(path[-1], known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(known))}"
    return f"{where}: unknown; {hint}"
