"""Where the chart and the hub images of a repository are.

chartpress.yaml names them, or ``hub.images`` in invoke.yaml. Without either they are found: the hub image is that of
the only Dockerfile that inherits from z2jh's hub image, and its name is in the values of the only chart that depends on
z2jh. Without such a chart, the repository holds only the image, which the settings must name.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from posixpath import relpath
from typing import NamedTuple, TypeVar

from ..core.faults import DOOR, Unusable
from ..core.names import is_name
from ..core.settings import FILE, Settings, ValuesTarget, WholeImage, variable
from .charts import (
    CHART_FILES,
    IMAGES,
    NO_ARGUMENTS,
    BareChart,
    BuildArgument,
    ChartSpec,
    ImageSpec,
    Requirement,
    dependencies_in,
    read_chartpress,
    requirements,
    values_of,
)
from .dockerfile import HUB_NAMES, BaseImage, copied_files, hub_base
from .files import Files, Listing, behind_links, is_below, is_glob, join, read_all, require
from .values import image_at, quoted, values_setting

T = TypeVar("T")
CHARTPRESS_FILE = "chartpress.yaml"
_DOCKERFILE = re.compile(r"(?:docker|container)file[^/]*$", re.IGNORECASE)
_IGNORE_FILE = ".dockerignore"
_HUB_NAME = min(HUB_NAMES, key=len).encode()
# Charts that bring jupyterhub along, in a release that they pin.
_BRINGING = ("binderhub", "daskhub", "pangeo")


class NotNamed(Unusable):
    """Nothing in the repository is, or names, a hub image."""


class Layout(NamedTuple):
    """Where the chart and its images are.

    Attributes:
        root: the folder that the paths in ``chart`` are relative to; empty for the repository's top.
        file: the file that names the images, or where they can be named.
        chart: the chart with its images.
        charts: all charts of chartpress.yaml; empty where it does not name the images.
    """

    root: str
    file: str
    chart: ChartSpec
    charts: tuple[ChartSpec, ...] = ()

    @property
    def folder(self) -> str | None:
        """The chart's folder, relative to the repository's top; None for images without a chart."""
        return None if self.chart.path is None else join(self.root, self.chart.path)

    @property
    def dockerfiles(self) -> list[str]:
        """The images' Dockerfiles, relative to the repository's top."""
        return [join(self.root, image.dockerfile) for image in self.chart.images]


@dataclass(frozen=True, eq=False)
class Search:
    """What is there of charts and hub images below the folder ``top``, whether or not anything names them."""

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
        found = read_all(self.files, self.all_dockerfiles)
        return _readable([path for path, data in found.items() if _HUB_NAME in (data or b"")], self.base_of)

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
        for folder in above:
            wanted = [join(folder, path) for path in copied]
            if all(any(is_below(file, [path]) for file in self.listing.files) for path in wanted if path != "."):
                return folder
        return own

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
        data = self.files.read(path)
        found = () if data is None else requirements(data, path)
        return next((one for one in found if one.name == wanted), None)

    def mentions(self, folder: str, name: str) -> bool:
        """Whether the chart in ``folder`` has the word ``name``: a template without it need not be YAML."""
        try:
            return name.encode() in (self.files.read(self.dependencies_of(folder)) or b"")
        except Unusable:
            return False

    def dependencies_of(self, folder: str) -> str:
        """Return the file with the dependencies of the chart in ``folder``."""
        return behind_links(self.top, dependencies_in(self.files, folder))

    def places(self, chart: BareChart | None) -> list[ValuesTarget]:
        """Return the places that may name the hub image: in the values of ``chart``, and those of the settings."""
        own = [ValuesTarget(chart.values_file, chart.values_path)] if chart else []
        return [*own, *(one._replace(file=file) for one in self.settings.values for file in self.files_of(one.file))]

    def files_of(self, pattern: str) -> tuple[str, ...]:
        """Return the files that a file or glob of the settings stands for."""
        return self.listing.matching.get(pattern, (pattern,))

    def names_at(self, places: Iterable[ValuesTarget]) -> dict[ValuesTarget, str]:
        """Return those of ``places`` that name an image other than z2jh's own, with its name."""
        found = {}
        for place in places:
            with contextlib.suppress(Unusable):
                data = self.files.read(behind_links(self.top, place.file)) or b""
                name = image_at(data, place.path, place.file).name
                if name and is_name(name) and name.rpartition("/")[2] not in HUB_NAMES:
                    found[place] = name
        return found

    def naming(self, path: str) -> dict[ValuesTarget, str]:
        """Return where YAML files, but secrets, name an image at ``path``, with its name."""
        files = (file for file in self.listing.files if file.endswith((".yaml", ".yml")) and "secret" not in file)
        return self.names_at(ValuesTarget(file, path) for file in files)


