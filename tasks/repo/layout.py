"""Where the chart and the hub images of a repository are.

chartpress.yaml names them, or ``hub.images`` in invoke.yaml. Without either they are found: the hub image is that of
the only Dockerfile that inherits from z2jh's hub image, and its name is in the values of the only chart that depends on
z2jh. Without such a chart the repository holds the image alone, which only the settings can name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeVar

from ..core.faults import DOOR, Unusable
from ..core.names import is_name
from ..core.settings import FILE, Settings, WholeImage, variable
from .chart import Requirement, dependencies_in, requirement_in
from .chartpress import ChartpressConfig, ChartSpec, ImageSpec, read_chartpress
from .dockerfile import HUB_NAMES, BaseImage, copied_files, hub_base
from .files import Files, behind_links, is_below, join, read_all, require
from .values import image_at

T = TypeVar("T")
CHARTPRESS_FILE = "chartpress.yaml"
# What git lists of a repository: the files of charts, and whatever may be a Dockerfile.
PATTERNS = (
    ":(glob)**/Chart.yaml",
    ":(glob)**/requirements.yaml",
    ":(glob,icase)**/*Dockerfile*",
    ":(glob,icase)**/*Containerfile*",
)
_NO_DOCKERFILES = ("/Chart.yaml", "/requirements.yaml", ".dockerignore")
# Charts that bring jupyterhub along, in a release that they pin.
_BRINGING = ("binderhub", "daskhub", "pangeo")
_HUB_NAME = min(HUB_NAMES, key=len).encode()
_PLAIN = re.compile(r"[\w./-]+")


class NotNamed(Unusable):
    """Nothing in the repository is, or names, a hub image."""


class BareChart(NamedTuple):
    """A chart that depends on Zero to JupyterHub; its folder is relative to the repository's top."""

    folder: str
    requirement: Requirement

    @property
    def name(self) -> str:
        """The name of its folder; ``hub`` for the repository's top."""
        return _last_part(self.folder)

    @property
    def values_path(self) -> str:
        """The dotted path of the hub image in its values."""
        return f"{self.requirement.alias or self.requirement.name}.hub.image"

    @property
    def values_file(self) -> str:
        """Its values.yaml, relative to the repository's top."""
        return join(self.folder, "values.yaml")


class Layout(NamedTuple):
    """Where the chart and its images are.

    Attributes:
        root: the folder that the paths in ``chart`` are relative to; empty for the repository's top.
        file: the file that names the images, or where they can be named.
        chart: the chart with its images.
        config: the whole of chartpress.yaml; None where it does not name the images.
    """

    root: str
    file: str
    chart: ChartSpec
    config: ChartpressConfig | None = None


