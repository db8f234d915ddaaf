"""Every option comes from the environment too; a flag wins; help is complete and cheap."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from pexrtc_py.cli.__main__ import COMMANDS, pexrtc
from tests.cli.commands import COMMAND, ENVIRONMENT, Run, Start, ended, said, wait_for_line


def _commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(pexrtc)
    for name in COMMANDS:
        command = pexrtc.get_command(context, name)
        assert command is not None
        yield name, command


OPTIONS = [(name, option) for name, command in _commands() for option in command.params if isinstance(option, click.Option)]
IDS = [f"{name} {option.opts[-1]}" for name, option in OPTIONS]


@pytest.mark.parametrize(("name", "option"), OPTIONS, ids=IDS)
def test_every_option_has_its_environment_variable_and_says_so(name: str, option: click.Option) -> None:
    long = next(text for text in option.opts if text.startswith("--"))

    assert option.envvar == "PEXRTC_" + long.removeprefix("--").replace("-", "_").upper()
    assert option.show_envvar
    assert option.help is not None
    assert option.help[0].isupper()
    assert option.help.rstrip("]").endswith((".", ")")) or "default" in option.help


@pytest.mark.parametrize(("name", "command"), list(_commands()))
def test_every_command_explains_itself(name: str, command: click.Command) -> None:
    assert command.name == name
    assert command.help is not None
    assert command.help.split("\n\n")[0].endswith(".")


def test_options_come_from_the_environment(run: Run) -> None:
    finished = run("record", env={"PEXRTC_CONFERENCE": "open", "PEXRTC_OUT": "from.environment", "PEXRTC_NODE": "http://127.0.0.1:1"})

    assert finished.returncode == 31
    assert "from.environment" in said(finished)


def test_a_flag_wins_over_the_environment(run: Run) -> None:
    finished = run("record", "open", "--out", "from.flag", env={"PEXRTC_OUT": "from.environment"})

    assert "from.flag" in said(finished)


def test_a_pin_given_as_a_flag_wins_over_a_file_from_the_environment(run: Run, there: list[str]) -> None:
    options = ("record", "meet.alice", "--out", "a.mkv", *there)

    assert run(*options, "--pin", "wrong", env={"PEXRTC_PIN_FILE": "/missing"}).returncode == 11
    assert run(*options, env={"PEXRTC_PIN": "wrong", "PEXRTC_PIN_FILE": "/missing"}).returncode == 2


def test_a_pin_and_a_pin_file_together_make_no_sense(run: Run) -> None:
    finished = run("record", "open", "--out", "a.mkv", "--node", "http://127.0.0.1:1", "--pin", "1", "--pin-file", "pin")

    assert finished.returncode == 2
    assert "--pin-file" in said(finished)


def test_the_conference_of_a_node_may_come_from_the_environment(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENVIRONMENT, "PEXRTC_CONFERENCE", "one,host_pin=1234 two")
    monkeypatch.setitem(ENVIRONMENT, "PEXRTC_LISTEN", "127.0.0.1:0")

    node = start("node")
    wait_for_line(node, "Stop with Ctrl-C")
    node.terminate()

    assert "Conferences: one, two" in ended(node).stdout


def test_help_costs_little(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)

    for _ in range(3):
        subprocess.run([*COMMAND, "--help"], check=True, capture_output=True, env=ENVIRONMENT, cwd=tmp_path)

    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / 3 < 0.5


@pytest.mark.parametrize("command", [[], ["demo"], ["node"], ["join"], ["record"]])
def test_help_loads_nothing_heavy(tmp_path: Path, command: list[str]) -> None:
    code = (
        "import sys\n"
        "from pexrtc_py.cli.__main__ import run\n"
        f"code = run([*{command!r}, '--help'])\n"
        "heavy = {'av', 'numpy', 'aiohttp', 'aiortc', 'pydantic', 'PIL'} & set(sys.modules)\n"
        "sys.exit(f'{code} {heavy}' if code or heavy else 0)"
    )

    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, cwd=tmp_path, check=False)

    assert finished.stderr == ""
    assert finished.returncode == 0
    assert "Usage: pexrtc" in finished.stdout