def find_layout(search: Search) -> Layout:
    """Return where the chart and its images are; raises NotNamed where there is no hub image or no name of it."""
    if search.settings.whole_images:
        return _from_settings(search, search.settings.whole_images)
    if not search.roots:
        return _from_what_is_there(search)
    try:
        named = from_chartpress(search)
    except NotNamed:
        found = _beside_chartpress(search)
        if found is None:
            raise
        return found
    images = zip(named.dockerfiles, named.chart.images, strict=True)
    if _misplaced(named) or any(search.base_of(file, one.arguments) for file, one in images):
        return named
    return _beside_chartpress(search) or named


def one_chart(search: Search) -> BareChart | None:
    """Return the only chart that depends on z2jh, or the one that the setting names; else None."""
    wanted, charts = search.settings.chart, search.charts_among(search.own_folders)
    if not charts and wanted is None:
        if brought := _brought(search, search.own_folders):
            raise brought
        charts = search.charts_among(search.folders)
    fitting = [folder for folder in charts if wanted in {None, folder, last_part(folder)}]
    if len(fitting) == 1:
        return BareChart(fitting[0], charts[fitting[0]])
    if fitting:
        raise Unusable(
            f"several charts depend on {search.settings.dependency}: {', '.join(fitting)}",
            where=search.top,
            hint=f"name one: {_chart_setting(fitting[0])}",
        )
    if wanted is not None:
        named = [folder for folder in search.folders if wanted in {folder, last_part(folder)}]
        raise _wrong_chart(search, wanted, named, list(charts))
    return None


def found_image(
    name: str | None, context: str, dockerfile: str, *, paths: Iterable[str] = (), values: Iterable[str] = ()
) -> ImageSpec:
    """Return an image that chartpress.yaml does not have; its key is the last part of its name, else its folder's."""
    key = name.rpartition("/")[2] if name else last_part(context).lower()
    tagged_by = tuple(dict.fromkeys((*(paths or (context,)), dockerfile)))
    return ImageSpec(key, name, context, dockerfile, {}, (), tagged_by, frozenset(), tuple(values))


def from_chartpress(search: Search) -> Layout:
    """Return where the chart and its images are by chartpress.yaml; raise what ``find_layout`` raises."""
    roots = search.roots
    fitting = [root for root in roots if len(roots) == 1 or _fits(search, root)]
    if len(fitting) != 1:
        candidates = fitting or roots
        raise (Unusable if fitting else NotNamed)(
            f"there are several chartpress.yaml: {', '.join(candidates)}",
            where=search.top,
            hint=f"set it in {FILE}: hub: {{root: {candidates[0]}}}",
        )
    file = join(fitting[0], CHARTPRESS_FILE)
    charts = read_chartpress(require(search.files, file), file)
    return Layout(fitting[0], file, _chart_in(search, charts, fitting[0], file), charts)


def _fits(search: Search, root: str) -> bool:
    charts, wanted = search.charts_in(root), search.settings.chart
    if wanted is not None:
        return any(chart.name == wanted for chart in charts)
    try:
        return sum(1 for chart in charts if search.requirement_in(join(root, str(chart.path)))) == 1
    except Unusable:
        return False


