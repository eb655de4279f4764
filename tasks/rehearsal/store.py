"""The engine's local image store, where buildx's ``docker`` driver leaves a copy of all that it pushes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from ..faults import ProgramFailed
from ..tools.command import Command
from ..tools.run import capture, run_checked

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIST = Command(("docker", "image", "ls", "--digests", "--format", "{{.Repository}} {{.Tag}} {{.Digest}}"))
_NONE = "<none>"


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
    copies = list(_names(capture(_LIST).text, f"{address}/"))
    if copies:
        run_checked(Command(("docker", "image", "rm", *copies)), hint="docker image ls")


def _names(listed: str, prefix: str) -> Iterator[str]:
    """Name the images that begin with ``prefix``: where a removal was cut short, only a digest may be left of one."""
    for line in listed.splitlines():
        repository, tag, digest = line.split(" ")
        if not repository.startswith(prefix):
            continue
        if tag != _NONE:
            yield f"{repository}:{tag}"
        elif digest != _NONE:
            yield f"{repository}@{digest}"
