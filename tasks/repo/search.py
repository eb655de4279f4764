"""What is there of charts and hub images in a repository, whether or not anything names them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypeVar

from ..core.faults import Unusable
from ..core.names import is_name
from ..core.settings import Settings
from ..tools.git import Git
from .chart import CHART_FILES, Requirement, dependencies_in, requirement_in
from .chartpress import NO_ARGUMENTS, BuildArgument, ChartSpec, read_chartpress, values_of
from .dockerfile import HUB_NAMES, BaseImage, copied_files, hub_base
from .files import Files, behind_links, is_below, is_glob, join, read_all, require
from .values import image_at

T = TypeVar("T")
CHARTPRESS_FILE = "chartpress.yaml"
# Lines that may be a chart's list of dependencies, or a marker.
_TELLING = ("^dependencies:", "hubpress:", "renovate:")
_DOCKERFILE = re.compile(r"(?:docker|container)file[^/]*$", re.IGNORECASE)
_IGNORE_FILE = ".dockerignore"
_HUB_NAME = min(HUB_NAMES, key=len).encode()


class BareChart(NamedTuple):
    """A chart that depends on Zero to JupyterHub; its folder is relative to the repository's top."""

    folder: str
    requirement: Requirement

    @property
    def name(self) -> str:
        """The name of its folder; ``hub`` for the repository's top."""
        return last_part(self.folder)

    @property
    def values_path(self) -> str:
        """The dotted path of the hub image in its values."""
        return f"{self.requirement.alias or self.requirement.name}.hub.image"

    @property
    def values_file(self) -> str:
        """Its values.yaml, relative to the repository's top."""
        return join(self.folder, "values.yaml")


class Place(NamedTuple):
    """A place that may name an image: a values file, and the dotted path in it."""

    file: str
    path: str


class Listing(NamedTuple):
    """What git lists of a repository.

    Attributes:
        files: all files, those included that are not committed yet and not ignored.
        matching: the committed files that a pattern of the settings stands for, by the pattern.
        telling: the committed files that may list a chart's dependencies, or have a marker.
    """

    files: tuple[str, ...]
    matching: Mapping[str, tuple[str, ...]]
    telling: tuple[str, ...]

    @classmethod
    def of(cls, git: Git, settings: Settings) -> Listing:
        """Ask git."""
        patterns = dict.fromkeys([*(one.file for one in settings.values), *(one.file for one in settings.pins)])
        words = [word for text in _TELLING for word in ("-e", text)]
        return cls(
            tuple(dict.fromkeys(git.names("ls-files", "-z", "--cached", "--others", "--exclude-standard"))),
            {
                pattern: git.names("ls-files", "-z", "--", f":(glob){pattern}")
                if is_glob(pattern)
                else (behind_links(git.folder, pattern),)
                for pattern in patterns
            },
            git.ask("grep", "-I", "--files-with-matches", "-z", "--full-name", "--basic-regexp", *words).names,
        )

    def has(self, path: str) -> bool:
        """Whether there is a file or a folder ``path``."""
        return path == "." or any(file == path or file.startswith(f"{path}/") for file in self.files)


