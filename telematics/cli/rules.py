"""`telematics rules`: what the rules' parameters are, and whether a file of them can be used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from telematics.cli.options import Json, Rules
from telematics.cli.output import as_json, line, table

app = typer.Typer(no_args_is_help=True, help="Show and check the rules' parameters.")


@app.command()
def show(rules: Rules = None, json: Json = False) -> None:
    """Print every parameter with its value; with --rules, those of a file over the defaults."""
    from telematics.core.params import RuleSet, load_rules

    loaded, defaults = load_rules(rules) if rules else RuleSet(), RuleSet().model_dump(mode="json")
    values = loaded.model_dump(mode="json")
    if json:
        as_json({"version": loaded.version, "rules": values})
        return
    rows = [
        (rule, name, value, "" if value == defaults[rule][name] else f"instead of {defaults[rule][name]}")
        for rule, section in values.items()
        for name, value in section.items()
    ]
    table(("rule", "parameter", "value", ""), rows)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML file of rule parameters.", show_default=False)],
    json: Json = False,
) -> None:
    """Read a rules file as the monitor would; a mistake is named with its place and ends with exit code 2."""
    from telematics.core.params import load_rules

    loaded = load_rules(file)
    if json:
        as_json({"ok": True, "version": loaded.version})
    else:
        line(f"{file} can be used; version {loaded.version}")