def _chart_in(search: Search, charts: Sequence[ChartSpec], root: str, file: str) -> ChartSpec:
    wanted, dependency = search.settings.chart, search.settings.dependency
    folders = {chart.name: join(root, str(chart.path)) for chart in charts}
    if wanted is not None and wanted not in folders:
        raise NotNamed(f"there is no chart {wanted}", where=file, hint=f"its charts: {', '.join(folders)}")
    candidates = [chart for chart in charts if wanted in {None, chart.name}]
    fitting = [chart for chart in candidates if search.requirement_in(folders[chart.name])]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise Unusable(
            f"several charts depend on {dependency}: {', '.join(chart.name for chart in fitting)}",
            where=file,
            hint=f"set it in {FILE}: hub: {{chart: {fitting[0].name}}}",
        )
    if wanted is not None:
        depending = [name for name, folder in folders.items() if search.requirement_in(folder)]
        raise _wrong_chart(search, wanted, [folders[wanted]], depending)
    raise _brought(search, folders.values()) or _no_dependency(search, list(folders.values()), file)


def no_hub_image(search: Search, layout: Layout) -> Unusable:
    """Return the fault of a layout none of whose images inherits from z2jh's hub image."""
    chart, file, folder = layout.chart, layout.file, layout.folder
    if misplaced := _misplaced(layout):
        return Unusable(
            f"{misplaced} stands where chartpress does not read it",
            where=file,
            hint=f"move it into the chart: charts: [{{name: {chart.name}, images: …}}]",
        )
    requirement = search.requirement_in(folder) if folder else None
    if search.dockerfiles and layout.charts and folder and requirement:
        dockerfile, path = next(iter(search.dockerfiles)), BareChart(folder, requirement).values_path
        # As chartpress.yaml names them: relative to its folder.
        named, context = (relpath(one, layout.root or ".") for one in (dockerfile, search.context_of(dockerfile)))
        image = f"{{{last_part(context)}: {{contextPath: {context}, valuesPath: {path}}}}}"
        claiming = next((one for one in chart.images if path in one.values_paths), None)
        is_there = claiming is not None and join(claiming.context) == context
        claimed = f"set {f'dockerfilePath: {named}' if is_there else f'contextPath: {context}'} there"
        return NotNamed(
            f"{file} does not name {dockerfile}, which inherits from z2jh's hub image",
            where=file,
            hint=claimed if claiming else f"add images: {image} to {chart.name} there",
        )
    there = [path for path in layout.dockerfiles if search.files.read(path) is not None]
    if search.dockerfiles and not there and not layout.charts:
        dockerfile = next(iter(search.dockerfiles))
        fields = f"context: {search.context_of(dockerfile)}, dockerfile: {dockerfile}"
        hint = f"set it in hub.images: {fields}, which inherits from z2jh's hub image"
        return NotNamed("the Dockerfile is missing", where=", ".join(layout.dockerfiles), hint=hint)
    pinned = f" in {search.dependencies_of(folder)}" if folder else " that is deployed"
    return NotNamed(
        "no FROM inherits from z2jh's hub image" if there else "there is no Dockerfile of a hub image",
        where=", ".join(there or layout.dockerfiles) or file,
        hint=f"write FROM quay.io/jupyterhub/k8s-hub:VERSION, with the version{pinned}",
    )


def _misplaced(layout: Layout) -> str | None:
    """Return ``images`` at a level where chartpress does not read them, in a chart that has none."""
    keys = layout.chart.ignored if not layout.chart.images else ()
    return next((key for key in keys if key.rpartition(".")[2] == IMAGES), None)


def _from_settings(search: Search, images: Iterable[WholeImage]) -> Layout:
    chart = one_chart(search)
    specs: dict[str, ImageSpec] = {}
    for image in images:
        dockerfile = image.dockerfile or join(image.context, "Dockerfile")
        spec = found_image(image.name, image.context, dockerfile, paths=image.paths, values=image.values)
        if spec.key in specs:
            hint = "give their names other last parts"
            raise Unusable(f"two of hub.images are called {spec.key}", where=FILE, hint=hint)
        if image.values and chart is None:
            raise Unusable(
                f"hub.images has {image.values[0]} in values, but no chart depends on {search.settings.dependency}",
                where=FILE,
                hint=f"name the file too: hub: {{values: [{{file: …, path: {image.values[0]}}}]}}",
            )
        specs[spec.key] = spec
    return _unnamed_layout(search, chart, specs.values())


