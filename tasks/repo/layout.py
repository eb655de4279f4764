"""Find the chart and the hub images of a repository.

They are in chartpress.yaml, or in ``hub.images`` in invoke.yaml. Otherwise they are detected: the hub image is built
from the only Dockerfile based on z2jh's hub image, and named in the values of the only chart that depends on z2jh.
Without such a chart, the settings must name the image.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import PurePosixPath
from posixpath import relpath
from shlex import quote
from typing import NamedTuple

from ..core.faults import CLI, Unusable
from ..core.names import is_name
from ..core.settings import FILE, Settings, ValuesTarget, WholeImage, how_to_correct, variable
from ..core.yaml_tree import load_all, walk
from ..tools.git import Git
from .charts import CHART_FILES, BareChart, ChartSpec, ImageSpec, NotNamed, Requirement, read_chartpress, requirement
from .dockerfile import HUB_NAMES, IGNORE_FILE, BaseImage, copied_files, hub_base
from .files import Files, Listing, behind_links, folder_of, is_below, join, last_part, read_all, require
from .values import in_brackets, named_at, quoted

CHARTPRESS_FILE = "chartpress.yaml"
_DOCKERFILE = r"(?i)(?:docker|container)file[^/]*$"
_HUB_NAME = min(HUB_NAMES, key=len).encode()
# Charts that depend on a pinned release of jupyterhub.
BRINGING = ("binderhub", "daskhub", "pangeo")


@dataclass(frozen=True, eq=False)
class Contents:
    """A repository's files, as they are or as a plan will leave them, and its charts and Dockerfiles."""

    git: Git
    settings: Settings
    files: Files
    listing: Listing

    @cached_property
    def roots(self) -> tuple[str, ...]:
        """The folders, relative to the top, that may contain the hub's chartpress.yaml; empty for the top itself."""
        if self.settings.root is not None:
            root = behind_links(self.git.folder, join(self.settings.root))
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
        """The folders of charts that are not in another chart's ``charts/``, where helm unpacks dependencies."""
        inside = [join(folder, "charts") for folder in self.folders]
        return tuple(folder for folder in self.folders if not is_below(folder, inside))

    def charts_among(self, folders: Iterable[str]) -> list[str]:
        """Return those of ``folders`` whose chart depends on z2jh."""
        return _readable(folders, self.requirement_in)

    @cached_property
    def only_chart(self) -> BareChart | None:
        """The only chart that depends on z2jh, or the one in the settings, or None."""
        for folders in (self.own_folders, self.folders):
            if folder := _chosen(self, {one: one for one in folders}, str(self.git.folder)):
                return self.chart_in(folder)
        return None

    @cached_property
    def all_dockerfiles(self) -> tuple[str, ...]:
        """The files that may be Dockerfiles, with links resolved."""
        named = (path for path in self.listing.files if re.search(_DOCKERFILE, path) and not path.endswith(IGNORE_FILE))
        return tuple(dict.fromkeys(behind_links(self.git.folder, path) for path in named))

    @cached_property
    def dockerfiles(self) -> list[str]:
        """The Dockerfiles based on z2jh's hub image."""
        # Not one by one: each file of a commit takes a process of git.
        found = read_all(self.files, self.all_dockerfiles)
        return _readable([path for path, data in found.items() if _HUB_NAME in (data or b"")], self.base_of)

    def base_of(self, dockerfile: str, image: ImageSpec | None = None) -> BaseImage | None:
        """Return the base image of a Dockerfile if it is z2jh's, else None, also for a missing file.

        ``image`` is the image that it is built for, with its build arguments.
        """
        path = behind_links(self.git.folder, dockerfile)
        data = self.files.read(path)
        return None if data is None else hub_base(data, path, image.arguments if image else {})

    def context_of(self, dockerfile: str) -> str:
        """Return the build context of a Dockerfile: the nearest folder with all files that it copies, else its own."""
        own = folder_of(dockerfile)
        # A Makefile or workflow may build it from above: `docker build -f images/hub/Dockerfile .`
        for folder in (own, *map(str, PurePosixPath(own).parents)):
            wanted = [path for path in self.copied_paths(dockerfile, folder) if path != "."]
            if all(any(is_below(file, [path]) for file in self.listing.files) for path in wanted):
                return folder
        return own

    def copied_paths(self, dockerfile: str, context: str) -> tuple[str, ...]:
        """Return the paths that a Dockerfile copies from the folder ``context``."""
        copied = copied_files(require(self.files, dockerfile), dockerfile)
        return tuple(dict.fromkeys(join(context, path.lstrip("/")) for path in copied))

    def charts_in(self, root: str) -> tuple[ChartSpec, ...]:
        """Return the charts of the chartpress.yaml in ``root``; none if it is invalid, like a template."""
        path = join(root, CHARTPRESS_FILE)
        with suppress(Unusable):
            return read_chartpress(self.files.read(path) or b"", path)
        return ()

    def requirement_in(self, folder: str, name: str | None = None) -> Requirement | None:
        """Return the dependency ``name`` (default: z2jh) of the chart in ``folder``, or None."""
        path, wanted = self.dependencies_of(folder), name or self.settings.dependency
        data = self.files.read(path) or b""
        # A template without the word may not be YAML.
        return requirement(data, wanted, path) if wanted.encode() in data else None

    def chart_in(self, folder: str | None) -> BareChart | None:
        """Return the chart in ``folder`` if it depends on z2jh, else None."""
        requirement = self.requirement_in(folder) if folder else None
        return BareChart(folder, requirement) if folder and requirement else None

    def dependencies_of(self, folder: str) -> str:
        """Return the file with the dependencies of the chart in ``folder``: requirements.yaml in older charts.

        See https://helm.sh/docs/topics/charts/#chart-dependencies.
        """
        older = join(folder, "requirements.yaml")
        path = older if self.files.read(older) is not None else join(folder, "Chart.yaml")
        return behind_links(self.git.folder, path)

    def targets(self, chart: BareChart | None) -> list[ValuesTarget]:
        """Return the places that may name the hub image: in the values of ``chart``, and in the settings."""
        own = [ValuesTarget(chart.values_file, chart.values_path)] if chart else []
        given = ((one, file) for one in self.settings.values for file in self.listing.matching[one.file])
        return [*own, *(one._replace(file=file) for one, file in given)]

    def names_at(self, places: Iterable[ValuesTarget]) -> dict[ValuesTarget, str]:
        """Return those of ``places`` that name an image other than z2jh's, with its name."""
        found = {}
        for place in places:
            named = named_at(self.files, behind_links(self.git.folder, place.file), place.path)
            if named and is_name(named.name) and named.name.rpartition("/")[2] not in HUB_NAMES:
                found[place] = named.name
        return found

    def naming(self, path: str) -> dict[ValuesTarget, str]:
        """Return the places in YAML files, except secrets, whose path ends with ``path``, with the images' names."""
        wanted, places = tuple(path.split(".")), []
        files = (file for file in self.listing.files if file.endswith((".yaml", ".yml")) and "secret" not in file)
        for file in files:
            with suppress(Unusable):
                data = self.files.read(file) or b""
                # In a manifest, the values are below other keys.
                for tree in load_all(data, file) if wanted[-1].encode() in data else ():
                    found = (steps for steps, _ in walk(tree) if steps[-len(wanted) :] == wanted)
                    places += [ValuesTarget(file, ".".join(steps)) for steps in found]
        return self.names_at(places)


