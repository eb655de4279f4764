"""Plan what a repository lacks for its hub image; one that is there is taken as it is."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..core.faults import DOOR, Refused, Unusable
from ..core.names import Reference, is_name
from ..core.plan import Action, Step
from ..core.settings import FILE, Settings, read_settings, section_in
from ..releases.choose import newest
from ..releases.index import Release
from ..releases.repository import HelmRepository
from ..tools.forges import read_remote
from .chart import Requirement
from .chartpress import ChartSpec
from .files import SUFFIX, FileEdit, edit_action, is_below, join
from .hub import JUPYTERHUBS, Hub
from .layout import Layout, NotNamed, found_image, from_chartpress, no_hub_image, one_chart
from .remotes import upstream_address
from .scaffold import (
    Kept,
    Part,
    chart_edit,
    chartpress_part,
    dockerfile_parts,
    ignores_part,
    makefile_part,
    settings_part,
    values_part,
)
from .search import CHARTPRESS_FILE, BareChart

_CHART = "hub"
_CONTEXT = "images/hub"
# What tells that jupyterhub is deployed without a chart of the repository's own, and where that is only told of.
_PINS = ("hub.jupyter.org/helm-chart", "jupyterhub.github.io/helm-chart", "hubpress: jupyterhub")
_PROSE = (":(exclude,glob)**/*.md", ":(exclude,glob)**/*.rst", ":(exclude,glob)**/*.txt", f":(exclude){FILE}")


def plan_init(hub: Hub, prefix: str | None) -> tuple[Step, Hub]:
    """Plan what the repository lacks, and return the step and the repository as it leaves it.

    Args:
        hub: the repository.
        prefix: what the user wants the image's name to begin with.
    """
    try:
        adopted = [f"{one.dockerfile} is the hub image {one.spec.named or one.spec.key}" for one in hub.images]
    except NotNamed:
        if hub.settings.whole_images:
            raise
        adopted = []
    chart, parts = (_adopting if adopted else _beginning)(hub, prefix)
    parts = [*parts, makefile_part(hub.files), ignores_part(hub.files, list(_ignores(hub, chart)))]
    edits = [part for part in parts if isinstance(part, FileEdit)]
    kept = [part for part in parts if isinstance(part, Kept)]
    required = chart.requirement if chart else None
    depends = f"{chart.folder} depends on {required.name} {required.version}" if chart and required else ""
    why = "; ".join(filter(None, (*adopted, depends)))
    to_add = {part.path: part.lacks for part in kept if part.lacks}
    step = Step(
        "init",
        (*([_write(hub, edits, why)] if edits else []), *map(_keep, kept)),
        report=lambda _: {
            "files": [edit.path for edit in edits],
            "kept": [part.path for part in kept],
            "to_add": to_add,
        },
        summary=lambda _: [
            *(f"{line}: left unchanged" for line in adopted if edits),
            *(f"{edit.path}: {edit.summary}" for edit in edits),
            *(f"{path}: add by hand:\n{lines.rstrip()}" for path, lines in to_add.items()),
        ],
    )
    return step, _left(hub, edits)


def _left(hub: Hub, edits: Sequence[FileEdit]) -> Hub:
    """Return the repository as ``edits`` leave it, with the chart and the image that they add."""
    new = {edit.path: edit.after for edit in edits}
    settings = hub.settings
    if FILE in new:
        section = section_in(new[FILE])
        settings = settings._replace(images=read_settings({"images": section["images"]}).images)
    listing = hub.listing._replace(
        files=tuple(dict.fromkeys((*hub.listing.files, *new))),
        telling=tuple(dict.fromkeys((*hub.listing.telling, *new))),
    )
    return replace(hub.edited(edits), settings=settings, listing=listing)


def _adopting(hub: Hub, prefix: str | None) -> tuple[BareChart | None, list[Part]]:
    """Return the chart, and what is kept and added for the hub images that are there."""
    layout = hub.layout
    parts: list[Part] = [Kept(path) for path in dict.fromkeys(image.dockerfile for image in hub.images)]
    chart = None if hub.chart_folder is None else BareChart(hub.chart_folder, hub.requirement)
    if layout.config is not None:
        parts.append(Kept(layout.file))
    elif chart is not None and not hub.search.roots and not hub.settings.whole_images:
        parts.append(chartpress_part(hub.files, layout, None))
    unnamed = (image for image in layout.chart.images if image.named is None)
    parts += [settings_part(hub.files, image, f"{_prefix(hub, prefix)}{image.key}") for image in unnamed]
    if chart is not None and any(chart.values_path in image.spec.values_paths for image in hub.images):
        parts.append(values_part(hub.files, chart))
    return chart, parts


def _beginning(hub: Hub, prefix: str | None) -> tuple[BareChart, list[Part]]:
    """Return the chart, and what is kept and added where no hub image is there, or none that has a name."""
    search, settings, files = hub.search, hub.settings, hub.files
    found = one_chart(search) if search.folders else None
    dockerfile = next(iter(search.dockerfiles), None)
    if found is None and (search.folders or dockerfile):
        raise Unusable(
            f"no chart here depends on {settings.dependency}",
            where=", ".join(map(search.dependencies_of, search.folders)) or dockerfile,
            hint=f"add {settings.dependency} to the dependencies of one, with version and repository",
        )
    if found is None:
        _require_no_pin(hub)
    released = None if dockerfile else _released(hub, found)
    chart = found or _new_chart(settings, released)
    layout = _layout_for(hub, chart, dockerfile)
    (image,) = layout.chart.images
    place, context = join(layout.root, image.dockerfile), join(layout.root, image.context)
    prefix = None if layout.config else _prefix(hub, prefix)
    parts = [
        *([] if found else [chart_edit(chart)]),
        *(dockerfile_parts(files, place, context, released[1]) if released else [Kept(place)]),
        chartpress_part(files, layout, prefix),
        values_part(files, chart),
    ]
    return chart, parts


def _layout_for(hub: Hub, chart: BareChart, dockerfile: str | None) -> Layout:
    """Return the layout of ``chart`` and its hub image, as chartpress.yaml has it or should have it.

    Args:
        hub: the repository.
        chart: the chart that gets its hub image.
        dockerfile: the Dockerfile that inherits from z2jh's hub image, if there is one.

    Raises:
        NotNamed: chartpress.yaml has an image for the place in the values, and that has another Dockerfile.
    """
    named = None
    if hub.search.roots:
        with contextlib.suppress(NotNamed):
            named = from_chartpress(hub.search)
    if named is not None:
        claimed = [image for image in named.chart.images if chart.values_path in image.values_paths]
        if claimed and dockerfile:
            raise no_hub_image(hub.search, named)
        if claimed:
            return named._replace(chart=named.chart._replace(images=(claimed[0],)))
    above = [root for root in hub.search.roots if is_below(chart.folder, [root or "."])]
    root = named.root if named else max(above, key=len, default="")
    context = posixpath.relpath(hub.search.context_of(dockerfile), root or ".") if dockerfile else _CONTEXT
    place = posixpath.relpath(dockerfile, root or ".") if dockerfile else join(context, "Dockerfile")
    image = found_image(None, context, place, values=[chart.values_path])
    path = posixpath.relpath(chart.folder, root or ".")
    spec = ChartSpec(chart.name, path, None, (image,))
    return Layout(root, join(root, CHARTPRESS_FILE), spec, named.config if named else None)


def _released(hub: Hub, chart: BareChart | None) -> tuple[Release, Reference]:
    """Return the release that ``chart`` pins, without one the newest, and its hub image."""
    settings = hub.settings
    address = settings.chart_repository or (chart.requirement.repository if chart else JUPYTERHUBS)
    asked = settings.chart_repository is not None
    repository = HelmRepository(address, settings.fetched, settings.dependency, asked=asked)
    index = repository.index()
    release = index.releases.get(chart.requirement.version) if chart else newest(index)
    if release is None:
        raise Refused(
            f"there is no {settings.dependency} {chart.requirement.version if chart else 'that is stable'}",
            where=index.where,
            hint="fix the requirement's version; helm search repo lists what there is",
        )
    return release, repository.hub_image(release)


def _new_chart(settings: Settings, released: tuple[Release, Reference] | None) -> BareChart:
    """Return a chart that takes the release from z2jh's own repository, whatever this run asks in its place."""
    version = released[0].version if released else ""
    return BareChart(settings.chart or _CHART, Requirement(settings.dependency, version, JUPYTERHUBS, None, line=1))


