"""What a repository holds of charts and hub images, whether or not anything names them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TypeVar

from ..core.faults import Unusable
from ..core.names import is_name
from ..core.settings import Settings, ValuesTarget
from .charts import (
    CHART_FILES,
    NO_ARGUMENTS,
    BareChart,
    BuildArgument,
    ChartSpec,
    Requirement,
    dependencies_in,
    read_chartpress,
    requirement,
    values_of,
)
from .dockerfile import HUB_NAMES, BaseImage, copied_files, hub_base
from .files import Files, Listing, behind_links, is_below, join, read_all, require
from .values import named_at

T = TypeVar("T")
CHARTPRESS_FILE = "chartpress.yaml"
_DOCKERFILE = re.compile(r"(?:docker|container)file[^/]*$", re.IGNORECASE)
_IGNORE_FILE = ".dockerignore"
_HUB_NAME = min(HUB_NAMES, key=len).encode()


@dataclass(frozen=True, eq=False)
class Search:
    """The search for charts and hub images below the folder ``top``."""

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
        return tuple(path.rpartition("/")[0] for path in self.listing.named(CHARTPRESS_FILE))

    @cached_property
    def folders(self) -> tuple[str, ...]:
        """The folders of charts."""
        return tuple(dict.fromkeys(map(folder_of, self.listing.named(*CHART_FILES))))

    @cached_property
    def own_folders(self) -> tuple[str, ...]:
        """The folders of charts that are not inside of another one: there, helm unpacks what a chart depends on."""
        inside = [join(folder, "charts") for folder in self.folders]
        return tuple(folder for folder in self.folders if not is_below(folder, inside))

    def charts_among(self, folders: Iterable[str]) -> dict[str, Requirement]:
        """Return the charts in ``folders`` that depend on z2jh, by their folders."""
        return _readable(folders, self.requirement_in)

    @cached_property
    def all_dockerfiles(self) -> tuple[str, ...]:
        """The files that may be Dockerfiles, where symbolic links lead to."""
        named = (path for path in self.listing.files if _DOCKERFILE.search(path) and not path.endswith(_IGNORE_FILE))
        return tuple(dict.fromkeys(behind_links(self.top, path) for path in named))

    @cached_property
    def dockerfiles(self) -> dict[str, BaseImage]:
        """The Dockerfiles that inherit from z2jh's hub image, by their paths."""
        found = read_all(self.files, self.all_dockerfiles)
        return _readable([path for path, data in found.items() if _HUB_NAME in (data or b"")], self.base_of)

    def base_of(self, dockerfile: str, arguments: Mapping[str, BuildArgument] = NO_ARGUMENTS) -> BaseImage | None:
        """Return z2jh's hub image that a Dockerfile inherits from; None where it does not, or is not there."""
        path = behind_links(self.top, dockerfile)
        data = self.files.read(path)
        return None if data is None else hub_base(data, path, values_of(arguments))

    def context_of(self, dockerfile: str) -> str:
        """Return the folder that a Dockerfile is built in: the nearest that has all that it copies, else its own."""
        own = folder_of(dockerfile)
        # A Makefile or workflow may build it from above: `docker build -f images/hub/Dockerfile .`
        for folder in (own, *map(str, PurePosixPath(own).parents)):
            wanted = [path for path in self.copied_paths(dockerfile, folder) if path != "."]
            if all(any(is_below(file, [path]) for file in self.listing.files) for path in wanted):
                return folder
        return own

    def copied_paths(self, dockerfile: str, context: str) -> tuple[str, ...]:
        """Return what a Dockerfile copies out of the folder ``context``."""
        copied = copied_files(require(self.files, dockerfile), dockerfile)
        return tuple(dict.fromkeys(join(context, path.lstrip("/")) for path in copied))

    def charts_in(self, root: str) -> tuple[ChartSpec, ...]:
        """Return the charts of the chartpress.yaml in ``root``; none where it cannot be used, as a template cannot."""
        path = join(root, CHARTPRESS_FILE)
        try:
            return read_chartpress(self.files.read(path) or b"", path)
        except Unusable:
            return ()

    def requirement_in(self, folder: str, name: str | None = None) -> Requirement | None:
        """Return the dependency ``name`` (default: z2jh) of the chart in ``folder``; None without."""
        path, wanted = self.dependencies_of(folder), name or self.settings.dependency
        data = self.files.read(path) or b""
        # A template that does not have the word need not be YAML.
        return requirement(data, wanted, path) if wanted.encode() in data else None

    def chart_in(self, folder: str | None) -> BareChart | None:
        """Return the chart in ``folder``; None without a folder, or where it does not depend on z2jh."""
        requirement = self.requirement_in(folder) if folder else None
        return BareChart(folder, requirement) if folder and requirement else None

    def dependencies_of(self, folder: str) -> str:
        """Return the file with the dependencies of the chart in ``folder``."""
        return behind_links(self.top, dependencies_in(self.files, folder))

    def places(self, chart: BareChart | None) -> list[ValuesTarget]:
        """Return the places that may name the hub image: in the values of ``chart``, and those of the settings."""
        own = [ValuesTarget(chart.values_file, chart.values_path)] if chart else []
        return [
            *own,
            *(one._replace(file=file) for one in self.settings.values for file in self.listing.matching[one.file]),
        ]

    def names_at(self, places: Iterable[ValuesTarget]) -> dict[ValuesTarget, str]:
        """Return those of ``places`` that name an image other than z2jh's own, with its name."""
        found = {}
        for place in places:
            named = named_at(self.files, behind_links(self.top, place.file), place.path)
            if named and is_name(named.name) and named.name.rpartition("/")[2] not in HUB_NAMES:
                found[place] = named.name
        return found

    def naming(self, path: str) -> dict[ValuesTarget, str]:
        """Return where YAML files, but secrets, name an image at ``path``, with its name."""
        files = (file for file in self.listing.files if file.endswith((".yaml", ".yml")) and "secret" not in file)
        return self.names_at(ValuesTarget(file, path) for file in files)


def folder_of(path: str) -> str:
    """Return the folder of ``path``; ``.`` for the repository's top."""
    return path.rpartition("/")[0] or "."


def last_part(folder: str) -> str:
    """Return a folder's own name; ``hub`` for the repository's top."""
    return "hub" if folder == "." else folder.rpartition("/")[2]


def _readable(paths: Iterable[str], read: Callable[[str], T | None]) -> dict[str, T]:
    """Return what ``read`` gives for each of ``paths``; raise a fault only where nothing was found."""
    found: dict[str, T] = {}
    first: Unusable | None = None
    for path in paths:
        try:
            answer = read(path)
        except Unusable as fault:
            first, answer = first or fault, None
        if answer is not None:
            found[path] = answer
    if first and not found:
        raise first
    return found