def _from_what_is_there(search: Search) -> Layout:
    chart, dockerfiles = one_chart(search), search.dockerfiles
    if not dockerfiles:
        raise NotNamed(
            "there is no chartpress.yaml in this repository",
            where=search.top,
            hint=f"name the hub repository (--repo PATH), or give a chart its hub image: {DOOR} init",
        )
    names = search.names_at(search.places(chart))
    name = next(iter(names.values()), None)
    # Of several Dockerfiles, the one in a folder that is called as the image.
    dockerfile = max(dockerfiles, key=lambda path: f"/{name}".endswith(f"/{last_part(folder_of(path))}"))
    context = search.context_of(dockerfile)
    suggested = f"set it in {FILE}: {_suggestion(search, dockerfile, chart, name)}"
    if len(dockerfiles) > 1:
        what = f"several Dockerfiles inherit from z2jh's hub image: {', '.join(dockerfiles)}"
        raise Unusable(what, where=search.top, hint=suggested)
    if chart and name is None:
        raise _named_elsewhere(search, chart) or NotNamed(
            f"{chart.values_path} names no image", where=chart.values_file, hint=suggested
        )
    image = name.rpartition("/")[2] if name else last_part(context)
    is_other = image not in map(last_part, (context, folder_of(dockerfile)))
    for other in (path for path in search.all_dockerfiles if is_other and last_part(folder_of(path)) == image):
        what = f"{name} may be built from {other}, and {dockerfile} inherits from z2jh's hub image"
        raise Unusable(what, where=search.top, hint=suggested)
    values = [place.path for place in names if chart and place.file == chart.values_file]
    return _unnamed_layout(search, chart, [found_image(name, context, dockerfile, values=values)])


def _beside_chartpress(search: Search) -> Layout | None:
    """Return what is there where no chartpress.yaml has the Dockerfile, or the place in the values, for itself."""
    try:
        found = _from_what_is_there(search)
    except Unusable:
        return None
    ours = found.chart.images[0]
    layouts = [Layout(root, "", chart) for root in search.roots for chart in search.charts_in(root)]
    if any(ours.dockerfile in layout.dockerfiles for layout in layouts):
        return None
    images = (image for layout in layouts if layout.folder == found.folder for image in layout.chart.images)
    return None if any(not set(image.values_paths).isdisjoint(ours.values_paths) for image in images) else found


def _unnamed_layout(search: Search, chart: BareChart | None, images: Iterable[ImageSpec]) -> Layout:
    name, folder = (last_part(chart.folder), chart.folder) if chart else ("", None)
    layout = Layout("", FILE, ChartSpec(name, folder, None, tuple(images)))
    for image in layout.chart.images:
        for file in _written_for(search, chart, image):
            if is_below(file, image.paths):
                raise _holding_values(search, chart, image, file)
    return layout


def _written_for(search: Search, chart: BareChart | None, image: ImageSpec) -> Iterator[str]:
    """Yield the values files that a build of ``image`` writes; of a glob those that name it."""
    if chart and image.values_paths:
        yield chart.values_file
    for target in (one for one in search.settings.values if one.image in (None, image.key)):
        places = [target._replace(file=file) for file in search.files_of(target.file)]
        names = search.names_at(places) if is_glob(target.file) else dict.fromkeys(places, image.named)
        yield from (place.file for place, name in names.items() if name == image.named)


def _holding_values(search: Search, chart: BareChart | None, image: ImageSpec, file: str) -> Unusable:
    """Return the fault of an image whose files hold the values file that its build writes: its tag never settles."""
    what = f"the build context of {image.dockerfile} holds {file}, so each build would give the image a new tag"
    if is_below(file, copied_paths(search, image.dockerfile, image.context)):
        hint = f"the Dockerfile copies it too: copy other files one by one, or move {file} out of the folder"
    else:
        hint = f"set it in {FILE}: {_suggestion(search, image.dockerfile, chart, image.named, image.context)}"
    return Unusable(what, where=image.context, hint=hint)


