"""The Python packages that a hub image pins, compared with those in its base image."""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from string import Template

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from ..core.faults import CLI
from ..core.names import Reference
from ..core.problems import Code, Finding, Problem, Severity, Unchecked
from ..core.yaml_tree import Text
from ..repo.dockerfile import instructions
from ..repo.files import join
from ..repo.hub import Hub, HubImage
from ..tools import docker
from ..tools.process import map_parallel
from ..tools.registry import FoundImage, ImageAnswer

_EXACT = ("==", "===")
# Operators that exclude newer versions.
_LIMITS = (*_EXACT, "~=", "<", "<=")
# pip's options that name a file with requirements, and that file if it is in the same word.
_FILE_OPTION = r"(?:--(?:requirement|constraint)(?:=|$)|-[rc])(.*)"
# A line with those that a backslash joins to it.
_JOINED_LINES = r"(?:.*\\\n)*.*\n?"
# What may follow a requirement in a file: a comment, an option such as a hash, or a line continuation.
_REST = r"\s+(?:#|--|\\)"


def package_problems(hub: Hub, answers: Mapping[Reference, ImageAnswer]) -> Iterator[Finding]:
    """Yield the pins that are older than the packages in the base images, given the registries' ``answers``."""
    pins = [(image, found) for image in hub.images if (found := pins_of(hub, image))]
    bases = list(dict.fromkeys(image.base.reference for image, _ in pins))
    shipped = dict(zip(bases, map_parallel(lambda base: _packages_of(base, answers[base]), bases), strict=True))
    for image, found in pins:
        packages = shipped[image.base.reference]
        if not isinstance(packages, Unchecked):
            yield from pin_problems(image, found, packages)
        elif any(one.operator in _EXACT for _, required in found for one in required.specifier):
            # Other limits are usually for future versions: without the base image, they are not worth a remark.
            yield packages


def pins_of(hub: Hub, image: HubImage) -> list[tuple[str, Requirement]]:
    """Return the limits in the Dockerfile's ``RUN`` with pip and the context's requirements files, with places."""
    found: list[tuple[str, Requirement]] = []
    for where, text in _texts(hub, image):
        with suppress(InvalidRequirement):
            required = Requirement(text)
            if any(one.operator in _LIMITS for one in required.specifier):
                found.append((where, required))
    return found


def pin_problems(
    image: HubImage, pins: Iterable[tuple[str, Requirement]], shipped: Mapping[str, str]
) -> Iterator[Problem]:
    """Yield the ``pins`` of ``image`` that are older than its base image's packages, ``shipped`` by name."""
    versions = {canonicalize_name(name): version for name, version in shipped.items()}
    for where, required in pins:
        current = versions.get(canonicalize_name(required.name))
        if current and _is_older(required, current):
            pinned = str(required.specifier).lstrip("=")
            message = f"{required.name} is pinned to {pinned}, but {image.base.reference} ships {current}"
            hint = f"take the pin out, or pin {current}; {Code.OLD_PIN.how_to_accept}"
            yield Problem(Code.OLD_PIN, where, message, hint, Severity.WARNING)


def _texts(hub: Hub, image: HubImage) -> Iterator[tuple[str, str]]:
    """Yield texts that may be requirements, each after its place."""
    text, named = Text.decode(hub.require(image.dockerfile), image.dockerfile), set[str]()
    found, values = [*instructions(text)], dict[str, str]()
    ends = [*(one.start for one in found[1:]), len(text.content)]
    for instruction, end in zip(found, ends, strict=True):
        arguments = instruction.arguments
        if "<<" in arguments:
            # The here-documents come after it.
            arguments += text.content[instruction.start + len(arguments) : end]
        if instruction.keyword in {"ARG", "ENV"}:
            pairs = (word.partition("=") for word in _words(arguments))
            values |= {name: image.spec.build_args.get(name, value) for name, sign, value in pairs if sign}
        if instruction.keyword == "RUN" and "pip" in arguments:
            words = [Template(word).safe_substitute(values) for word in _words(arguments)]
            named |= _files_in(words)
            yield from ((f"{image.dockerfile}:{instruction.line}", word.strip(";&|()")) for word in words)
    left = [*hub.git.names("ls-files", "-z", "--", join(hub.layout.root, image.spec.context))]
    # A file may name others.
    while listings := [path for path in left if _is_listing(posixpath.basename(path), named)]:
        left = [path for path in left if path not in listings]
        for path in listings:
            data = (hub.files.read(path) or b"").decode("utf-8-sig", "replace").replace("\r\n", "\n")
            number = 1
            for lines in re.findall(_JOINED_LINES, data):
                line = lines.replace("\\\n", "")
                named |= _files_in(line.split())
                yield f"{path}:{number}", re.split(_REST, line)[0].strip()
                number += lines.count("\n")


def _is_listing(name: str, named: Collection[str]) -> bool:
    return name in named or (name.endswith(".txt") and "requirements" in name)


def _files_in(words: Sequence[str]) -> set[str]:
    """Return the names, without folders, of the files that pip's options among ``words`` name."""
    options = ((re.fullmatch(_FILE_OPTION, word), after) for word, after in pairwise((*words, "")))
    return {posixpath.basename(found[1] or after) for found, after in options if found}


def _words(arguments: str) -> list[str]:
    """Return the words of the arguments of ``RUN``, in shell or exec form, and those in a word: ``bash -c 'pip …'``."""
    try:
        if arguments.lstrip().startswith("["):
            words = [str(word) for word in json.loads(arguments)]
        else:
            words = shlex.split(arguments, comments=True)
    except (ValueError, RecursionError):
        return arguments.split()
    return [part for word in words for part in (word, *(_words(word) if " " in word else ()))]


def _is_older(required: Requirement, shipped: str) -> bool:
    """Whether a requirement excludes the version ``shipped``, by a limit that is not newer."""
    try:
        version = Version(shipped)
        limits = (one.version.removesuffix(".*") for one in required.specifier if one.operator in _LIMITS)
        is_lower = any(Version(limit) <= version for limit in limits)
    except InvalidVersion:
        return False
    return is_lower and not required.specifier.contains(version, prereleases=True)


def _packages_of(base: Reference, answer: ImageAnswer) -> Mapping[str, str] | Unchecked:
    """Return the versions of a base image's Python packages by name, or why they are unknown."""
    found = answer if isinstance(answer, FoundImage) else None
    what = f"pins against the packages of {base}"
    stored = docker.local(base)
    layers = {name: one.layers for name, one in found.platforms.items()} if found else {}
    if stored is None or (found and any(layers.get(name) != one.layers for name, one in stored.platforms.items())):
        hint = f"docker info; docker pull {base}, then: {CLI} check"
        return Unchecked(f"{what}: no Docker engine here has it", hint)
    packages = docker.packages(base)
    if packages is None:
        hint = f"docker run --rm --entrypoint=python3 {base} -m pip list"
        return Unchecked(f"{what}: the image does not list them", hint)
    return packages
