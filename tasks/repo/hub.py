"""Where things stand in a hub repository: the chart, its requirement, the hub images, their values.

Nothing is configured twice: chartpress.yaml names the images, the chart's own files name the dependency. What two
candidates leave open is asked for by the setting's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ..core.faults import DOOR, Unusable
from ..core.names import Reference
from ..core.settings import Settings, ValuesTarget
from ..releases.index import Index
from ..releases.repository import HelmRepository
from ..releases.versions import allows, is_range, parse_version
from ..tools.git import Git
from .chart import CHART_FILES, LOCKS, Requirement, requirements
from .chartpress import ChartpressConfig, ChartSpec, ImageSpec, read_chartpress
from .dockerfile import BaseImage, hub_base
from .files import Committed, Edited, FileEdit, Files, WorkingTree, behind_links, join, read_all, require
from .pins import (
    NOTHING_FOUND,
    BasePin,
    Dependency,
    Kind,
    KnownFiles,
    Lock,
    Marker,
    Pin,
    copies,
    find_files,
    is_glob,
    named_pins,
    values_of,
)
from .values import image_at
from .values import warnings as values_warnings

_HELMS_OWN = ("@", "alias:", "oci:")
CHARTPRESS_FILE = "chartpress.yaml"
_BINDERHUB = "binderhub"
JUPYTERHUBS = "https://hub.jupyter.org/helm-chart/"


def helm_repository(hub: Hub) -> str:
    """Return the address of the dependency's Helm repository: the setting's, else the requirement's own.

    Raises:
        Unusable: the requirement has none, or one without an index: a name from helm's own configuration
            (``@name``, ``alias:name``) or an OCI registry (https://helm.sh/docs/helm/helm_dependency/).
    """
    if hub.settings.chart_repository:
        return hub.settings.chart_repository
    address = hub.requirement.repository
    if address and not address.startswith(_HELMS_OWN):
        return address
    raise Unusable(
        f"the requirement names {address or 'no Helm repository'}, which has no index to read",
        where=f"{hub.requirement_file}:{hub.requirement.line}",
        hint=f"name one that has, in invoke.yaml: hub: {{chart_repository: {JUPYTERHUBS}}}",
    )


def open_repository(hub: Hub) -> HelmRepository:
    """Return the dependency's Helm repository.

    An address that the setting names was asked for by the user, the requirement's own was not.

    Raises:
        Unusable: as :func:`helm_repository`, or its address is none.
        Refused: the requirement names plain http to another machine.
    """
    asked = hub.settings.chart_repository is not None
    return HelmRepository(helm_repository(hub), hub.settings.fetched, hub.requirement.name, asked=asked)


def layout_warnings(hub: Hub) -> Iterator[str]:
    """Yield what people should know of the repository's files: ignored keys, images left alone, doubled keys."""
    for key in hub.config.unknown_keys:
        yield f"{hub.config_file}: {key} is no key of chartpress's, and is ignored"
    for spec in hub.chart.images:
        if spec.key in hub.other_images:
            dockerfile = join(hub.root, spec.dockerfile)
            there = hub.files.read(dockerfile) is not None
            why = "no FROM inherits from z2jh's hub image" if there else "there is no such file"
            yield f"{spec.key} is left alone ({dockerfile}: {why})"
    for file in dict.fromkeys(place.file for image in hub.images for place in hub.values_places(image)):
        data = hub.files.read(file)
        if data is not None:
            yield from values_warnings(data, file)


def no_single_root(top: Path, roots: Sequence[str], fitting: Sequence[str]) -> Unusable:
    """Return the fault of a repository with none or several ``roots``, of which not exactly one is ``fitting``."""
    if not roots:
        return Unusable(
            "there is no chartpress.yaml in this repository",
            where=top,
            hint=f"name the hub repository (--repo PATH), or give a chart its hub image: {DOOR} init",
        )
    candidates = fitting or roots
    return Unusable(
        f"there are several chartpress.yaml: {', '.join(candidates)}",
        where=top,
        hint=f"say which in invoke.yaml: hub: {{root: {candidates[0]}}}",
    )


def no_dependency(hub: Hub, charts: Sequence[ChartSpec]) -> Unusable:
    """Return the fault of ``charts`` none of which depends on z2jh itself."""
    wanted = hub.settings.dependency
    for chart in charts:
        brought = hub.requirement_of(chart, _BINDERHUB)
        if brought is None:
            continue
        return Unusable(
            f"the chart {chart.name} gets {wanted} through {_BINDERHUB}, which pins it",
            where=hub.requirement_file_of(chart),
            hint=f"move {_BINDERHUB} instead, by hand; a release's own {wanted}: "
            f"helm show chart {_BINDERHUB} --repo {brought.repository} --version {brought.version}",
        )
    return Unusable(
        f"no chart depends on {wanted}",
        where=hub.requirement_file_of(charts[0]) if len(charts) == 1 else hub.config_file,
        hint=f"add {wanted} to the chart's dependencies, with version and repository",
    )


def no_hub_image(hub: Hub) -> Unusable:
    """Return the fault of a chart none of whose images inherits from z2jh's hub image."""
    dockerfiles = [join(hub.root, spec.dockerfile) for spec in hub.chart.images]
    there = [path for path in dockerfiles if hub.files.read(path) is not None]
    return Unusable(
        "no FROM inherits from z2jh's hub image" if there else "there is no Dockerfile of a hub image",
        where=", ".join(there or dockerfiles) or hub.config_file,
        hint="write FROM quay.io/jupyterhub/k8s-hub:VERSION, the version being the one in "
        f"{hub.requirement_file_of(hub.chart)}",
    )


class HubImage(NamedTuple):
    """An image of the chart that inherits from z2jh's hub image; ``dockerfile`` is relative to the top."""

    spec: ImageSpec
    dockerfile: str
    base: BaseImage


class ValuesPlace(NamedTuple):
    """A place of an image's name and tag: the values file, the dotted path in it, the image's key."""

    file: str
    path: str
    image: str


@dataclass(frozen=True, eq=False)
class Hub:
    """A hub repository, as it is or as a plan will leave it.

    Attributes:
        git: the clone, at its top.
        settings: this run's settings.
        files: its files now, or as planned edits will leave them.
        committed: its files in HEAD, or as planned commits will leave them.
        planned_branch: the branch that a planned commit is on, or None.
        pending: the files in planned commits.
        index: the Helm repository's index if this run has read it.
        roots: the folders, relative to the top, that may hold the hub's chartpress.yaml.
        found: the files that git knows, as far as places of the release or of an image may be in them.
    """

    git: Git
    settings: Settings
    files: Files
    committed: Files
    planned_branch: str | None = None
    pending: frozenset[str] = frozenset()
    index: Index | None = None
    roots: tuple[str, ...] = ("",)
    found: KnownFiles = NOTHING_FOUND

    # -- where it is, and where it will be

    def edited(self, edits: Sequence[FileEdit]) -> Hub:
        """Return the repository as ``edits`` will leave it."""
        return replace(self, files=Edited(self.files, {edit.path: edit.after for edit in edits}))

    def with_commit(self, branch: str, paths: Sequence[str]) -> Hub:
        """Return the repository as a commit of ``paths`` on ``branch`` will leave it."""
        return replace(self, committed=self.files, planned_branch=branch, pending=self.pending | set(paths))

    def with_index(self, index: Index | None) -> Hub:
        """Return the repository with what its Helm repository said, for those who ask later in the run."""
        return replace(self, index=index)

    def as_committed(self) -> Hub:
        """Return the repository with HEAD's files in place of the working tree's."""
        return replace(self, files=self.committed)

    def on(self, commit: str) -> Hub:
        """Return the repository with ``commit`` in place of the planned one."""
        return replace(self, committed=Committed(self.git, commit))

    def holding(self, known: Mapping[str, bytes | None]) -> Hub:
        """Return the repository with these bytes of files, by path, in place of the planned ones."""
        return replace(self, files=Edited(self.files, {path: data for path, data in known.items() if data is not None}))

    def again(self) -> Hub:
        """Return the repository as it is now."""
        return open_hub(self.settings, self.git).with_index(self.index)

    @cached_property
    def branch(self) -> str | None:
        """The current branch, or the one that a planned commit is on; None on a detached HEAD."""
        return self.planned_branch or self.git.branch()

    # -- what chartpress.yaml says

    @cached_property
    def root(self) -> str:
        """The folder of chartpress.yaml relative to the repository's top; empty for the top itself."""
        fitting = [root for root in self.roots if len(self.roots) == 1 or self._fits(root)]
        if len(fitting) != 1:
            raise no_single_root(self.git.folder, self.roots, fitting)
        return fitting[0]

    @cached_property
    def config_file(self) -> str:
        """chartpress.yaml, relative to the repository's top."""
        return join(self.root, CHARTPRESS_FILE)

    @cached_property
    def config(self) -> ChartpressConfig:
        """What chartpress.yaml says."""
        return read_chartpress(self.require(self.config_file), self.config_file)

    @cached_property
    def chart(self) -> ChartSpec:
        """The chart that depends on Zero to JupyterHub.

        Raises:
            Unusable: no chart does, or several do and no setting says which.
        """
        wanted = self.settings.chart
        if wanted is not None:
            return self._chart_named(wanted)
        found = [chart for chart in self.config.charts if self.requirement_of(chart)]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(chart.name for chart in found)
            raise Unusable(
                f"several charts depend on {self.settings.dependency}: {names}",
                where=self.config_file,
                hint=f"say which in invoke.yaml: hub: {{chart: {found[0].name}}}",
            )
        raise no_dependency(self, self.config.charts)

    # -- the requirement

    @cached_property
    def requirement_file(self) -> str:
        """The file that names the chart's dependencies, relative to the repository's top."""
        return self.requirement_file_of(self.chart)

    @cached_property
    def requirement(self) -> Requirement:
        """The chart's dependency on Zero to JupyterHub.

        Raises:
            Unusable: the chart has none.
        """
        found = self.requirement_of(self.chart)
        if found is None:
            raise no_dependency(self, (self.chart,))
        return found

    @cached_property
    def version(self) -> str:
        """The release that the repository is on, without a ``v``: a range is at what the lock or the base image has."""
        pinned = self.decided
        if not is_range(pinned):
            return pinned.removeprefix("v") if parse_version(pinned) else pinned
        bases = (image.base.reference.tag for image in self.images)
        return next((tag for tag in bases if tag and allows(pinned, tag)), pinned)

    @cached_property
    def decided(self) -> str:
        """What Helm goes by: the requirement, or the lock where that has one release of a range."""
        pinned = self.requirement.version
        own = (pin for pin in self.pins if isinstance(pin, Lock) and pin.chart.kind is Kind.REQUIREMENT)
        locked = (lock.read(self.files).text for lock in own if is_range(pinned))
        return next((text for text in locked if allows(pinned, text)), pinned)

    @cached_property
    def pins(self) -> tuple[Pin, ...]:
        """Every place of the release: base images, the requirement and its copies, other places, and the locks last.

        Raises:
            Unusable: a place that the settings name is not there.
        """
        required = self.requirement
        kinds = {**dict.fromkeys(self.copies, Kind.COPY), self.requirement_file: Kind.REQUIREMENT}
        # The requirement of an image without a chart is its base image.
        for image in self.images:
            kinds.pop(image.dockerfile, None)
        own_first = sorted(kinds.items(), key=lambda item: item[1] is Kind.COPY)
        dependencies = [Dependency(kind, file, required.name) for file, kind in own_first]
        marker = Marker(required.name, required.repository or JUPYTERHUBS)
        named = named_pins(self.files, self.found, self.settings.pins, marker)
        locks = (lock for chart in dependencies for lock in self._locks_of(chart))
        return (*self.base_pins, *dependencies, *named, *locks)

    @property
    def base_pins(self) -> tuple[BasePin, ...]:
        """The places of the images' base images, in their order."""
        return tuple(
            BasePin(image.dockerfile, self.config_file, self.chart.name, image.spec.key, bool(image.base.arguments))
            for image in self.images
        )

    @cached_property
    def copies(self) -> tuple[str, ...]:
        """The files that list the same dependency as the chart, but for those of charts that chartpress.yaml has.

        Below a chartpress.yaml of its own is another hub's; Helm reads no Chart.yaml beside requirements.yaml.
        """
        others = {self.requirement_file_of(chart) for chart in self.config.charts}
        telling = [path for path in self.found.telling if path not in others and not self._is_no_copy(path)]
        return tuple(copies(self.files, telling, self.requirement.name, self.requirement.repository))

    def _is_no_copy(self, path: str) -> bool:
        folder, _, name = path.rpartition("/")
        if name == "Chart.yaml" and self.files.read(join(folder, "requirements.yaml")) is not None:
            return True
        own = {str(folder) for folder in PurePosixPath(self.config_file).parents}
        folders = (str(folder) for folder in PurePosixPath(path).parents if str(folder) not in own)
        return any(self.files.read(join(folder, CHARTPRESS_FILE)) is not None for folder in folders)

    def _locks_of(self, chart: Dependency) -> Iterator[Lock]:
        """Yield the locks of a chart; Helm reads either.

        One that is not committed, for instance ignored by git, is nobody's business but its machine's.
        """
        is_own = chart.kind is Kind.REQUIREMENT
        folder, _, name = (self.dependencies_at(self.chart) if is_own else chart.file).rpartition("/")
        paths = [behind_links(self.git.folder, join(folder, lock)) for lock in LOCKS if name in CHART_FILES]
        for path in paths:
            if None not in (self.files.read(path), self.committed.read(path)):
                yield Lock(chart, path, folder or ".")

    # -- the images

    @property
    def registries(self) -> tuple[str, ...]:
        """The hosts of the registries that the images belong to."""
        return tuple(dict.fromkeys(Reference(image.spec.name).host for image in self.images))

    @cached_property
    def images(self) -> tuple[HubImage, ...]:
        """The chart's images that inherit from z2jh's hub image, narrowed to the setting ``images`` where it is given.

        Raises:
            Unusable: there is none, or the setting names one that is none.
        """
        found = self._hub_images
        if not found:
            raise no_hub_image(self)
        return self.select(found, self.settings.images)

    @cached_property
    def other_images(self) -> tuple[str, ...]:
        """The keys of the chart's images that do not inherit from z2jh's hub image, or have no Dockerfile."""
        hub_keys = {image.spec.key for image in self._hub_images}
        return tuple(spec.key for spec in self.chart.images if spec.key not in hub_keys)

    @property
    def values_file(self) -> str:
        """The chart's values.yaml, relative to the repository's top."""
        return join(self.root, self.chart.path, "values.yaml")

    def values_places(self, image: HubImage) -> tuple[ValuesPlace, ...]:
        """Return every place that ``image`` is written to: chartpress's, then those of the setting ``values``."""
        spec = image.spec
        own = ((self.values_file, path) for path in spec.values_paths)
        targets = (target for target in self.settings.values if target.image in (None, spec.key))
        more = (
            (file, target.path)
            for target in targets
            for file in self.found.matching.get(target.file, (target.file,))
            if self._is_named_in(file, target, spec)
        )
        places = ((behind_links(self.git.folder, file), path) for file, path in (*own, *more))
        return tuple(ValuesPlace(file, path, spec.key) for file, path in dict.fromkeys(places))

    def _is_named_in(self, file: str, target: ValuesTarget, spec: ImageSpec) -> bool:
        """Whether a file of the setting ``values`` is for this image: it names it.

        A file that is no pattern's is so, too, where it names none of the chart's images.
        """
        data = self.files.read(file)
        if data is None:
            return not is_glob(target.file)
        try:
            named = image_at(data, target.path, file).name
        except Unusable:
            return not is_glob(target.file)
        if named is not None and Reference(named).same_repository(Reference(spec.name)):
            return True
        ours = [Reference(one.name) for one in self.chart.images]
        is_anothers = named is not None and any(Reference(named).same_repository(one) for one in ours)
        return not is_glob(target.file) and (target.image is not None or not is_anothers)

    @property
    def managed(self) -> tuple[str, ...]:
        """The files that bump and build write, relative to the repository's top, without repetition."""
        pinning = (file for pin in self.pins for file in pin.files)
        values = (place.file for image in self._hub_images for place in self.values_places(image))
        return tuple(dict.fromkeys((*pinning, *values)))

    @property
    def changed(self) -> tuple[str, ...]:
        """The managed files that differ from the commit."""
        committed = read_all(self.committed, self.managed)
        return tuple(path for path, data in committed.items() if self.files.read(path) != data)

    def select(self, images: Sequence[HubImage], names: Sequence[str]) -> tuple[HubImage, ...]:
        """Return those of ``images`` that ``names`` give by key or by full name; all where there are no names.

        Raises:
            Unusable: a name is none of theirs.
        """
        known = {name: image for image in images for name in (image.spec.key, image.spec.name)}
        unknown = [name for name in names if name not in known]
        if unknown:
            raise Unusable(
                f"{unknown[0]} is no image that inherits from z2jh's hub image",
                where=self.config_file,
                hint=f"such images here: {', '.join(image.spec.key for image in images)}",
            )
        return tuple(known[name] for name in dict.fromkeys(names)) if names else tuple(images)

    def require(self, path: str) -> bytes:
        """Return the bytes of ``path``.

        Raises:
            Unusable: there is no such file.
        """
        return require(self.files, path)

    # -- how they are found

    def _fits(self, root: str) -> bool:
        """Whether the chartpress.yaml in ``root`` has the hub's chart; a template of one, which is no YAML, has not."""
        path, wanted = join(root, CHARTPRESS_FILE), self.settings.chart
        try:
            charts = read_chartpress(self.files.read(path) or b"", path).charts
            if wanted is not None:
                return any(chart.name == wanted for chart in charts)
            return sum(1 for chart in charts if self._requirement_in(join(root, chart.path))) == 1
        except Unusable:
            return False

    def _chart_named(self, name: str) -> ChartSpec:
        found = [chart for chart in self.config.charts if chart.name == name]
        if not found:
            names = ", ".join(chart.name for chart in self.config.charts)
            raise Unusable(f"there is no chart {name}", where=self.config_file, hint=f"its charts: {names}")
        return found[0]

    def requirement_file_of(self, chart: ChartSpec) -> str:
        """Return the file with the chart's dependencies: where symbolic links lead to, what git knows it by."""
        return behind_links(self.git.folder, self.dependencies_at(chart))

    def dependencies_at(self, chart: ChartSpec) -> str:
        """Return where Helm looks for the chart's dependencies.

        It reads them from Chart.yaml (apiVersion v2), and from requirements.yaml for older charts
        (https://helm.sh/docs/topics/charts/#chart-dependencies).
        """
        return self._dependencies_in(join(self.root, chart.path))

    def requirement_of(self, chart: ChartSpec, name: str | None = None) -> Requirement | None:
        """Return the chart's dependency called ``name`` (default: the setting's), or None."""
        return self._requirement_in(join(self.root, chart.path), name)

    def _dependencies_in(self, folder: str) -> str:
        older = join(folder, "requirements.yaml")
        return older if self.files.read(older) is not None else join(folder, "Chart.yaml")

    def _requirement_in(self, folder: str, name: str | None = None) -> Requirement | None:
        path = behind_links(self.git.folder, self._dependencies_in(folder))
        data = self.files.read(path)
        if data is None:
            return None
        wanted = name or self.settings.dependency
        return next((one for one in requirements(data, path) if one.name == wanted), None)

    @cached_property
    def _hub_images(self) -> tuple[HubImage, ...]:
        return tuple(image for image in map(self._hub_image, self.chart.images) if image is not None)

    def _hub_image(self, spec: ImageSpec) -> HubImage | None:
        dockerfile = behind_links(self.git.folder, join(self.root, spec.dockerfile))
        data = self.files.read(dockerfile)
        base = None if data is None else hub_base(data, dockerfile, values_of(spec.arguments))
        return None if base is None else HubImage(spec, dockerfile, base)


def open_hub(settings: Settings, git: Git) -> Hub:
    """Return the hub repository whose clone is ``git``, as it is now."""
    if settings.root is not None:
        root = join(settings.root.strip("/"))
        roots = ["" if root == "." else root]
    elif (git.folder / CHARTPRESS_FILE).exists():
        roots = [""]
    else:
        listed = git.names("ls-files", "-z", "--", f":(glob)**/{CHARTPRESS_FILE}")
        roots = [path.rpartition("/")[0] for path in listed]
    patterns = [*(target.file for target in settings.values), *(target.file for target in settings.pins)]
    found = find_files(git, patterns)
    return Hub(git, settings, WorkingTree(git.folder), Committed(git), roots=tuple(roots), found=found)


def open_hub_around(inside: Path, settings_in: Callable[[Path], Settings]) -> Hub:
    """Return the hub repository that the folder ``inside`` lies in; ``settings_in`` reads those of its top folder."""
    git = Git.around(inside)
    return open_hub(settings_in(git.folder), git)
