"""What deploys z2jh's own chart, where a repository has none of its own.

Commands like ``helm upgrade hub jupyterhub/jupyterhub --version 3.2.1`` and manifests of Flux, Argo CD and others: each
is a place of the release, which ``hub.pins`` can name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import pairwise
from typing import NamedTuple

from ..core.faults import DOOR, Unusable
from ..core.settings import FILE
from ..releases.versions import parse_version
from .files import files_with, join
from .hub import Hub
from .pins import Kind, versions_of_chart
from .values import quoted

# What Helm takes as the name of a release or a namespace: no variable of a shell, of make or of a workflow.
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
# helm where a shell, make or a workflow takes a command, with options and their values before its own.
_HELM = re.compile(
    r"(?:^|[;&|(]|\b(?:run:|exec|sudo|time|then|do|else))[\s@+-]*(?:\w+=\S*\s+)*"
    r"helm\s+(?:-\S+\s+(?:[^-\s]\S*\s+)?)*(?:upgrade|install)\s"
)
# Where commands are only told of.
PROSE = (*(f":(exclude,glob)**/*.{kind}" for kind in ("md", "adoc", "rst", "txt")), f":(exclude){FILE}")


class Installation(NamedTuple):
    """What deploys z2jh's own chart: a command or manifest, with the line of its version, else its first line.

    Attributes:
        option: what it has as the version: one, a range, a variable, or None for whatever is the newest.
        pin: the entry of ``hub.pins`` that makes a release move it; empty where the version is elsewhere.
        values: its values files that the repository has.
    """

    file: str
    line: int
    option: str | None
    pin: str
    release: str = ""
    namespace: str | None = None
    values: tuple[str, ...] = ()

    @property
    def version(self) -> str | None:
        """The version that it deploys; None where it does not say it itself."""
        return self.option.removeprefix("v") if self.option and parse_version(self.option) else None

    @property
    def setting(self) -> str:
        """What makes a release move it."""
        if self.pin:
            return f"in {FILE}: hub: {{pins: [{self.pin}]}}"
        if not self.option:
            return f"add --version there, then: {DOOR} check"
        return "mark the line that has the version with a comment: # hubpress: jupyterhub"

    @property
    def deployment(self) -> str:
        """The deployment that it makes, as ``hub.deployments`` has it; a name that a variable holds is left out."""
        name = self.release if _NAME.fullmatch(self.release) else "hub"
        namespace = f", namespace: {self.namespace}" if self.namespace and _NAME.fullmatch(self.namespace) else ""
        return f"{{name: {name}, values: [{', '.join(map(quoted, self.values))}]{namespace}}}"

    def __str__(self) -> str:
        return f"{self.file}:{self.line} deploys {self.version or self.option or 'the newest release'}"


def staying_installations(hub: Hub) -> tuple[Installation, ...]:
    """Return what deploys z2jh's chart in a version that no release moves; nothing where the repository has a chart."""
    if hub.layout.folder is not None:
        return ()
    pins = [pin for pin in (*hub.pins, *hub.held_pins) if pin.kind in (Kind.PIN, Kind.COPY)]
    known = {(pin.file, pin.read(hub.files).line) for pin in pins}
    # A version in a variable is marked where that is set.
    return tuple(
        one
        for one in installations(hub)
        if (one.file, one.line) not in known and not (pins and one.option and not one.pin)
    )


def installations(hub: Hub) -> Iterator[Installation]:
    """Yield the commands and manifests that deploy the chart of the dependency's name from a Helm repository."""
    name = hub.settings.dependency
    search = partial(files_with, hub.git, "--extended-regexp", untracked=True)
    for file in search([f"(chart|name): .*{re.escape(name)}"], "*.yaml", "*.yml"):
        with suppress(Unusable):
            for path, version in versions_of_chart(hub.require(file), file, name):
                pin = f"{{file: {quoted(file)}, path: {quoted(path)}}}"
                yield Installation(file, version.line, version.text, pin)
    for file in search(["helm .*(upgrade|install)"], ".", *PROSE):
        text = (hub.files.read(file) or b"").decode("utf-8", "replace")
        lines = text.splitlines()
        for first, line in enumerate(lines):
            if _HELM.search(line) and not line.lstrip().startswith("#"):
                last = next((at for at in range(first, len(lines)) if not lines[at].rstrip().endswith("\\")), first)
                yield from _command(hub, file, text, first, lines[first : last + 1])


def _command(hub: Hub, file: str, text: str, first: int, lines: Sequence[str]) -> Iterator[Installation]:
    words = [word.strip("'\"") for word in " ".join(line.rstrip().removesuffix("\\") for line in lines).split()]
    words = [part for word in words for part in (word.split("=", 1) if word.startswith("--") else [word])]
    name = hub.settings.dependency
    at = next((at for at, word in enumerate(words) if _is_chart(hub, word, name, words)), None)
    if at is None:
        return
    options = list(pairwise(words))
    given = {option: value for option, value in options if option.startswith("-")}
    version = given.get("--version")
    of_chart = next(number for number, line in enumerate(lines) if words[at] in line)
    there = (number for number, line in enumerate(lines) if version and version in line and "--version" in line)
    number = next(there, 0)
    marked = lines[min(of_chart, number)].rstrip().removesuffix("\\")
    before = marked.partition(version)[0] if version else marked
    long, short = (before[max(before.find(word), 0) :].strip(" \t'\"=") for word in ("helm", words[at]))
    marker = short if text.count(short) == 1 else long
    values = [value for option, value in options if option in {"-f", "--values"} and hub.files.read(value) is not None]
    namespace = given.get("--namespace") or given.get("-n")
    pin = f"{{file: {quoted(file)}, marker: {quoted(marker)}}}" if version and parse_version(version) else ""
    yield Installation(file, first + number + 1, version, pin, words[at - 1], namespace, tuple(values))


def _is_chart(hub: Hub, word: str, name: str, words: Sequence[str]) -> bool:
    folder, slash, last = word.rpartition("/")
    if last != name or word.startswith((".", "/", "$")):
        return False
    return hub.files.read(join(folder, last, "Chart.yaml")) is None if slash else "--repo" in words
