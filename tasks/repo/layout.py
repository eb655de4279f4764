"""Where the chart and the hub images of a repository are.

chartpress.yaml names them, or ``hub.images`` in invoke.yaml. Without either they are found: the hub image is that of
the only Dockerfile that inherits from z2jh's hub image, and its name is in the values of the only chart that depends on
z2jh. Without such a chart, the repository holds only the image, which the settings must name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import product
from posixpath import relpath
from typing import NamedTuple

from ..core.faults import DOOR, Unusable
from ..core.settings import FILE, WholeImage, how_to_correct, variable
from .charts import IMAGES, BareChart, ChartSpec, ImageSpec, NotNamed, read_chartpress
from .files import is_below, is_glob, join
from .search import CHARTPRESS_FILE, Search, folder_of, last_part
from .values import quoted, values_setting

# Charts that bring jupyterhub along, in a release that they pin.
_BRINGING = ("binderhub", "daskhub", "pangeo")


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
    folders = search.own_folders
    if search.settings.chart is None and not search.charts_among(folders):
        if brought := _brought(search, folders):
            raise brought
        folders = search.folders
    return search.chart_in(_chosen(search, {one: one for one in folders}, str(search.top)))


def _chosen(search: Search, charts: Mapping[str, str], where: str) -> str | None:
    """Return the only one of these folders by name that depends on z2jh, of several the setting's; else None."""
    wanted, dependency = search.settings.chart, search.settings.dependency
    named = {name: folder for name, folder in charts.items() if wanted in {None, name, folder, last_part(folder)}}
    depending = search.charts_among(charts.values())
    fitting = [name for name, folder in named.items() if folder in depending]
    names = [name for name, folder in charts.items() if folder in depending]
    if len(fitting) > 1:
        hint = f"name one: hub: {{chart: {fitting[0]}}} in {FILE}, or {variable('chart')}={fitting[0]}"
        raise Unusable(f"several charts depend on {dependency}: {', '.join(fitting)}", where=where, hint=hint)
    if fitting or wanted is None:
        return named[fitting[0]] if fitting else None
    if not named:
        hint = f"these depend on {dependency}: {', '.join(names)}" if names else f"{DOOR} init makes one"
        raise NotNamed(f"there is no chart {wanted}", where=where, hint=hint)
    if not names:
        raise _brought(search, named.values()) or _no_dependency(search, [*named.values()], "")
    raise Unusable(
        f"the chart {wanted} does not depend on {dependency}; {' and '.join(names)} does",
        where=search.dependencies_of(next(iter(named.values()))),
        hint=f"name that one: hub: {{chart: {names[0]}}} in {FILE}, or {variable('chart')}={names[0]}",
    )


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
    data = search.files.read(file)
    if data is None:
        there = [folder_of(path) for path in search.listing.named(CHARTPRESS_FILE)]
        hint = f"correct hub.root in {FILE}: {CHARTPRESS_FILE} is in {', '.join(there)}"
        unset = f"remove hub.root from {FILE}: no folder has a {CHARTPRESS_FILE}"
        raise Unusable("the file is missing", where=file, hint=how_to_correct("root", hint if there else unset))
    charts = read_chartpress(data, file)
    folders = _folders(charts, fitting[0])
    folder = _chosen(search, folders, file)
    if folder is None:
        raise _brought(search, folders.values()) or _no_dependency(search, [*folders.values()], file)
    return Layout(fitting[0], file, next(one for one in charts if folders[one.name] == folder), charts)


def _fits(search: Search, root: str) -> bool:
    with suppress(Unusable):
        return _chosen(search, _folders(search.charts_in(root), root), root) is not None
    return False


def _folders(charts: Iterable[ChartSpec], root: str) -> dict[str, str]:
    return {chart.name: join(root, str(chart.path)) for chart in charts}


