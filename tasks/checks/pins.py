"""The Python packages that a hub image pins, compared with those that its base image ships."""

from __future__ import annotations

import json
import posixpath
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from ..core.faults import DOOR, ProgramFailed
from ..core.http import Page
from ..core.names import Reference
from ..core.yaml_tree import Text
from ..releases.repository import Cache
from ..repo.dockerfile import instructions
from ..repo.files import join
from ..repo.hub import Hub, HubImage
from ..tools import docker
from ..tools.registry import FoundImage
from .problems import Code, Problem, Severity, Unchecked

_EXACT = ("==", "===")


class _PackagePin(NamedTuple):
    where: str
    name: str
    version: str


def pins_of(hub: Hub, image: HubImage) -> list[_PackagePin]:
    """Return what the Dockerfile's ``pip install`` lines and the requirements files in the context pin."""
    found: list[_PackagePin] = []
    for where, text in _texts(hub, image):
        with suppress(InvalidRequirement):
            required = Requirement(text.rstrip(";&|")) if "==" in text else None
            exact = [one for one in required.specifier if one.operator in _EXACT] if required else []
            found += (_PackagePin(where, required.name, one.version) for one in exact if required)
    return found


def pin_problems(image: HubImage, pins: list[_PackagePin], shipped: Mapping[str, str]) -> Iterator[Problem]:
    """Yield the ``pins`` of ``image`` that are older than the versions that its base image ships, given by name."""
    versions = {canonicalize_name(name): version for name, version in shipped.items()}
    for pin in pins:
        theirs = versions.get(canonicalize_name(pin.name))
        if theirs and _is_older(pin.version, theirs):
            yield Problem(
                Code.OLD_PIN,
                pin.where,
                f"{pin.name} is pinned to {pin.version}, but {image.base.reference} ships {theirs}",
                f"take the pin out, or pin {theirs}; {Code.OLD_PIN.how_to_accept}",
                Severity.WARNING,
            )


def packages_of(base: Reference, found: FoundImage | None, cache: Cache) -> Mapping[str, str] | Unchecked:
    """Return the Python packages of a base image by name, with their versions; else why they are not known.

    The engine tells, where it has the image: nothing is pulled for that. What it tells is kept in ``cache`` by the
    digest that the registry has (``found``).
    """
    key = f"packages of {found.digest}" if found else ""
    kept = _kept(key, cache) if found else None
    if kept is not None:
        return kept
    what = f"pins against the packages of {base}"
    try:
        stored = docker.stored(base)
    except ProgramFailed as fault:
        return Unchecked(f"{what}: {fault.what}", fault.hint)
    layers = {name: one.layers for name, one in found.platforms.items()} if found else {}
    if stored is None or (found and any(layers.get(name) != one.layers for name, one in stored.platforms.items())):
        return Unchecked(f"{what}: the Docker engine does not have it", f"docker pull {base}, then: {DOOR} check")
    packages = docker.packages(base)
    if packages is None:
        look = f"docker run --rm --entrypoint=python3 {base} -m pip list"
        return Unchecked(f"{what}: the image does not list them", look)
    if found:
        cache.keep_page(key, Page(json.dumps(packages).encode()))
    return packages


def _kept(key: str, cache: Cache) -> dict[str, str] | None:
    page = cache.page(key)
    try:
        listed = json.loads(page.body) if page else None
    except (ValueError, RecursionError):
        return None
    return {str(name): str(version) for name, version in listed.items()} if isinstance(listed, dict) else None


def _texts(hub: Hub, image: HubImage) -> Iterator[tuple[str, str]]:
    """Yield what may be a requirement, each behind its place."""
    data = hub.require(image.dockerfile)
    for instruction in instructions(Text.decode(data, image.dockerfile)):
        if instruction.keyword != "RUN" or "pip" not in instruction.arguments:
            continue
        yield from ((f"{image.dockerfile}:{instruction.line}", word) for word in _words(instruction.arguments))
    listed = hub.git.names("ls-files", "-z", "--", join(hub.layout.root, image.spec.context))
    for path in listed:
        name = posixpath.basename(path)
        if not name.endswith(".txt") or "requirements" not in name or hub.files.read(path) is None:
            continue
        lines = hub.require(path).decode("utf-8", "replace").splitlines()
        yield from ((f"{path}:{number}", line.split(" #")[0].strip()) for number, line in enumerate(lines, start=1))


def _words(arguments: str) -> list[str]:
    """Split what ``RUN`` is given, in its shell form or its exec form (a JSON list)."""
    try:
        if arguments.lstrip().startswith("["):
            return [str(word) for word in json.loads(arguments)]
        return shlex.split(arguments, comments=True)
    except (ValueError, RecursionError):
        return arguments.split()


def _is_older(ours: str, theirs: str) -> bool:
    try:
        return Version(ours) < Version(theirs)
    except InvalidVersion:
        return False
