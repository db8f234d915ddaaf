"""Janus' recordplay: `python -m benchmarks.recording.peers.janus URL CALLS SECONDS FOLDER`; drives a server of its own by HTTP."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.recording.told import post, say

GENERAL = """general: {{
  configs_folder = "{folder}"
  plugins_folder = "/usr/lib/x86_64-linux-gnu/janus/plugins"
  transports_folder = "/usr/lib/x86_64-linux-gnu/janus/transports"
  events_folder = "/nonexistent"
  loggers_folder = "/nonexistent"
  debug_level = 2
}}
media: {{ ipv6 = false }}
plugins: {{ disable = "{plugins}" }}
transports: {{ disable = "libjanus_websockets.so,libjanus_pfunix.so,libjanus_rabbitmq.so,libjanus_mqtt.so,libjanus_nanomsg.so" }}
"""
OTHERS = "audiobridge echotest lua duktape nosip sip streaming textroom videocall videoroom voicemail"


def servers(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """A running server and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    plugins = ",".join(f"libjanus_{name}.so" for name in OTHERS.split())
    (folder / "janus.jcfg").write_text(GENERAL.format(folder=folder, plugins=plugins))
    http = f'general: {{ json = "plain" base_path = "/janus" http = true port = {port} ip = "127.0.0.1" https = false }}\n'
    (folder / "janus.transport.http.jcfg").write_text(http)
    (folder / "janus.plugin.recordplay.jcfg").write_text(f'general: {{ path = "{folder}" }}\n')
    command = ["janus", "--config", str(folder / "janus.jcfg"), "--configs-folder", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.05)
    return server, f"http://127.0.0.1:{port}/janus"


def ask(url: str, **what: Any) -> dict[str, Any]:
    """A request of Janus' API."""
    told: dict[str, Any] = json.loads(post(url, json.dumps({**what, "transaction": secrets.token_hex(6)})))
    return told


def record(server: str, url: str, number: int, seconds: float, folder: Path) -> None:
    """One call."""
    session = f"{server}/{ask(server, janus='create')['data']['id']}"
    handle = f"{session}/{ask(session, janus='attach', plugin='janus.plugin.recordplay')['data']['id']}"
    offered = json.loads(post(url + "/call"))
    say("offer_sent", call=number)
    body = {"request": "record", "name": f"call{number}", "filename": f"call{number}"}
    ask(handle, janus="message", body=body, jsep={"type": "offer", "sdp": offered["sdp"], "trickle": False})
    answer = None
    while answer is None:
        with urllib.request.urlopen(f"{session}?maxev=1", timeout=40) as events:
            answer = json.loads(events.read()).get("jsep")
    post(f"{url}/answer/{offered['id'].replace(' ', '%20')}", answer["sdp"])
    path, end = folder / f"call{number}-video.mjr", time.monotonic() + seconds
    while not (path.exists() and path.stat().st_size > 2000) and time.monotonic() < end:
        time.sleep(0.005)
    say("first_frame", call=number)
    time.sleep(max(0.0, end - time.monotonic()))
    ask(handle, janus="message", body={"request": "stop"})
    say("file", call=number, path=str(path))


def main(url: str, calls: int, seconds: float, folder: Path) -> None:
    """So many calls in one server, begun one after the other."""
    server, address = servers(folder)
    say("process", pid=server.pid)
    threads = []
    try:
        for number in range(calls):
            threads.append(threading.Thread(target=record, args=(address, url, number, seconds, folder)))
            threads[-1].start()
            time.sleep(0.37)
        for thread in threads:
            thread.join()
        time.sleep(0.5)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]))
