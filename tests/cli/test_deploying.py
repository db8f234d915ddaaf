"""The unit and the Job that run the recorder unattended: accepted by what reads them, and their commands record."""

from __future__ import annotations

import contextlib
import re
import shlex
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import av
import kubernetes_validate
import numpy as np
import pytest
import yaml

from tests.cli.commands import ROOT, Start, ended, said, started, wait_for_line

pytestmark = pytest.mark.live
DEPLOY = ROOT / "samples" / "deploy"
UNIT = DEPLOY / "pexrtc-record@.service"
INSTANCE = "pexrtc-record@meet.alice.service"
PROGRAM = "/opt/pexrtc/bin/pexrtc"
TALK = ("join", "meet.alice", "--pin", "1234", "--video", "pattern", "--audio", "tone", "--name", "Ann")

Recorder = Callable[[Mapping[str, str], list[str]], subprocess.Popen[str]]


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    """Starts `pexrtc` with variables and arguments in an empty directory."""
    with contextlib.ExitStack() as stack:

        def begin(variables: Mapping[str, str], arguments: list[str]) -> subprocess.Popen[str]:
            within = ("env", *(f"{name}={value}" for name, value in variables.items()))
            return stack.enter_context(started(*arguments, cwd=tmp_path, within=within))

        yield begin