@dataclass(frozen=True, eq=False)
class Search:
    """A search for the chart and the hub images.

    Attributes:
        top: the repository's top folder.
        files: its files.
        settings: this run's settings.
        roots: the folders, relative to the top, that may hold the hub's chartpress.yaml.
        seen: the files that match ``PATTERNS``; empty where chartpress.yaml names the images.
    """

    top: Path
    files: Files
    settings: Settings
    roots: tuple[str, ...]
    seen: tuple[str, ...] = ()

    def layout(self) -> Layout:
        """Return where the chart and its images are.

        Raises:
            NotNamed: there is no hub image, or no name of it.
            Unusable: a file cannot be used, or several charts or images could be meant.
        """
        if self.settings.whole_images:
            return self._from_settings(self.settings.whole_images)
        if not self.roots:
            return self._found()
        try:
            named = self.from_chartpress
        except NotNamed:
            found = self._found_beside()
            if found is None:
                raise
            return found
        if not self.seen or self.has_image(named) or _misplaced(named):
            return named
        return self._found_beside() or named

    @cached_property
    def from_chartpress(self) -> Layout:
        """Where they are by chartpress.yaml; raises what ``layout`` raises."""
        fitting = [root for root in self.roots if len(self.roots) == 1 or self._fits(root)]
        if len(fitting) != 1:
            raise _no_single_root(self.top, self.roots, fitting)
        file = join(fitting[0], CHARTPRESS_FILE)
        config = read_chartpress(require(self.files, file), file)
        return Layout(fitting[0], file, self._chart_in(config, fitting[0], file), config)

    def has_image(self, layout: Layout) -> bool:
        """Whether an image of ``layout`` inherits from z2jh's hub image."""
        return any(self.base_of(join(layout.root, image.dockerfile)) for image in layout.chart.images)

    @cached_property
    def folders(self) -> tuple[str, ...]:
        """The folders of charts, those of their own subcharts left out."""
        found = dict.fromkeys(_folder_of(path) for path in self.seen if f"/{path}".endswith(_NO_DOCKERFILES[:2]))
        subcharts = [join(folder, "charts") for folder in found]
        return tuple(folder for folder in found if not is_below(folder, subcharts))

    @cached_property
    def charts(self) -> dict[str, Requirement]:
        """The charts that depend on z2jh, by their folders."""
        return _readable(self.folders, self._found_requirement)

    @cached_property
    def dockerfiles(self) -> dict[str, BaseImage]:
        """The Dockerfiles that inherit from z2jh's hub image, by their paths."""
        paths = [path for path in self.seen if not f"/{path}".endswith(_NO_DOCKERFILES)]
        read_all(self.files, paths)

        def inherited(path: str) -> BaseImage | None:
            data = self.files.read(path) or b""
            return hub_base(data, path) if _HUB_NAME in data else None

        return _readable(dict.fromkeys(behind_links(self.top, path) for path in paths), inherited)

    def base_of(self, dockerfile: str) -> BaseImage | None:
        """Return z2jh's hub image that a Dockerfile inherits from; None where it does not, or is not there."""
        path = behind_links(self.top, dockerfile)
        data = self.files.read(path)
        return None if data is None else hub_base(data, path)

    def one_chart(self) -> BareChart | None:
        """Return the only chart that depends on z2jh, or the one that the setting names; None where none does.

        Raises:
            Unusable: several do, or the setting names another one, or a chart gets z2jh through another chart.
        """
        wanted, dependency = self.settings.chart, self.settings.dependency
        fitting = [folder for folder in self.charts if wanted in {None, folder, folder.rpartition("/")[2]}]
        if len(fitting) == 1:
            return BareChart(fitting[0], self.charts[fitting[0]])
        if fitting:
            raise Unusable(
                f"several charts depend on {dependency}: {', '.join(fitting)}",
                where=self.top,
                hint=f"name one: {_chart_setting(fitting[0])}",
            )
        named = [folder for folder in self.folders if wanted in {folder, folder.rpartition("/")[2]}]
        if wanted is not None:
            raise self._wrong_chart(wanted, named, list(self.charts))
        if brought := self._brought(self.folders):
            raise brought
        return None

    def suggestion(self, dockerfile: str, chart: BareChart | None, name: str | None = None) -> str:
        """Return the settings that say all of the image of ``dockerfile``, in one line of YAML."""
        context = _folder_of(dockerfile)
        named = name or f"HOST/PATH/{_last_part(context)}"
        image = WholeImage(context, named, dockerfile, (chart.values_path,) if chart else ())
        if any(is_below(file, [context]) for file, _ in self._places(chart)):
            copied = copied_files(require(self.files, dockerfile), dockerfile)
            image = image._replace(paths=tuple(dict.fromkeys(join(context, one.path.lstrip("/")) for one in copied)))
        return f"hub: {{images: [{in_yaml(image)}]}}"

    # -- by chartpress.yaml

    def _fits(self, root: str) -> bool:
        """Whether the chartpress.yaml in ``root`` has the hub's chart; a template of one, which is no YAML, has not."""
        charts, wanted = self._charts_in(root), self.settings.chart
        if wanted is not None:
            return any(chart.name == wanted for chart in charts)
        try:
            return sum(1 for chart in charts if self._requirement_in(join(root, chart.path or ""))) == 1
        except Unusable:
            return False

    def _charts_in(self, root: str) -> tuple[ChartSpec, ...]:
        """Return the charts of the chartpress.yaml in ``root``; none where it cannot be used."""
        path = join(root, CHARTPRESS_FILE)
        try:
            return read_chartpress(self.files.read(path) or b"", path).charts
        except Unusable:
            return ()

    def _chart_in(self, config: ChartpressConfig, root: str, file: str) -> ChartSpec:
        """Return the chart of chartpress.yaml that depends on z2jh."""
        wanted, dependency = self.settings.chart, self.settings.dependency
        folders = {chart.name: join(root, chart.path or "") for chart in config.charts}
        if wanted is not None and wanted not in folders:
            raise NotNamed(f"there is no chart {wanted}", where=file, hint=f"its charts: {', '.join(folders)}")
        depending = [chart for chart in config.charts if self._requirement_in(folders[chart.name])]
        fitting = [chart for chart in depending if wanted in {None, chart.name}]
        if len(fitting) == 1:
            return fitting[0]
        names = [chart.name for chart in depending]
        if fitting:
            raise Unusable(
                f"several charts depend on {dependency}: {', '.join(names)}",
                where=file,
                hint=f"say which in invoke.yaml: hub: {{chart: {names[0]}}}",
            )
        if wanted is not None:
            raise self._wrong_chart(wanted, [folders[wanted]], names)
        raise self._brought(folders.values()) or self._independent(folders.values(), file)

    def _values_path(self, layout: Layout) -> str:
        """Return the dotted path of the hub image in the values of the chart."""
        folder = join(layout.root, layout.chart.path or "")
        requirement = self._requirement_in(folder)
        return BareChart(folder, requirement).values_path if requirement else ""

    def _is_claimed(self, layout: Layout) -> bool:
        """Whether chartpress.yaml has an image for the hub image's place in the values, whatever its Dockerfile is."""
        path = self._values_path(layout)
        return any(path in image.values_paths for image in layout.chart.images)

    def no_hub_image(self, layout: Layout) -> Unusable:
        """Return the fault of a layout none of whose images inherits from z2jh's hub image."""
        chart, file = layout.chart, layout.file
        named = [join(layout.root, image.dockerfile) for image in chart.images]
        there = [path for path in named if self.files.read(path) is not None]
        misplaced = _misplaced(layout)
        if misplaced:
            return Unusable(
                f"{misplaced} stands where chartpress does not read it",
                where=file,
                hint=f"move it into the chart: charts: [{{name: {chart.name}, images: …}}]",
            )
        if self.dockerfiles and layout.config:
            dockerfile = next(iter(self.dockerfiles))
            key, path = _last_part(_folder_of(dockerfile)), self._values_path(layout)
            context = f"contextPath: {_folder_of(dockerfile)}"
            add = f"add images: {{{key}: {{{context}, valuesPath: {path}}}}} to the chart {chart.name} there"
            return NotNamed(
                f"{file} does not name {dockerfile}, which inherits from z2jh's hub image",
                where=file,
                hint=f"set {context} there" if self._is_claimed(layout) else add,
            )
        pinned = "hub.jupyter.org" if chart.path is None else self.dependencies_of(join(layout.root, chart.path))
        return NotNamed(
            "no FROM inherits from z2jh's hub image" if there else "there is no Dockerfile of a hub image",
            where=", ".join(there or named) or file,
            hint=f"write FROM quay.io/jupyterhub/k8s-hub:VERSION, the version being the one in {pinned}",
        )

    # -- by the settings

    def _from_settings(self, images: Iterable[WholeImage]) -> Layout:
        chart = self.one_chart()
        specs: dict[str, ImageSpec] = {}
        for image in images:
            dockerfile = image.dockerfile or join(image.context, "Dockerfile")
            spec = found_image(image.name, image.context, dockerfile, paths=image.paths, values=image.values)
            if spec.key in specs:
                hint = "give their names other last parts"
                raise Unusable(f"two of hub.images are called {spec.key}", where=FILE, hint=hint)
            if image.values and chart is None:
                raise Unusable(
                    f"hub.images has {image.values[0]} in values, but no chart depends on {self.settings.dependency}",
                    where=FILE,
                    hint=f"name the file too: hub: {{values: [{{file: …, path: {image.values[0]}}}]}}",
                )
            specs[spec.key] = spec
        return Layout("", FILE, _spec_of(chart, specs.values()))

    # -- by what is there

    def _found(self) -> Layout:
        chart = self.one_chart()
        if not self.dockerfiles:
            raise NotNamed(
                "there is no chartpress.yaml in this repository",
                where=self.top,
                hint=f"name the hub repository (--repo PATH), or give a chart its hub image: {DOOR} init",
            )
        places = dict(self._names(self._places(chart)))
        name = next(iter(places.values()), None)
        if len(self.dockerfiles) > 1:
            best = max(self.dockerfiles, key=lambda path: f"/{name}".endswith(f"/{_last_part(_folder_of(path))}"))
            raise Unusable(
                f"several Dockerfiles inherit from z2jh's hub image: {', '.join(self.dockerfiles)}",
                where=self.top,
                hint=f"say which in {FILE}: {self.suggestion(best, chart, name)}",
            )
        dockerfile = next(iter(self.dockerfiles))
        context = _folder_of(dockerfile)
        say = f"say it in {FILE}: {self.suggestion(dockerfile, chart, name)}"
        if chart and name is None:
            raise NotNamed(f"{chart.values_path} names no image", where=chart.values_file, hint=say)
        for file in (file for file, _ in places if is_below(file, [context])):
            what = f"the build context of {dockerfile} holds {file}, so each build would give the image a new tag"
            raise Unusable(what, where=context, hint=say)
        values = [path for file, path in places if chart and file == chart.values_file]
        return Layout("", FILE, _spec_of(chart, [found_image(name, context, dockerfile, values=values)]))

    def _found_beside(self) -> Layout | None:
        """Return what is found where no chartpress.yaml has the Dockerfile, or the place in the values, for itself."""
        try:
            found = self._found()
        except Unusable:
            return None
        ours = found.chart.images[0]
        for root, chart in ((one, chart) for one in self.roots for chart in self._charts_in(one)):
            is_its_chart = join(root, chart.path or "") == found.chart.path
            for image in chart.images:
                is_its_place = is_its_chart and not set(image.values_paths).isdisjoint(ours.values_paths)
                if is_its_place or join(root, image.dockerfile) == ours.dockerfile:
                    return None
        return found

    def _places(self, chart: BareChart | None) -> Iterator[tuple[str, str]]:
        """Yield the files and paths in them that may name the hub image."""
        if chart:
            yield chart.values_file, chart.values_path
        yield from ((target.file, target.path) for target in self.settings.values)

    def _names(self, places: Iterable[tuple[str, str]]) -> Iterator[tuple[tuple[str, str], str]]:
        """Yield those of ``places`` that name an image other than z2jh's own, with its name."""
        for file, path in places:
            data = self.files.read(behind_links(self.top, file))
            try:
                name = image_at(data, path, file).name if data is not None else None
            except Unusable:
                continue
            if name is not None and is_name(name) and name.rpartition("/")[2] not in HUB_NAMES:
                yield (file, path), name

    # -- charts

    def _requirement_in(self, folder: str, name: str | None = None) -> Requirement | None:
        return requirement_in(self.files, self.top, folder, name or self.settings.dependency)

    def _found_requirement(self, folder: str, name: str | None = None) -> Requirement | None:
        """Return the same; what does not have the name at all need not be YAML."""
        data = self.files.read(self.dependencies_of(folder)) or b""
        wanted = name or self.settings.dependency
        return self._requirement_in(folder, wanted) if wanted.encode() in data else None

    def dependencies_of(self, folder: str) -> str:
        """Return the file with the dependencies of the chart in ``folder``."""
        return behind_links(self.top, dependencies_in(self.files, folder))

    def _wrong_chart(self, wanted: str, named: list[str], depending: list[str]) -> Unusable:
        """Return the fault of a setting that names a chart which does not depend on z2jh, or no chart."""
        dependency = self.settings.dependency
        if not named:
            hint = f"these depend on {dependency}: {', '.join(depending)}" if depending else f"{DOOR} init makes one"
            return NotNamed(f"there is no chart {wanted}", where=self.top, hint=hint)
        if not depending:
            return self._brought(named) or self._independent(named, "")
        return Unusable(
            f"the chart {wanted} does not depend on {dependency}; {' and '.join(depending)} does",
            where=self.dependencies_of(named[0]),
            hint=f"name that one: {_chart_setting(depending[0])}",
        )

    def _brought(self, folders: Iterable[str]) -> Unusable | None:
        """Return the fault of the first of ``folders`` whose chart gets z2jh through another chart; None without."""
        for folder in folders:
            for name in _BRINGING:
                brought = self._found_requirement(folder, name)
                if brought is not None:
                    wanted = self.settings.dependency
                    return Unusable(
                        f"the chart {folder.rpartition('/')[2]} gets {wanted} through {name}, which pins it",
                        where=self.dependencies_of(folder),
                        hint=f"move {name} instead, by hand; a release's own {wanted}: "
                        f"helm show chart {name} --repo {brought.repository} --version {brought.version}",
                    )
        return None

    def _independent(self, folders: Iterable[str], file: str) -> NotNamed:
        """Return the fault of the charts in ``folders``, none of which depends on z2jh."""
        first, *more = map(self.dependencies_of, folders)
        dependency = self.settings.dependency
        return NotNamed(
            f"no chart depends on {dependency}",
            where=file if more else first,
            hint=f"add {dependency} to the chart's dependencies, with version and repository",
        )


