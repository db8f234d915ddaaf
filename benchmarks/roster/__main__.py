"""Thousands in one conference, without media: the first listing at a client, then many events a second.

`python -m benchmarks.roster [--people N] [--rate N] [--seconds N]`: the node and the client are processes of their own. First the
client joins an empty conference and the full one; the difference of its CPU is what the listing costs. Then the node changes one
participant after another, `rate` times a second, and tells of each; the client reads the age of what it hears. Exits with 1 when
the listing costs more CPU than `LISTING_SECONDS`, when events are lost, when what arrives in the last third is older than in the
first (the queue grows), or when the node's memory grows by more than `GROWTH`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from typing import Any

LISTING_SECONDS = 1.0
GROWTH = 1.05
OLDER = 0.5
"""Seconds by which what is heard at the end may be older than at the beginning."""


def started(module: str, *arguments: object) -> subprocess.Popen[str]:
    """A process that prints lines of JSON."""
    command = [sys.executable, "-m", f"benchmarks.roster.{module}", *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def told(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The next line that a process prints."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"a process of this benchmark ended with {process.wait()}")
    fields: dict[str, Any] = json.loads(line)
    return fields


def _say(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=5000)
    parser.add_argument("--rate", type=int, default=1000, help="events a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    with started("serving", options.people) as node:
        assert node.stdin is not None
        url = told(node)["url"]
        with started("following", url) as client:
            told(client)
            _say(node, "0 0")  # what is done once in a process is done now
            told(node)
            _say(client, "go")
            joined = told(client)
            before = os.getloadavg()[0]
            _say(node, f"{options.rate} {options.seconds}")
            served, heard = told(node), told(client)
        node.stdin.close()
    return _judged(options, joined, served, heard, before)


def _judged(options: argparse.Namespace, joined: dict[str, Any], served: dict[str, Any], heard: dict[str, Any], load: float) -> int:
    growth = served["memory"][1] / served["memory"][0]
    first, last = heard["ages"]
    print(f"{options.people} participants, load average {load:.2f} before, {os.getloadavg()[0]:.2f} after")
    print(f"listing: {joined['cpu']:.2f} CPU s of the client, {joined['wall']:.2f} s, {joined['people']} people")
    print(f"events: {served['told']} in {served['seconds']:.1f} s, {served['told'] / served['seconds']:.0f}/s; heard {heard['heard']}")
    print(f"  of the node {served['cpu'] / served['seconds']:.0%} of a core, of the client {heard['cpu'] / served['seconds']:.0%}")
    print(f"  age when heard: {first * 1000:.0f} ms in the first third, {last * 1000:.0f} ms in the last; longest queue {served['queue']}")
    print(f"  node's memory: {served['memory'][0]} MB after a fifth, {served['memory'][1]} MB at the end ({growth:.3f})")
    blocked = {"listing": (served["listing"], joined["blocked"]), "events": (served["blocked"], heard["blocked"])}
    for phase, (node, client) in blocked.items():
        print(f"  longest step of the event loop, {phase}: {node:.1f} ms CPU of the node, {client:.1f} ms of the client")
    faults = {
        f"the listing cost more than {LISTING_SECONDS} s": joined["cpu"] > LISTING_SECONDS,
        "events were lost": heard["heard"] < served["told"],
        "the node did not keep up": served["told"] < 0.95 * options.rate * options.seconds,
        "the queue grew": last > first + OLDER,
        "the node's memory grew": growth > GROWTH,
    }
    for fault in (text for text, is_so in faults.items() if is_so):
        print(f"FAILED: {fault}")
    return int(any(faults.values()))


if __name__ == "__main__":
    sys.exit(main())