@pytest.fixture
def pin(tmp_path: Path) -> Path:
    """Credentials as systemd and Kubernetes lay them: a folder with the PIN of a host."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "pin").write_text("1234\n")
    return folder


@pytest.fixture
def talk(start: Start, there: list[str]) -> subprocess.Popen[str]:
    talking = start(*TALK, *there)
    wait_for_line(talking, '"state": "joined"')
    return talking


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    assert _verified(_unit(), tmp_path) == ""


@pytest.mark.parametrize(
    ("right", "wrong"), [("KillMode=mixed", "KillMode=later"), ("[Service]", "[Services]"), (PROGRAM, "/nowhere/pexrtc")]
)
def test_systemd_says_what_is_wrong_with_a_unit(right: str, wrong: str, tmp_path: Path) -> None:
    unit = UNIT.read_text()
    assert right in unit

    assert _verified(unit.replace(right, wrong).replace(PROGRAM, sys.executable), tmp_path) != ""


def test_the_unit_records_until_systemd_stops_it(
    recorder: Recorder, talk: subprocess.Popen[str], served: dict[str, Any], pin: Path, tmp_path: Path
) -> None:
    unit = _settings({"%i": "meet.alice", "%d": str(pin), "%S": str(tmp_path)})
    program, *arguments = shlex.split(unit["ExecStart"])
    variables = dict(each.split("=", 1) for each in unit["Environment"].split())

    recording = recorder(variables | {"PEXRTC_NODE": served["url"], "PEXRTC_CA_FILE": served["ca_file"]}, arguments)
    wait_for_line(recording, '"state": "recording"')
    finished = ended(recording, signal.Signals[unit["KillSignal"]])

    assert (program, finished.returncode) == (PROGRAM, 0), finished.stderr
    _assert_plays(next(tmp_path.glob("meet.alice-*.mkv")))
    assert int(unit["TimeoutStopSec"]) > 20, "a kill before the files are finished"


def test_systemd_does_not_repeat_what_time_does_not_mend(
    recorder: Recorder, served: dict[str, Any], there: list[str], pin: Path, tmp_path: Path
) -> None:
    prevented = set(map(int, _settings({})["RestartPreventExitStatus"].split()))
    (pin / "wrong").write_text("9999\n")
    node = {"PEXRTC_NODE": served["url"], "PEXRTC_CA_FILE": served["ca_file"]}
    command = ["record", "--out", "a.mkv", "--pin-file", str(pin / "wrong")]

    wrong_pin = ended(recorder(node, [*command, "meet.alice"]))
    unknown = ended(recorder(node, [*command, "meet.nobody"]))
    down = ended(recorder(node | {"PEXRTC_NODE": "http://127.0.0.1:9"}, [*command, "meet.alice"]))

    assert said(wrong_pin)
    assert {wrong_pin.returncode, unknown.returncode} <= prevented
    assert down.returncode not in prevented


@pytest.mark.parametrize("version", ["1.31", "1.34", "1.37"])
def test_kubernetes_accepts_the_job(version: str) -> None:
    kubernetes_validate.validate(_job(), version, strict=True)


def test_kubernetes_says_what_is_wrong_with_a_job() -> None:
    job = _job()
    job["spec"]["template"]["spec"]["containers"][0]["argv"] = []

    with pytest.raises(kubernetes_validate.ValidationError, match="argv"):
        kubernetes_validate.validate(job, "1.31", strict=True)


def test_the_job_is_ready_when_it_records_and_ends_well_when_told_to(
    recorder: Recorder, talk: subprocess.Popen[str], served: dict[str, Any], pin: Path, tmp_path: Path
) -> None:
    container = _job()["spec"]["template"]["spec"]["containers"][0]
    places = {"/recordings": str(tmp_path), "/run/secrets/pexrtc": str(pin)}
    assert set(places) < {each["mountPath"] for each in container["volumeMounts"]}
    variables = {each["name"]: _moved(each["value"], places) for each in container["env"]}
    variables |= {"PEXRTC_NODE": served["url"], "PEXRTC_CA_FILE": served["ca_file"], "PEXRTC_METRICS": "127.0.0.1:0"}

    recording = recorder(variables, [_moved(each, places) for each in container["args"]])
    served_at = _address_of_metrics(recording)
    wait_for_line(recording, '"state": "recording"')

    probes = [container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")]
    assert [_status(f"{served_at}{path}") for path in probes] == [200, 200, 200]
    finished = ended(recording, signal.SIGTERM)
    assert finished.returncode == 0, finished.stderr
    _assert_plays(next(tmp_path.glob("meet.alice-*.mkv")))


def test_job_unit_and_image_agree() -> None:
    pod = _job()["spec"]["template"]["spec"]
    container = pod["containers"][0]
    image = (ROOT / "Dockerfile").read_text()
    final = {code for rule in _job()["spec"]["podFailurePolicy"]["rules"] for code in rule.get("onExitCodes", {}).get("values", [])}

    assert f"USER {pod['securityContext']['runAsUser']}\n" in image
    assert "VOLUME /recordings\n" in image
    assert container["ports"][0]["containerPort"] == int(_variable(container, "PEXRTC_METRICS").rpartition(":")[2])
    assert final == set(map(int, _settings({})["RestartPreventExitStatus"].split()))


def _verified(unit: str, folder: Path) -> str:
    """What systemd complains of in this text of a unit."""
    (folder / INSTANCE).write_text(unit)
    command = ("systemd-analyze", "verify", "--man=no", str(folder / INSTANCE))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    complaints = [line for line in done.stderr.splitlines() if INSTANCE in line]
    return "\n".join(complaints) if complaints or done.returncode == 0 else done.stderr


def _unit() -> str:
    """The unit, for a machine where the program is a file that exists."""
    return UNIT.read_text().replace(PROGRAM, sys.executable)


def _settings(specifiers: Mapping[str, str]) -> dict[str, str]:
    text = UNIT.read_text()
    for name, value in specifiers.items():
        text = text.replace(name, value)
    return dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))


def _job() -> dict[str, Any]:
    job = yaml.safe_load((DEPLOY / "job.yaml").read_text())
    assert isinstance(job, dict)
    return job


def _variable(container: dict[str, Any], name: str) -> str:
    return str(next(each["value"] for each in container["env"] if each["name"] == name))


def _moved(value: str, places: Mapping[str, str]) -> str:
    for place, here in places.items():
        value = value.replace(place, here)
    return value


def _address_of_metrics(process: subprocess.Popen[str]) -> str:
    found = re.search(r"http://127\.0\.0\.1:\d+", wait_for_line(process, "http://127.0.0.1:"))
    assert found is not None
    return found[0]


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _assert_plays(path: Path) -> None:
    with av.open(str(path)) as film:
        pictures = sum(1 for _ in film.decode(video=0))
    with av.open(str(path)) as film:
        tone = np.concatenate([frame.to_ndarray().ravel() for frame in film.decode(audio=0)])
    assert pictures
    assert np.abs(tone).max() > 0, "nothing is heard"