class Layout(NamedTuple):
    """The chart and its images.

    Attributes:
        root: the folder that the paths in ``chart`` are relative to; empty for the repository's top.
        file: the file that configures the images, or could.
        chart: the chart with its images.
        charts: all charts of chartpress.yaml; empty if it does not configure the images.
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


def find_layout(repo: Contents) -> Layout:
    """Return the chart and its images; raise NotNamed if there is no hub image, or no name for it."""
    if repo.settings.whole_images:
        return _from_settings(repo, repo.settings.whole_images)
    if not repo.roots:
        return _from_what_is_there(repo)
    try:
        named = from_chartpress(repo)
    except NotNamed:
        if found := _beside_chartpress(repo):
            return found
        raise
    if any(repo.base_of(join(named.root, image.dockerfile), image) for image in named.chart.images):
        return named
    return _beside_chartpress(repo) or named


def _chosen(repo: Contents, charts: Mapping[str, str], where: str) -> str | None:
    """Return the only folder, of these by name, whose chart depends on z2jh, or the one in the settings, or None."""
    wanted, dependency = repo.settings.chart and join(repo.settings.chart), repo.settings.dependency
    depending = repo.charts_among(charts.values())
    names = [name for name, folder in charts.items() if folder in depending]
    fitting = [name for name in names if wanted in {None, name, charts[name], last_part(charts[name])}]
    if len(fitting) > 1:
        hint = f"name one: hub: {{chart: {quoted(fitting[0])}}} in {FILE}, or {variable('chart')}={quote(fitting[0])}"
        raise Unusable(f"several charts depend on {dependency}: {', '.join(fitting)}", where=where, hint=hint)
    if fitting:
        return charts[fitting[0]]
    for folder, name in product(() if names else charts.values(), BRINGING):
        if brought := repo.requirement_in(folder, name):
            raise Unusable(
                f"the chart {last_part(folder)} gets {dependency} through {name}, which pins it",
                where=repo.dependencies_of(folder),
                hint=f"move {name} instead, by hand; a release's own {dependency}: "
                f"helm show chart {name} --repo {brought.repository} --version {brought.version}",
            )
    if wanted is None:
        return None
    hint = f"these depend on {dependency}: {', '.join(names)}" if names else f"{CLI} init makes one"
    raise NotNamed(f"no chart {wanted} depends on {dependency}", where=where, hint=hint)


def found_image(image: WholeImage) -> ImageSpec:
    """Return an image that is not in chartpress.yaml; its key is the last part of its name, or of its folder."""
    key = image.name.rpartition("/")[2] or last_part(image.context).lower()
    if not is_name(key):
        key = "-".join(re.findall("[a-z0-9]+", key)) or "hub"
    dockerfile = image.dockerfile or join(image.context, "Dockerfile")
    tagged_by = tuple(dict.fromkeys((*(image.paths or (image.context,)), dockerfile)))
    return ImageSpec(key, image.name or None, image.context, dockerfile, {}, (), tagged_by, frozenset(), image.values)


def from_chartpress(repo: Contents) -> Layout:
    """Return the chart and its images from chartpress.yaml; raises like :func:`find_layout`."""
    roots = repo.roots
    fitting = [root for root in roots if len(roots) == 1 or _fits(repo, root)]
    if len(fitting) != 1:
        candidates = fitting or roots
        raise (Unusable if fitting else NotNamed)(
            f"there are several chartpress.yaml: {', '.join(candidates)}",
            where=repo.git.folder,
            hint=f"set it in {FILE}: hub: {{root: {quoted(candidates[0])}}}",
        )
    file = join(fitting[0], CHARTPRESS_FILE)
    data = repo.files.read(file)
    if data is None:
        there = ", ".join(map(folder_of, repo.listing.named(CHARTPRESS_FILE))) or "no folder"
        hint = how_to_correct("root", f"correct hub.root in {FILE}: {CHARTPRESS_FILE} is in {there}")
        if repo.settings.root is None:
            # It is listed by git.
            is_link = (repo.git.folder / file).is_symlink()
            hint = f"correct where the link leads: ls -l {quote(file)}" if is_link else f"git checkout -- {quote(file)}"
        raise Unusable("the file is missing", where=file, hint=hint)
    charts = read_chartpress(data, file)
    folders = _folders(charts, fitting[0])
    folder = _chosen(repo, folders, file)
    if folder is None:
        dependency, others = repo.settings.dependency, repo.charts_among(repo.own_folders)
        add = f"add {dependency} to the chart's dependencies, with version and repository"
        hint = how_to_correct("dependency", f"{CLI} init tells the lines for {others[0]}" if others else add)
        where = ", ".join(map(repo.dependencies_of, folders.values())) if folders and not others else file
        raise NotNamed(f"no chart depends on {dependency}", where=where, hint=hint)
    return Layout(fitting[0], file, next(one for one in charts if folders[one.name] == folder), charts)


def _fits(repo: Contents, root: str) -> bool:
    with suppress(Unusable):
        return _chosen(repo, _folders(repo.charts_in(root), root), root) is not None
    return False


def _folders(charts: Iterable[ChartSpec], root: str) -> dict[str, str]:
    return {chart.name: join(root, str(chart.path)) for chart in charts}


def no_hub_image(repo: Contents, layout: Layout) -> Unusable:
    """Return the fault for a layout without an image based on z2jh's hub image."""
    file, required = layout.file, repo.chart_in(layout.folder)
    if not repo.dockerfiles:
        there = [path for path in layout.dockerfiles if repo.files.read(path) is not None]
        pinned = f" in {repo.dependencies_of(layout.folder)}" if layout.folder else " that is deployed"
        return NotNamed(
            "no FROM inherits from z2jh's hub image" if there else "there is no Dockerfile of a hub image",
            where=", ".join(there or layout.dockerfiles) or file,
            hint=f"write FROM quay.io/jupyterhub/k8s-hub:VERSION, with the version{pinned}",
        )
    dockerfile = next(iter(repo.dockerfiles))
    # Relative to the file's folder.
    named, context = (relpath(one, layout.root or ".") for one in (dockerfile, repo.context_of(dockerfile)))
    hint = f"set it in hub.images: context: {context}, dockerfile: {named}"
    if layout.charts:
        path = f", valuesPath: {required.values_path}" if required else ""
        hint = f"set it there: contextPath: {context}, dockerfilePath: {named}{path}"
    return NotNamed(f"{file} does not name {dockerfile}, which inherits from z2jh's hub image", where=file, hint=hint)