@dataclass(frozen=True, eq=False)
class Search:
    """A search for charts and hub images.

    Attributes:
        top: the repository's top folder.
        files: its files.
        settings: this run's settings.
        listing: what git lists of it.
    """

    top: Path
    files: Files
    settings: Settings
    listing: Listing

    @cached_property
    def roots(self) -> tuple[str, ...]:
        """The folders, relative to the top, that may hold the hub's chartpress.yaml; empty for the top itself."""
        if self.settings.root is not None:
            root = join(self.settings.root)
            return ("" if root == "." else root,)
        if self.files.read(CHARTPRESS_FILE) is not None:
            return ("",)
        listed = (path.rpartition("/") for path in self.listing.files)
        return tuple(folder for folder, _, name in listed if name == CHARTPRESS_FILE)

    @cached_property
    def folders(self) -> tuple[str, ...]:
        """The folders of charts."""
        listed = (path.rpartition("/") for path in self.listing.files)
        return tuple(dict.fromkeys(folder or "." for folder, _, name in listed if name in CHART_FILES))

    @cached_property
    def own_folders(self) -> tuple[str, ...]:
        """The folders of charts that are not inside of another one: there, helm unpacks what a chart depends on."""
        inside = [join(folder, "charts") for folder in self.folders]
        return tuple(folder for folder in self.folders if not is_below(folder, inside))

    def charts_among(self, folders: Iterable[str]) -> dict[str, Requirement]:
        """Return the charts in ``folders`` that depend on z2jh, by their folders."""
        mentioned = [folder for folder in folders if self.mentions(folder, self.settings.dependency)]
        return _readable(mentioned, self.requirement_in)

    @cached_property
    def all_dockerfiles(self) -> tuple[str, ...]:
        """The files that may be Dockerfiles, where symbolic links lead to."""
        named = (path for path in self.listing.files if _DOCKERFILE.search(path) and not path.endswith(_IGNORE_FILE))
        return tuple(dict.fromkeys(behind_links(self.top, path) for path in named))

    @cached_property
    def dockerfiles(self) -> dict[str, BaseImage]:
        """The Dockerfiles that inherit from z2jh's hub image, by their paths."""
        read_all(self.files, self.all_dockerfiles)

        def inherited(path: str) -> BaseImage | None:
            return self.base_of(path) if _HUB_NAME in (self.files.read(path) or b"") else None

        return _readable(self.all_dockerfiles, inherited)

    def base_of(self, dockerfile: str, arguments: Mapping[str, BuildArgument] = NO_ARGUMENTS) -> BaseImage | None:
        """Return z2jh's hub image that a Dockerfile inherits from; None where it does not, or is not there."""
        path = behind_links(self.top, dockerfile)
        data = self.files.read(path)
        return None if data is None else hub_base(data, path, values_of(arguments))

    def context_of(self, dockerfile: str) -> str:
        """Return the folder that a Dockerfile is built in: the nearest that has all that it copies, else its own.

        A Makefile or workflow may build it from above (``docker build -f images/hub/Dockerfile .``).
        """
        own = folder_of(dockerfile)
        copied = [one.path.lstrip("/") for one in copied_files(require(self.files, dockerfile), dockerfile)]
        above = (own, *map(str, PurePosixPath(own).parents))
        return next((one for one in above if all(self.listing.has(join(one, path)) for path in copied)), own)

    def charts_in(self, root: str) -> tuple[ChartSpec, ...]:
        """Return the charts of the chartpress.yaml in ``root``; none where it cannot be used, as a template cannot."""
        path = join(root, CHARTPRESS_FILE)
        try:
            return read_chartpress(self.files.read(path) or b"", path).charts
        except Unusable:
            return ()

    def requirement_in(self, folder: str, name: str | None = None) -> Requirement | None:
        """Return the dependency ``name`` (default: z2jh) of the chart in ``folder``; None without."""
        return requirement_in(self.files, self.top, folder, name or self.settings.dependency)

    def mentions(self, folder: str, name: str) -> bool:
        """Whether the chart in ``folder`` has the word ``name``: a template without it need not be YAML."""
        try:
            return name.encode() in (self.files.read(self.dependencies_of(folder)) or b"")
        except Unusable:
            return False

    def dependencies_of(self, folder: str) -> str:
        """Return the file with the dependencies of the chart in ``folder``."""
        return behind_links(self.top, dependencies_in(self.files, folder))

    def places(self, chart: BareChart | None) -> Iterator[Place]:
        """Yield the places that may name the hub image: in the values of ``chart``, and those of the settings."""
        if chart:
            yield Place(chart.values_file, chart.values_path)
        yield from (Place(target.file, target.path) for target in self.settings.values)

    def other_places(self, chart: BareChart) -> Iterator[Place]:
        """Yield the places of the hub image of ``chart`` in other YAML files; secrets are not looked at."""
        for file in self.listing.files:
            if file.endswith((".yaml", ".yml")) and "secret" not in file and file != chart.values_file:
                yield Place(file, chart.values_path)

    def names_at(self, places: Iterable[Place]) -> dict[Place, str]:
        """Return those of ``places`` that name an image other than z2jh's own, with its name."""
        found = {place: self._name_at(place) for place in places}
        return {place: name for place, name in found.items() if name and name.rpartition("/")[2] not in HUB_NAMES}

    def _name_at(self, place: Place) -> str | None:
        data = self.files.read(behind_links(self.top, place.file))
        try:
            name = None if data is None else image_at(data, place.path, place.file).name
        except Unusable:
            return None
        return name if name and is_name(name) else None


def folder_of(path: str) -> str:
    """Return the folder of ``path``; ``.`` for the repository's top."""
    return path.rpartition("/")[0] or "."


def last_part(folder: str) -> str:
    """Return a folder's own name; ``hub`` for the repository's top."""
    return "hub" if folder == "." else folder.rpartition("/")[2]


def _readable(paths: Iterable[str], read: Callable[[str], T | None]) -> dict[str, T]:
    """Return what ``read`` gives for each of ``paths``, without None.

    A file that cannot be used may be a template, or not ours: its fault is raised where nothing else was found.
    """
    answers = {path: _answer(read, path) for path in paths}
    found = {path: one for path, one in answers.items() if one is not None and not isinstance(one, Unusable)}
    for fault in (one for one in answers.values() if isinstance(one, Unusable) and not found):
        raise fault
    return found


def _answer(read: Callable[[str], T | None], path: str) -> T | Unusable | None:
    try:
        return read(path)
    except Unusable as fault:
        return fault
