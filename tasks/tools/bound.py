"""``python bound.py STARTER PROGRAM ARGUMENTS``: become a program that ends with the process STARTER.

On Linux the kernel sends SIGTERM when the starter dies, whatever it dies of (prctl(2), PR_SET_PDEATHSIG; it stays set
across exec). Elsewhere nothing does: there a rehearsal's registry is a container, which the next rehearsal removes.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    starter, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != starter:
            sys.exit("the starter died first")
    os.execvp(program[0], program)  # noqa: S606 - a program by its arguments, as everywhere
