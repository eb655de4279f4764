"""``python supervised.py PROGRAM ARGUMENTS``: become a program that ends with whoever started it.

This process becomes the program, so its starter knows the program's process id. The watcher beside it reads from the
starter's pipe: that ends when the starter stops the program, and also when the starter dies.
"""

from __future__ import annotations

import os
import signal
import sys


def _watch(program: int) -> None:
    """Ask ``program`` to end when nobody holds the other end of standard input any more."""
    os.read(sys.stdin.fileno(), 1)
    os.kill(program, signal.SIGTERM)


def _become(argv: list[str]) -> None:
    """Become a program, which reads nothing."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
    os.execvp(argv[0], argv)  # noqa: S606 - a program by its arguments, as everywhere


if __name__ == "__main__":
    own = os.getpid()
    if os.fork():
        _become(sys.argv[1:])
    else:
        _watch(own)