def _from_settings(repo: Contents, images: Iterable[WholeImage]) -> Layout:
    chart = repo.only_chart
    specs: dict[str, ImageSpec] = {}
    for spec in map(found_image, images):
        if spec.key in specs:
            hint = "give their names other last parts"
            raise Unusable(f"two of hub.images are called {spec.key}", where=FILE, hint=hint)
        specs[spec.key] = spec
    return _unnamed_layout(chart, specs.values())


def _from_what_is_there(repo: Contents) -> Layout:
    chart, found = repo.only_chart, [*repo.dockerfiles]
    if not found:
        raise NotNamed(
            "there is no chartpress.yaml in this repository",
            where=repo.git.folder,
            hint=f"name the hub repository (--repo PATH), or give a chart its hub image: {CLI} init",
        )
    names = repo.names_at(repo.targets(chart))
    elsewhere = {*repo.naming(chart.values_path).values()} if chart and not names else set()
    name = next(iter(names.values() or (elsewhere if len(elsewhere) == 1 else ())), None)
    called = name.rpartition("/")[2] if name else None
    # Of several Dockerfiles, the one in a folder with the image's name.
    dockerfile = max(found, key=lambda path: last_part(folder_of(path)) == called)
    context = repo.context_of(dockerfile)
    if called not in {None, last_part(context), last_part(folder_of(dockerfile))}:
        # The image may be another one, built on top of this one.
        found += [path for path in repo.all_dockerfiles if last_part(folder_of(path)) == called]
    values = tuple(place.path for place in names if chart and place.file == chart.values_file)
    image = found_image(WholeImage(context, name or "", dockerfile, values))
    hint = how_to_name(repo, image, chart)
    if len(found) > 1:
        what = f"the hub image may be built from several Dockerfiles: {', '.join(found)}"
        raise Unusable(what, where=repo.git.folder, hint=hint)
    if chart and name is None:
        raise NotNamed(f"{chart.values_path} names no image there", where=chart.values_file, hint=hint)
    return _unnamed_layout(chart, [image])


