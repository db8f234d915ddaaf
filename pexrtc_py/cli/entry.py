"""The very first of the command `pexrtc`: what a process owes when it is the first one of a container."""

from __future__ import annotations

import os
import signal

_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_HEARD = (*_PASSED_ON, signal.SIGCHLD)
_FROM_KERNEL = 0x80
"""`si_code` of a signal that a terminal sends to all in front of it, to the command as well."""


def main() -> None:
    """Run a command and end the process with the code that says how it went."""
    stand_before()

    from pexrtc_py.cli.__main__ import main as run

    run()


def stand_before() -> None:
    """As process 1, go on in a child, and be only what watches over it.

    To process 1 the kernel gives no signal that it has no handler for, and every orphan, to be waited for when it ends.
    """
    if os.getpid() != 1:
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)  # they wait for us from here on
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    os._exit(_watch(child))


def _watch(child: int) -> int:
    """Pass signals on and wait for whatever ends, until the child does; its exit code, as a shell tells it."""
    while True:
        heard = signal.sigwaitinfo(_HEARD)
        if heard.si_signo == signal.SIGCHLD:
            if (status := _reap(child)) is not None:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
        elif heard.si_code != _FROM_KERNEL:
            os.kill(child, heard.si_signo)


def _reap(child: int) -> int | None:
    """Wait for all that have ended; the status of the child if it is among them."""
    found = None
    try:
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == child:
                found = ended[1]
    except ChildProcessError:
        pass
    return found
