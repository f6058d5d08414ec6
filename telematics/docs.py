"""Writes the parts of docs/ that describe code: `python -m telematics.docs --write`, or `--check` in tests.

A generated part stands between `<!-- generated: NAME -->` and `<!-- end -->`; all around it is written by hand.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer

from geofences.lint import codes_table
from geofences.model import KIND_DEFAULTS
from geofences.transitions import membership_table
from telematics.cli import app
from telematics.core.lifecycle import as_markdown
from telematics.core.params import RuleSet
from telematics.core.rules import RULES
from telematics.errors import UserError
from telematics.metrics import Metrics
from telematics.settings import all_settings
from telematics.texts import Language, rule_label
from telematics.wire.dialects import traccar

_PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def settings_part() -> str:
    """All settings, one table row each."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for setting in all_settings():
        secret = f" May be read from the file named by `{setting.variable}_FILE`." if setting.secret else ""
        default = f"`{setting.default}`" if setting.default else "none"
        rows.append(f"| `{setting.variable}` | {default} | {setting.help}{secret} |")
    return "\n".join(rows) + "\n"


def metrics_part() -> str:
    """All metrics, one heading each with kind, labels and meaning."""
    metrics = Metrics()
    labels = {}
    for name in metrics.__slots__:
        value = getattr(metrics, name)
        if name != "registry":
            labels[value._name] = value._labelnames  # noqa: SLF001  (the client has no other way to ask)
    parts = []
    for metric in metrics.registry.collect():
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        shown = f" by {', '.join(f'`{label}`' for label in labels[metric.name])}" if labels[metric.name] else ""
        parts.append(f"## `{name}`\n\n{metric.type.capitalize()}{shown}. {metric.documentation}\n")
    return "\n".join(parts)


def commands_part() -> str:
    """All commands with their arguments and options."""
    return "\n".join(_command(typer.main.get_command(app), "telematics", None))


def _command(command: Any, path: str, parent: Any) -> Iterator[str]:
    context = command.make_context(path, [], parent=parent, resilient_parsing=True)
    inner = getattr(command, "commands", None)
    if inner is not None:
        for name in inner:
            yield from _command(inner[name], f"{path} {name}", context)
        return
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"## `{path}`\n\n{inspect.cleandoc(command.help or '')}\n\n```\n{path} {usage}\n```\n"
    rows = []
    for param in command.params:
        names, text = param.get_help_record(context) or ("--help", "")
        if param.param_type_name == "argument":
            names = names.partition(" <")[0]  # its type, which the text tells better
        if "--help" not in names:  # every command has it, and it is said once above
            rows.append(f"| `{_cell(names)}` | {_cell(text)} |")
    if rows:
        yield "\n".join(["| | |", "|---|---|", *rows]) + "\n"


def rules_part() -> str:
    """All rules with what they say to an operator and their parameters; then what they share."""
    parts = []
    for rule in RULES:
        labels = f"*{rule_label(rule.id, Language.EN)} / {rule_label(rule.id, Language.ES)}*"
        about = inspect.cleandoc(rule.__doc__ or "")
        parts.append(f"## `{rule.id}`\n\n{labels}\n\n{about}\n\n{_parameters(rule.Params)}")
    shared = set(RuleSet.model_fields) - {rule.id for rule in RULES}
    for name in sorted(shared):
        section = RuleSet.model_fields[name].annotation
        parts.append(f"## `{name}`\n\n{inspect.cleandoc(section.__doc__ or '')}\n\n{_parameters(section)}")
    return "\n".join(parts)


def _parameters(section: Any) -> str:
    rows = [
        f"| `{name}` | {field.get_default(call_default_factory=True)} | {_cell(field.description or '')} |"
        for name, field in section.model_fields.items()
        if name != "enabled"  # every rule has it, and it is said once above
    ]
    return "\n".join(["| parameter | default | meaning |", "|---|---|---|", *rows]) + "\n" if rows else ""


def kinds_part() -> str:
    """What a fence of each kind has when its author says nothing."""
    rows = ["| kind | severity | detect | risk | a place |", "|---|---|---|---|---|"]
    for kind, has in KIND_DEFAULTS.items():
        detect = ", ".join(sorted(has.detect)) or "nothing"
        rows.append(f"| `{kind}` | {has.severity} | {detect} | {has.risk or ''} | {'yes' if has.is_place else ''} |")
    return "\n".join(rows) + "\n"


def traccar_part() -> str:
    """What becomes of each field and alarm of Traccar's."""
    rows = ["| Traccar | ping | |", "|---|---|---|"]
    rows += [
        "| `device.uniqueId` | `vehicle_id` | or an attribute of the device, see above |",
        "| `position.fixTime` | `ts` | where there is no fix: `deviceTime` |",
        "| `position.latitude`, `longitude` | `lat`, `lon` | |",
        "| not `valid`, or `outdated`, or attribute `approximate` | `fix` = `none` | the position is an old or a guessed one |",
    ]
    for theirs, ours, factor in traccar.NUMBERS:
        rows.append(f"| `{theirs}` | `{ours}` | {'' if factor == 1 else f'times {factor:g}'} |")
    rows += [f"| `{theirs}` | `{ours}` | |" for theirs, ours in traccar.FLAGS]
    rows += [f"| alarm `{alarm}` | event `{event}` | |" for alarm, event in traccar.EVENTS.items()]
    return "\n".join(rows) + "\n"


PARTS: dict[str, Callable[[], str]] = {
    "settings": settings_part,
    "metrics": metrics_part,
    "commands": commands_part,
    "rules": rules_part,
    "fence_kinds": kinds_part,
    "traccar": traccar_part,
    "lint_codes": codes_table,
    "membership": membership_table,
    "lifecycle": as_markdown,
}


def renewed(text: str) -> str:
    """A page with its generated parts as the code has them now; parts of other generators are left alone."""

    def part(match: re.Match[str]) -> str:
        make = PARTS.get(match.group(2))
        return f"{match.group(1)}\n{make()}\n{match.group(3)}" if make else match.group(0)

    return _PART.sub(part, text)


def stale(folder: Path) -> dict[Path, str]:
    """Pages of a folder that differ from the code, with the text they should have."""
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}
    return {path: fresh for path, text in texts.items() if (fresh := renewed(text)) != text}


def main(arguments: list[str]) -> int:
    """Renew docs/ (`--write`) or say what is not current (`--check`); 0 when all is current."""
    if arguments not in (["--write"], ["--check"]):
        raise UserError("use: python -m telematics.docs --write | --check")
    pages = stale(Path("docs"))
    for path, text in pages.items():
        if arguments == ["--write"]:
            path.write_text(text, encoding="utf-8")
        said = "renewed" if arguments == ["--write"] else "is not current: run python -m telematics.docs --write"
        sys.stdout.write(f"{path} {said}\n")
    return 1 if pages and arguments == ["--check"] else 0


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