def in_yaml(image: WholeImage) -> str:
    """Return the setting of one image as a YAML mapping in one line, without what it need not say."""
    default = join(image.context, "Dockerfile")
    fields = {"context": image.context, "name": image.name}
    if image.dockerfile not in {None, default}:
        fields["dockerfile"] = str(image.dockerfile)
    shown = [f"{field}: {_quoted(value)}" for field, value in fields.items()]
    lists = {"values": image.values, "paths": image.paths}
    shown += [f"{field}: [{', '.join(map(_quoted, values))}]" for field, values in lists.items() if values]
    return f"{{{', '.join(shown)}}}"


def _quoted(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else "'" + text.replace("'", "''") + "'"


def _chart_setting(name: str) -> str:
    return f"hub: {{chart: {name}}} in {FILE}, or {variable('chart')}={name}"


def _folder_of(path: str) -> str:
    return path.rpartition("/")[0] or "."


def _last_part(folder: str) -> str:
    """Return a folder's own name; ``hub`` for the repository's top."""
    return "hub" if folder == "." else folder.rpartition("/")[2]


def found_image(
    name: str | None, context: str, dockerfile: str, *, paths: Iterable[str] = (), values: Iterable[str] = ()
) -> ImageSpec:
    """Return an image that chartpress.yaml does not have; its key is the last part of its name, else its folder's."""
    key = name.rpartition("/")[2] if name else _last_part(context).lower()
    tagged_by = tuple(dict.fromkeys((*(paths or (context,)), dockerfile)))
    return ImageSpec(key, name, context, dockerfile, {}, (), tagged_by, frozenset(), tuple(values))


def _spec_of(chart: BareChart | None, images: Iterable[ImageSpec]) -> ChartSpec:
    return ChartSpec(chart.name if chart else "", chart.folder if chart else None, None, tuple(images))


def _misplaced(layout: Layout) -> str | None:
    """Return the name of ``images`` at a level where chartpress does not read them, in a chart that has none."""
    keys = layout.config.unknown_keys if layout.config and not layout.chart.images else ()
    return next((key for key in keys if key.rpartition(".")[2] == "images"), None)


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


def _no_single_root(top: Path, roots: tuple[str, ...], fitting: list[str]) -> Unusable:
    """Return the fault of several ``roots``, of which none or several are ``fitting``."""
    candidates = fitting or list(roots)
    kind = Unusable if fitting else NotNamed
    return kind(
        f"there are several chartpress.yaml: {', '.join(candidates)}",
        where=top,
        hint=f"say which in invoke.yaml: hub: {{root: {candidates[0]}}}",
    )
