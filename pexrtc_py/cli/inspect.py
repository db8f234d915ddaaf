"""`pexrtc inspect`: is a recording whole, and what is in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pexrtc_py.cli.options import log_options, option
from pexrtc_py.cli.running import set_up_logging

if TYPE_CHECKING:
    from pexrtc_py.bot.checking import Verdict

INCOMPLETE = 30


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@option("--repair", is_flag=True, help="First make whole what a killed recorder left.")
@option("--sheet/--no-sheet", default=True, show_default=True, help="Draw moments of the file into NAME.png.")
@log_options("Print one JSON object for each file instead of text.")
def inspect(*, files: tuple[Path, ...], repair: bool, sheet: bool, log_level: str, as_json: bool) -> int:
    """Decode recordings, and compare them with what lies beside them.

    Says which streams there are, whether all of it decodes, how long it is, where something is missing, and whether sound and picture are
    together. Exits with 30 when a file is not what it should be.
    """
    set_up_logging(log_level)
    return max(_inspect(path, repair=repair, sheet=sheet, as_json=as_json) for path in files)


def _inspect(path: Path, *, repair: bool, sheet: bool, as_json: bool) -> int:
    from pexrtc_py.bot import checking
    from pexrtc_py.bot.inspecting import contact_sheet

    mended = checking.repair(path) if repair else None
    verdict = checking.check(path)
    drawn = contact_sheet(path, path.with_suffix(".png")) if sheet and verdict.inspection.video else None
    code = 0 if verdict.good else INCOMPLETE
    if as_json:
        told = {"exit": code, "good": verdict.good, "sheet": str(drawn) if drawn else None, **verdict.inspection.as_dict()}
        told["findings"] = [vars(finding) for finding in verdict.findings]
        if mended is not None:
            told["repaired"] = {"cut": mended.cut, "indexed": mended.indexed}
        click.echo(json.dumps(told))
        return code
    if mended is not None and mended.changed:
        click.echo(f"{path}: cut {mended.cut} incomplete bytes, wrote an index of {mended.indexed} key frames")
    _print(path, verdict, drawn)
    return code


def _print(path: Path, verdict: Verdict, drawn: Path | None) -> None:
    whole = verdict.inspection
    click.echo(f"{path}  {whole.duration:.2f} s, {whole.bytes / 1e6:.2f} MB")
    width = max(len(finding.name) for finding in verdict.findings)
    for finding in verdict.findings:
        limit = f"  (limit {finding.limit})" if finding.limit else ""
        click.echo(f"  {'ok ' if finding.ok else 'NO '} {finding.name:{width}}  {finding.value}{limit}")
    if drawn is not None:
        click.echo(f"  picture: {drawn}")
    click.echo("The recording is good." if verdict.good else "The recording is not what it should be.", err=not verdict.good)