def _require_no_pin(hub: Hub) -> None:
    """Check that nothing else than a chart pins the release: a new chart would be a second hub."""
    patterns = [option for pattern in _PINS for option in ("-e", pattern)]
    found = hub.git.ask("grep", "-I", "-l", "-z", "--untracked", "-F", *patterns, "--", ".", *_PROSE).names
    if found:
        raise Refused(
            f"{found[0]} deploys {hub.settings.dependency}, and no chart here does",
            where=found[0],
            hint=f"write a Dockerfile FROM quay.io/jupyterhub/k8s-hub:VERSION with that version, then: {DOOR} init",
        )


def _ignores(hub: Hub, chart: BareChart | None) -> Iterator[str]:
    """Yield the lines that .gitignore lacks: for what a killed run leaves, and for the archives that helm fetches."""
    wanted = {f"x{SUFFIX}": f"*{SUFFIX}"}
    if chart is not None:
        archives = f"{join(chart.folder, 'charts')}"
        if not hub.git.names("ls-files", "-z", "--", f"{archives}/*.tgz"):
            wanted[f"{archives}/x.tgz"] = f"/{archives}/*.tgz"
    for path, line in wanted.items():
        if not hub.git.ask("check-ignore", "--quiet", "--no-index", "--", path).ok:
            yield line


def _write(hub: Hub, edits: Sequence[FileEdit], why: str) -> Action:
    """Return the action that writes all of it or nothing, each file shown below its name."""
    lines = (line for edit in edits for line in (f"{edit.path}:", *(f"  {line}" for line in edit.diff())))
    what = f"write {', '.join(edit.path for edit in edits)}"
    return edit_action(hub.git.folder, edits, why)._replace(what=what, details=tuple(lines))


def _keep(kept: Kept) -> Action:
    what = f"{kept.path}: exists, left unchanged"
    return Action(f"{what}; add by hand:" if kept.lacks else what, details=(kept.lacks,) if kept.lacks else ())


def _prefix(hub: Hub, given: str | None) -> str:
    """Return what the image's name begins with: as the user gave it, else for the remote's owner on GitHub."""
    hint = f"use: {DOOR} init --prefix us-central1-docker.pkg.dev/PROJECT/REPOSITORY/"
    if given is not None:
        prefix = given if given.endswith(("/", "-")) else f"{given}/"
        if not is_name(f"{prefix}hub"):
            raise Unusable(f"{given!r} is no beginning of an image's name", where="--prefix", hint=hint)
        return prefix
    remote = read_remote(upstream_address(hub.git, hub.settings))
    if remote is not None and remote.host == "github.com":
        return f"ghcr.io/{remote.path.split('/')[0].lower()}/"
    raise Unusable("cannot tell where to push the image", where="git remote", hint=hint)
