"""The engine's local image store, where buildx's ``docker`` driver leaves a copy of all that it pushes."""

from __future__ import annotations

import contextlib

from ..faults import ProgramFailed
from ..tools.run import Command, capture, check

_LIST = Command(("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}"))


def engine_answers() -> bool:
    """Whether there is an engine that answers."""
    with contextlib.suppress(ProgramFailed):
        return capture(_LIST).ok
    return False


def forget_images(address: str) -> None:
    """Remove the local copies of what was pushed to the registry at ``address`` (``127.0.0.1:PORT``).

    A throwaway registry's address means nothing once it is gone. No engine means no copies.

    Raises:
        ProgramFailed: Docker is missing, or does not let go of an image.
    """
    copies = [name for name in capture(_LIST).text.splitlines() if is_copy(name, address)]
    if copies:
        check(Command(("docker", "image", "rm", *copies)), hint="docker image ls")


def is_copy(name: str, address: str) -> bool:
    """Whether ``name``, as ``docker image ls`` shows it, is a tagged image of the registry at ``address``."""
    return name.startswith(f"{address}/") and not name.endswith(":<none>")
