"""Python packages that the hub image pins below what its base image ships: an old pin undoes a security fix."""

from __future__ import annotations

import json
import posixpath
import shlex
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from ..hubrepo.instructions import instructions
from ..hubrepo.paths import join
from ..hubrepo.text import Text
from .problem import Code, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..hubrepo.layout import Hub, HubImage

_EXACT = ("==", "===")


def pin_problems(hub: Hub, image: HubImage, shipped: Mapping[str, str]) -> Iterator[Problem]:
    """Yield the pins of ``image`` that are older than what its base image ships.

    Args:
        hub: the hub repository.
        image: the image: its Dockerfile's ``pip install`` lines and the requirements files in its context are read.
        shipped: the base image's packages, versions by name.
    """
    versions = {canonicalize_name(name): version for name, version in shipped.items()}
    for where, requirement in _pins(hub, image):
        theirs = versions.get(canonicalize_name(requirement.name))
        ours = next((one.version for one in requirement.specifier if one.operator in _EXACT), None)
        if theirs and ours and _is_older(ours, theirs):
            yield Problem(
                Code.OLD_PIN,
                where,
                f"{requirement.name} is pinned to {ours}, but {image.base.reference} ships {theirs}",
                f"take the pin out, or pin {theirs}",
            )


def _pins(hub: Hub, image: HubImage) -> Iterator[tuple[str, Requirement]]:
    """Yield every requirement that the image installs, with the file and line that it stands on."""
    data = hub.require(image.dockerfile)
    for instruction in instructions(Text.decode(data, image.dockerfile)):
        if instruction.keyword != "RUN" or "pip" not in instruction.arguments:
            continue
        for word in _words(instruction.arguments):
            yield from _requirement(f"{image.dockerfile}:{instruction.line}", word)
    for path in _requirements_files(hub, image):
        lines = hub.require(path).decode("utf-8", "replace").splitlines()
        for number, line in enumerate(lines, start=1):
            yield from _requirement(f"{path}:{number}", line.split(" #")[0].strip())


def _requirements_files(hub: Hub, image: HubImage) -> list[str]:
    """Return the requirements files that lie in the image's context."""
    context = join(hub.root, image.spec.context)
    listed = hub.git.names("ls-files", "-z", "--", context)
    names = (path for path in listed if path.endswith(".txt") and "requirements" in posixpath.basename(path))
    return [path for path in names if hub.files.read(path) is not None]


def _words(arguments: str) -> list[str]:
    """Split what ``RUN`` is given, in its shell form or its exec form (a JSON list)."""
    try:
        if arguments.lstrip().startswith("["):
            return [str(word) for word in json.loads(arguments)]
        return shlex.split(arguments, comments=True)
    except (ValueError, RecursionError):
        return arguments.split()


def _requirement(where: str, text: str) -> Iterator[tuple[str, Requirement]]:
    if "==" not in text:
        return
    try:
        yield where, Requirement(text.rstrip(";&|"))
    except InvalidRequirement:
        return


def _is_older(ours: str, theirs: str) -> bool:
    try:
        return Version(ours) < Version(theirs)
    except InvalidVersion:
        return False