def _beside_chartpress(repo: Contents) -> Layout | None:
    """Return the detected layout, if no chartpress.yaml uses its Dockerfile or its place in the values."""
    try:
        found = _from_what_is_there(repo)
    except Unusable:
        return None
    ours = found.chart.images[0]
    layouts = [Layout(root, "", chart) for root in repo.roots for chart in repo.charts_in(root)]
    if any(ours.dockerfile in layout.dockerfiles for layout in layouts):
        return None
    images = (image for layout in layouts if layout.folder == found.folder for image in layout.chart.images)
    return None if any(not set(image.values_paths).isdisjoint(ours.values_paths) for image in images) else found


def _unnamed_layout(chart: BareChart | None, images: Iterable[ImageSpec]) -> Layout:
    name, folder = (last_part(chart.folder), chart.folder) if chart else ("", None)
    return Layout("", FILE, ChartSpec(name, folder, None, tuple(images)))


def image_setting(repo: Contents, image: ImageSpec, chart: BareChart | None, files: Iterable[str] = ()) -> WholeImage:
    """Return an image's entry in ``hub.images``; ``files`` are values files that no setting names."""
    context, dockerfile = image.context, image.dockerfile
    holds_values = any(is_below(file, [context]) for file in (*files, *(one.file for one in repo.targets(chart))))
    return WholeImage(
        context,
        image.named or f"HOST/PATH/{image.key}",
        dockerfile if dockerfile != join(context, "Dockerfile") else None,
        (chart.values_path,) if chart else (),
        (repo.copied_paths(dockerfile, context) or (dockerfile,)) if holds_values else (),
    )


def how_to_name(repo: Contents, image: ImageSpec, chart: BareChart | None) -> str:
    """Return the hint with the setting for an image."""
    return f"set it in {FILE}: hub: {{images: [{in_brackets(image_setting(repo, image, chart))}]}}"


def _readable(paths: Iterable[str], read: Callable[[str], object]) -> list[str]:
    """Return those of ``paths`` for which ``read`` returns something; raise its fault only if there are none."""
    found: list[str] = []
    first: Unusable | None = None
    for path in paths:
        try:
            found += [path] if read(path) is not None else []
        except Unusable as fault:  # noqa: PERF203 - read the other files too
            first = first or fault
    if first and not found:
        raise first
    return found
