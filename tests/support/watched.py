"""The child of the tests: hubpress, with every program that Python itself is asked to start written down.

    python -m tests.support.watched TRACE TASK...

TRACE gets one line for each, in JSON: the event of https://docs.python.org/3/library/audit_events.html, and its
arguments up to the environment.
"""

import json
import os
import sys

from tasks.program import program

_STARTS = frozenset(
    {"os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "os.system", "pty.spawn", "subprocess.Popen"}
)


def watch(trace: str) -> None:
    """Write down what is started from now on, by children that are yet to become other programs too."""

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if event in _STARTS:
            # Opened each time: a child has closed what it does not need.
            log = os.open(trace, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(log, json.dumps([event, *arguments[:2]], default=os.fsdecode).encode() + b"\n")
            os.close(log)

    sys.addaudithook(note)


if __name__ == "__main__":
    watch(sys.argv[1])
    program.run(["hubpress", *sys.argv[2:]])