def no_hub_image(search: Search, layout: Layout) -> Unusable:
    """Return the fault of a layout none of whose images inherits from z2jh's hub image."""
    chart, file, folder = layout.chart, layout.file, layout.folder
    required = search.chart_in(folder)
    if misplaced := _misplaced(layout):
        return Unusable(
            f"{misplaced} stands where chartpress does not read it",
            where=file,
            hint=f"move it into the chart: charts: [{{name: {chart.name}, images: …}}]",
        )
    if search.dockerfiles and layout.charts and required:
        dockerfile, path = next(iter(search.dockerfiles)), required.values_path
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
        places = [target._replace(file=file) for file in search.listing.matching[target.file]]
        names = search.names_at(places) if is_glob(target.file) else dict.fromkeys(places, image.named)
        yield from (place.file for place, name in names.items() if name == image.named)


def _holding_values(search: Search, chart: BareChart | None, image: ImageSpec, file: str) -> Unusable:
    """Return the fault of an image whose files hold the values file that its build writes: its tag never settles."""
    what = f"the build context of {image.dockerfile} holds {file}, so each build would give the image a new tag"
    if is_below(file, search.copied_paths(image.dockerfile, image.context)):
        hint = f"the Dockerfile copies it too: copy other files one by one, or move {file} out of the folder"
    else:
        hint = f"set it in {FILE}: {_suggestion(search, image.dockerfile, chart, image.named, image.context)}"
    return Unusable(what, where=image.context, hint=hint)


def image_setting(
    search: Search, dockerfile: str, context: str, name: str, chart: BareChart | None, files: Iterable[str] = ()
) -> dict[str, str]:
    """Return the fields of an entry of ``hub.images``; ``files`` are values files besides those of the settings."""
    fields = {"context": quoted(context), "name": name}
    if dockerfile != join(context, "Dockerfile"):
        fields["dockerfile"] = quoted(dockerfile)
    if chart:
        fields["values"] = f"[{chart.values_path}]"
    if any(is_below(file, [context]) for file in (*files, *(place.file for place in search.places(chart)))):
        paths = search.copied_paths(dockerfile, context) or (dockerfile,)
        fields["paths"] = f"[{', '.join(map(quoted, paths))}]"
    return fields


def _suggestion(
    search: Search, dockerfile: str, chart: BareChart | None, name: str | None, context: str | None = None
) -> str:
    context = context or search.context_of(dockerfile)
    fields = image_setting(search, dockerfile, context, name or f"HOST/PATH/{last_part(context)}", chart)
    return f"hub: {{images: [{{{', '.join(f'{field}: {value}' for field, value in fields.items())}}}]}}"


def _named_elsewhere(search: Search, chart: BareChart) -> Unusable | None:
    """Return the fault of an image that only YAML files other than the chart's values, or secrets, name."""
    names = search.naming(chart.values_path)
    found = [place for place, name in names.items() if name == next(iter(names.values()))]
    what = f"{chart.values_path} names no image there, but in {', '.join(place.file for place in found)}"
    hint = f"set it in {FILE}: {values_setting((*search.settings.values, *found), ())}"
    return Unusable(what, where=chart.values_file, hint=hint) if found else None


def _brought(search: Search, folders: Iterable[str]) -> Unusable | None:
    for folder, name in product(folders, _BRINGING):
        brought = search.requirement_in(folder, name)
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
    other = next((one for one in search.charts_among(search.own_folders) if one not in folders), None)
    if other is not None:
        return NotNamed(
            f"{CHARTPRESS_FILE} does not list the chart {last_part(other)}, which depends on {dependency}",
            where=search.dependencies_of(other),
            hint=f"{DOOR} init tells the lines to add",
        )
    return NotNamed(
        f"no chart depends on {dependency}",
        where=file if len(folders) > 1 else search.dependencies_of(next(iter(folders))),
        hint=how_to_correct("dependency", f"add {dependency} to the chart's dependencies, with version and repository"),
    )