def copied_paths(search: Search, dockerfile: str, context: str) -> tuple[str, ...]:
    """Return what a Dockerfile copies out of the folder ``context``; itself where it copies nothing."""
    copied = copied_files(require(search.files, dockerfile), dockerfile)
    return tuple(dict.fromkeys(join(context, one.path.lstrip("/")) for one in copied)) or (dockerfile,)


def _suggestion(
    search: Search, dockerfile: str, chart: BareChart | None, name: str | None, context: str | None = None
) -> str:
    context = context or search.context_of(dockerfile)
    fields = {"context": quoted(context), "name": name or f"HOST/PATH/{last_part(context)}"}
    if dockerfile != join(context, "Dockerfile"):
        fields["dockerfile"] = quoted(dockerfile)
    if chart:
        fields["values"] = f"[{chart.values_path}]"
    if any(is_below(place.file, [context]) for place in search.places(chart)):
        fields["paths"] = f"[{', '.join(map(quoted, copied_paths(search, dockerfile, context)))}]"
    return f"hub: {{images: [{{{', '.join(f'{field}: {value}' for field, value in fields.items())}}}]}}"


def _named_elsewhere(search: Search, chart: BareChart) -> Unusable | None:
    """Return the fault of an image that only YAML files other than the chart's values, or secrets, name."""
    names = search.naming(chart.values_path)
    found = [place for place, name in names.items() if name == next(iter(names.values()))]
    what = f"{chart.values_path} names no image there, but in {', '.join(place.file for place in found)}"
    hint = f"set it in {FILE}: {values_setting((*search.settings.values, *found), ())}"
    return Unusable(what, where=chart.values_file, hint=hint) if found else None


def _chart_setting(name: str) -> str:
    return f"hub: {{chart: {name}}} in {FILE}, or {variable('chart')}={name}"


def _wrong_chart(search: Search, wanted: str, named: Sequence[str], depending: Sequence[str]) -> Unusable:
    dependency = search.settings.dependency
    if not named:
        hint = f"these depend on {dependency}: {', '.join(depending)}" if depending else f"{DOOR} init makes one"
        return NotNamed(f"there is no chart {wanted}", where=search.top, hint=hint)
    if not depending:
        return _brought(search, named) or _no_dependency(search, named, "")
    return Unusable(
        f"the chart {wanted} does not depend on {dependency}; {' and '.join(depending)} does",
        where=search.dependencies_of(named[0]),
        hint=f"name that one: {_chart_setting(depending[0])}",
    )


def _brought(search: Search, folders: Iterable[str]) -> Unusable | None:
    pairs = ((folder, name) for folder in folders for name in _BRINGING if search.mentions(folder, name))
    for folder, name, brought in ((folder, name, search.requirement_in(folder, name)) for folder, name in pairs):
        if brought is not None:
            wanted = search.settings.dependency
            return Unusable(
                f"the chart {last_part(folder)} gets {wanted} through {name}, which pins it",
                where=search.dependencies_of(folder),
                hint=f"move {name} instead, by hand; a release's own {wanted}: "
                f"helm show chart {name} --repo {brought.repository} --version {brought.version}",
            )
    return None


def _no_dependency(search: Search, folders: Collection[str], file: str) -> NotNamed:
    dependency = search.settings.dependency
    return NotNamed(
        f"no chart depends on {dependency}",
        where=file if len(folders) > 1 else search.dependencies_of(next(iter(folders))),
        hint=f"add {dependency} to the chart's dependencies, with version and repository",
    )


def folder_of(path: str) -> str:
    """Return the folder of ``path``; ``.`` for the repository's top."""
    return path.rpartition("/")[0] or "."


def last_part(folder: str) -> str:
    """Return a folder's own name; ``hub`` for the repository's top."""
    return "hub" if folder == "." else folder.rpartition("/")[2]


def _readable(paths: Iterable[str], read: Callable[[str], T | None]) -> dict[str, T]:
    """Return what ``read`` gives for each of ``paths``; raise a fault only where nothing was found."""
    found: dict[str, T] = {}
    faults: list[Unusable] = []
    for path in paths:
        try:
            answer = read(path)
        except Unusable as fault:
            faults.append(fault)
            continue
        if answer is not None:
            found[path] = answer
    if faults and not found:
        raise faults[0]
    return found
