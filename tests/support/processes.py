"""Programs of the tests' own, processes that run, waiting for what they bring about, and what they share."""

import fcntl
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def write_program(folder: Path, name: str, script: str) -> Path:
    """Write a shell script into ``folder``, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def alive(*processes: int) -> bool:
    """Whether one of these processes runs; one that ended and was not waited for does not."""
    numbers = ",".join(map(str, processes))
    seen = subprocess.run(("ps", "-o", "stat=", "-p", numbers), capture_output=True, text=True, check=False)
    return any(not state.startswith("Z") for state in seen.stdout.split())


def wait_until(reached: Callable[[], object], seconds: float = 90) -> None:
    """Wait for something that must come within so many seconds."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "it does not come to that"
        time.sleep(0.02)


def serves(port: int) -> bool:
    """Whether something listens at a port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# -- what is made once for all of the processes that the tests of one run are spread over


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that this run's workers share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let one worker at a time make or look at ``folder``."""
    with folder.with_suffix(".lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
