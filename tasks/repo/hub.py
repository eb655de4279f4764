"""A hub repository: its chart, requirement, hub images and values."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ..core.faults import CLI, Refused, Unusable, did_you_mean
from ..core.names import Reference
from ..core.problems import Code
from ..core.safe_files import clear_away
from ..core.settings import FILE, Settings, ValuesTarget, how_to_correct, is_accepted
from ..releases.index import Index, Release, pinned_release, release_with_image
from ..releases.versions import allows, is_range, parse_version
from ..tools.git import INDEX, Git
from .charts import CHART_FILES, CHARTPRESS_KEYS, JUPYTERHUBS, LOCKS, ImageSpec, Requirement, address_of, requirements
from .dockerfile import BaseImage
from .files import (
    SUFFIX,
    Committed,
    Edited,
    FileEdit,
    Files,
    Listing,
    Switched,
    WorkingTree,
    behind_links,
    folder_of,
    is_below,
    is_glob,
    join,
    read_all,
    require,
    require_named,
)
from .layout import CHARTPRESS_FILE, Contents, Layout, find_layout, how_to_name, no_hub_image
from .pins import BasePin, Dependency, Lock, Marker, Pin, copies, misspelt_marks, named_pins
from .values import PinnedImage, ValuesPlace, named_at


def layout_warnings(hub: Hub, built: Collection[str]) -> Iterator[str]:
    """Yield warnings about the repository's files: what has no effect, and images that are not ``built``."""
    yield from (f"{where}: {what}; {hint}" for where, what, hint in without_effect(hub))
    for spec in hub.layout.chart.images:
        if spec.key in hub.other_images and spec.key not in built:
            dockerfile = join(hub.layout.root, spec.dockerfile)
            there = hub.files.read(dockerfile) is not None
            why = "no FROM inherits from z2jh's hub image" if there else "no such file"
            yield f"{spec.key} is skipped ({dockerfile}: {why})"
    for image, file in ((one, place.file) for one in hub.images for place in hub.values_places(one)):
        if is_below(file, hub.paths_of(image)):
            yield (
                f"{image.spec.key}: its files hold {file}, so each build gives it a new tag; chartpress has "
                f"rebuildOnContextPathChanges: false and paths for that, in {hub.layout.file}"
            )


def without_effect(hub: Hub) -> Iterator[tuple[str, str, str]]:
    """Yield place, message and hint for keys that chartpress ignores, useless patterns and misspelt markers."""
    for key in hub.layout.chart.ignored:
        last = key.rpartition(".")[2]
        hint = did_you_mean(last, CHARTPRESS_KEYS, "remove it")
        if last in CHARTPRESS_KEYS:
            hint = f"move {last} to where chartpress reads it, of a chart or an image"
        yield hub.layout.file, f"{key} is not a chartpress key, and is ignored", hint
    matching, correct = hub.listing.matching, f"correct it in {FILE}, or remove the entry"
    for pattern in (pattern for pattern in matching if is_glob(pattern) and not matching[pattern]):
        yield FILE, f"no committed file matches {pattern}", correct
    for target in (one for one in hub.settings.values if is_glob(one.file) and matching[one.file]):
        if not any(place.path == target.path and place.file in matching[target.file] for place in hub.places):
            yield FILE, f"no file of {target.file} names a hub image at {target.path}", correct
    yield from misspelt_marks(hub.files, hub.listing.telling, hub.requirement.name)


class HubImage(NamedTuple):
    """An image of the chart based on z2jh's hub image; ``dockerfile`` is relative to the top."""

    spec: ImageSpec
    dockerfile: str
    base: BaseImage


@dataclass(frozen=True, eq=False)
class Hub(Contents):
    """A hub repository, as it is or as a plan will leave it.

    Attributes:
        files: its files now, or after planned edits.
        listing: its files by git.
        committed: its files in HEAD, or in planned commits.
        pending: the files in planned commits.
        index: the Helm repository's index, if this run has read it.
    """

    committed: Files
    planned_branch: str | None = None
    pending: frozenset[str] = frozenset()
    index: Index | None = None

    def edited(self, edits: Sequence[FileEdit]) -> Hub:
        """Return the repository after ``edits``."""
        return self.holding({edit.path: edit.after for edit in edits if edit.changes})

    def with_commit(self, branch: str, paths: Sequence[str]) -> Hub:
        """Return the repository after a commit of ``paths`` on ``branch``."""
        return replace(self, committed=self.files, planned_branch=branch, pending=self.pending | set(paths))

    def as_if_committed(self) -> Hub:
        """Return the repository as if its managed files were committed."""
        return self.with_commit("", self.changed)

    def holding(self, known: Mapping[str, bytes | None]) -> Hub:
        """Return the repository with these bytes of files, by path; None leaves a file as it is."""
        return replace(self, files=Edited(self.files, known))

    def again(self) -> Hub:
        """Return the repository, read again."""
        return replace(open_hub(self.settings, replace(self.git)), index=self.index)

    @property
    def branch(self) -> str | None:
        """The current branch, or that of a planned commit; None if HEAD is detached."""
        return self.planned_branch or self.git.start.branch

    @cached_property
    def layout(self) -> Layout:
        """Where the chart and its images are."""
        return find_layout(self)

    @cached_property
    def requirement_file(self) -> str:
        """The file that pins the release, with links resolved; without a chart, the Dockerfile."""
        folder = self.layout.folder
        return self.images[0].dockerfile if folder is None else self.dependencies_of(folder)

    @cached_property
    def requirements(self) -> tuple[Requirement, ...]:
        """The chart's dependencies on Zero to JupyterHub: several if it has aliases, none without a chart."""
        if self.layout.folder is None:
            return ()
        entries = requirements(self.require(self.requirement_file), self.requirement_file)
        return tuple(one for one in entries if one.name == self.settings.dependency)

    @cached_property
    def requirement(self) -> Requirement:
        """The first of ``requirements``; without a chart, one with the base image's version."""
        if self.requirements:
            return self.requirements[0]
        base = self.images[0].base
        tag, digest = base.reference.tag, "@sha256:…" if base.reference.digest else ""
        if tag is None or parse_version(tag) is None:
            raise Unusable(
                f"FROM {base.text} does not name a release",
                where=f"{self.requirement_file}:{base.line}",
                hint=f"write the release that is deployed there: FROM {base.reference.name}:VERSION{digest}",
            )
        name = self.settings.dependency
        return Requirement(name, tag, JUPYTERHUBS, key=name, line=base.line)

    @cached_property
    def version(self) -> str:
        """The current release, without a ``v``; for a range, the version of the lock or the base image."""
        pinned = self.resolved_version
        if not is_range(pinned):
            exact = pinned.lstrip("= ")
            return exact.removeprefix("v") if parse_version(exact) else pinned
        bases = (image.base.reference.tag for image in self.images)
        return next((tag for tag in bases if tag and allows(pinned, tag)), pinned)

    @cached_property
    def resolved_version(self) -> str:
        """The version that Helm installs: the requirement, or for a range the version in the lock."""
        pinned = self.requirement.version
        own = (pin for pin in self.pins if isinstance(pin, Lock) and not pin.chart.accepted_as)
        locked = (lock.read(self.files).text for lock in own if is_range(pinned))
        return next((text for text in locked if allows(pinned, text)), pinned)

    @property
    def helm_repository(self) -> str:
        """The address of the dependency's Helm repository."""
        return address_of(self.settings, self.requirement, self.requirement_file)

    def release_in(self, index: Index) -> Release | None:
        """Return the pinned release, without a chart the one of the base image, or None."""
        found = pinned_release(index, self.resolved_version)
        if found is None and self.layout.folder is None:
            return release_with_image(index, self.requirement.version)
        return found

    def required_in(self, index: Index) -> str:
        """Return the version or range that decides the next release; without a chart, the release of the base image."""
        found = self.release_in(index)
        return self.requirement.version if self.layout.folder is not None or found is None else found.version

    @cached_property
    def pins(self) -> tuple[Pin, ...]:
        """The places of the release that move with it: all except ``held_pins``."""
        return tuple(pin for pin in self._all_pins if pin not in self.held_pins)

    @cached_property
    def held_pins(self) -> tuple[Pin, ...]:
        """The copies and other places that stay, because the setting ``accept`` covers their difference."""
        accepted = self.settings.accept
        known = ((pin, pin.accepted_as) for pin in self._all_pins)
        held = [pin for pin, code in known if code and is_accepted(accepted, code, pin.file)]
        return (*held, *(lock for lock in self._all_pins if isinstance(lock, Lock) and lock.chart in held))

    @cached_property
    def _all_pins(self) -> tuple[Pin, ...]:
        """All places of the release: base images, the requirement and its copies, other places, and lock files last."""
        required = self.requirement
        own = () if self.layout.folder is None else (self.requirement_file,)
        dependencies = [Dependency(file, required.name) for file in own]
        copied = (file for file in self.copies if file not in own)
        dependencies += [Dependency(file, required.name, accepted_as=Code.COPIES) for file in copied]
        marker = Marker(required.name, required.repository or JUPYTERHUBS)
        named = named_pins(self.files, self.listing, self.settings.pins, marker)
        locks = (lock for chart in dependencies for lock in self._locks_of(chart))
        return (*self.base_pins, *dependencies, *named, *locks)

    @property
    def base_pins(self) -> tuple[BasePin, ...]:
        """The places of the base images, in the order of the images."""
        config, chart = self.layout.file, self.layout.chart.name
        return tuple(
            BasePin(one.dockerfile, "", config if one.base.arguments else None, chart, one.spec.key)
            for one in self.images
        )

    @cached_property
    def copies(self) -> tuple[str, ...]:
        """The files with the same dependency as the chart; other charts only if no setting chooses one."""
        others = {self.dependencies_of(join(self.layout.root, chart.path or "")) for chart in self.layout.charts}
        is_chosen = self.settings.chart is not None or self.settings.root is not None
        wholes, own = CHART_FILES if is_chosen else (), {*PurePosixPath(self.layout.file).parents}
        telling = []
        for path in (one for one in self.listing.telling if one not in others):
            folder, _, name = path.rpartition("/")
            # Not if Helm reads requirements.yaml instead, or if it belongs to another hub with its own chartpress.yaml.
            instead = [join(folder, "requirements.yaml")] if name == "Chart.yaml" else []
            instead += [str(one / CHARTPRESS_FILE) for one in PurePosixPath(path).parents if one not in own]
            if name not in wholes and not any(self.files.read(one) is not None for one in instead):
                telling.append(path)
        return tuple(copies(self.files, telling, self.requirement.name, self.requirement.repository))

    def _locks_of(self, chart: Dependency) -> Iterator[Lock]:
        """Yield the committed lock files of a chart; Helm reads either."""
        own = None if chart.accepted_as else self.layout.folder
        folder = own or folder_of(chart.file)
        for lock in LOCKS if own or PurePosixPath(chart.file).name in CHART_FILES else ():
            path = behind_links(self.git.folder, join(folder, lock))
            if self.files.read(path) is not None and self.committed.read(path) is not None:
                yield Lock(path, chart.name, chart, folder)

    @property
    def registries(self) -> tuple[str, ...]:
        """The hosts of the images' registries."""
        return tuple(dict.fromkeys(Reference(image.spec.name).host for image in self.images))

    @cached_property
    def images(self) -> tuple[HubImage, ...]:
        """The chart's images based on z2jh's hub image, limited by the setting ``images``."""
        if not self._hub_images:
            raise no_hub_image(self, self.layout)
        return self._select(self._hub_images, self.settings.image_keys)

    @cached_property
    def other_images(self) -> tuple[str, ...]:
        """The keys of the chart's other images: not based on z2jh's hub image, or without a Dockerfile."""
        hub_keys = {image.spec.key for image in self._hub_images}
        return tuple(spec.key for spec in self.layout.chart.images if spec.key not in hub_keys)

    @property
    def values_file(self) -> str | None:
        """The chart's values.yaml, relative to the repository's top, or None without a chart."""
        return None if self.layout.folder is None else join(self.layout.folder, "values.yaml")

    def paths_of(self, image: HubImage) -> list[str]:
        """Return the paths whose last commit decides the tag of ``image``, relative to the repository's top."""
        return [join(self.layout.root, path) for path in image.spec.paths]

    def values_places(self, image: HubImage) -> Sequence[ValuesPlace]:
        """Return the places that ``image`` is written to: chartpress's, then those of the setting ``values``."""
        return [place for place, owner in self._owners.items() if place.image == owner == image.spec.key]

    @property
    def places(self) -> tuple[ValuesPlace, ...]:
        """The places of all ``images``."""
        return tuple(place for image in self.images for place in self.values_places(image))

    def pinned(self, image: HubImage) -> dict[ValuesPlace, PinnedImage]:
        """Return the pinned image at each place of ``image``; raise Unusable if one cannot be read."""
        return {place: place.read(self.files) for place in self.values_places(image)}

    @cached_property
    def spare_images(self) -> Mapping[str, ValuesPlace]:
        """The images that are built only on request, because the values name another image at each of their places.

        Each has one of these places, with the other image.
        """
        spare: dict[str, ValuesPlace] = {}
        written = {place.image for place in self.places}
        for place, owner in {} if self.settings.image_keys else self._owners.items():
            if place.image not in written:
                spare.setdefault(place.image, place._replace(image=owner))
        return spare

    @property
    def usual_images(self) -> tuple[HubImage, ...]:
        """The images that are built by default."""
        return tuple(image for image in self.images if image.spec.key not in self.spare_images)

    @cached_property
    def _owners(self) -> Mapping[ValuesPlace, str]:
        """Each image's places, with the owner's key: its own, or for a shared place that of the image named there."""
        images = [image.spec for image in self.images]
        own = behind_links(self.git.folder, self.values_file) if self.values_file else ""
        claims: dict[tuple[str, str], dict[str, ImageSpec]] = {}
        for image, path in ((one, path) for one in images for path in one.values_paths if own):
            claims.setdefault((own, path), {})[image.key] = image
        for target in self.settings.values:
            for file in (behind_links(self.git.folder, file) for file in self.files_of(target)):
                claimed = _claimed(self, target, file, images)
                claims.setdefault((file, target.path), {}).update((image.key, image) for image in claimed)
        owners: dict[ValuesPlace, str] = {}
        for (file, path), some in claims.items():
            named = named_at(self.files, file, path) if len(some) > 1 else None
            fitting = (key for key, image in some.items() if named and named.same_repository(Reference(image.name)))
            owner = next(fitting, None)
            owners |= {ValuesPlace(file, path, key): owner or key for key in some}
        return owners

    def files_of(self, target: ValuesTarget) -> tuple[str, ...]:
        """Return the files of an entry of ``hub.values``; raise Unusable if its file or image does not exist."""
        keys = [image.key for image in self.layout.chart.images]
        if target.image not in (None, *keys):
            hint = did_you_mean(str(target.image), keys, f"the images here are: {', '.join(keys)}")
            raise Unusable(f"hub.values names the image {target.image!r}, which is not one here", where=FILE, hint=hint)
        files = self.listing.matching[target.file]
        if not is_glob(target.file):
            require_named(self.files, self.listing, files[0], "hub.values", "values file")
        return files

    @property
    def managed(self) -> tuple[str, ...]:
        """The files that bump and build write, relative to the repository's top, without duplicates."""
        pinning = (file for pin in self.pins for file in pin.files)
        return tuple(dict.fromkeys((*pinning, *(place.file for place in self.places))))

    @property
    def changed(self) -> tuple[str, ...]:
        """The managed files with uncommitted changes."""
        committed = read_all(self.committed, self.managed)
        same = self.git.same_to_git
        return tuple(path for path, data in committed.items() if not same(path, self.files.read(path), data))

    def _select(self, images: Sequence[HubImage], names: Sequence[str]) -> tuple[HubImage, ...]:
        """Return the ``images`` with these ``names``, keys or full names; all if there are no names."""
        known = {name: image for image in images for name in (image.spec.key, image.spec.named)}
        unknown = [name for name in names if name not in known]
        if unknown:
            all_keys = ", ".join(image.spec.key for image in images)
            hint = did_you_mean(unknown[0], filter(None, known), f"the hub images here are: {all_keys}")
            raise Unusable(f"{unknown[0]!r} is not a hub image here", where=self.layout.file, hint=hint)
        return tuple(known[name] for name in dict.fromkeys(names)) if names else tuple(images)

    def to_build(self, names: Sequence[str]) -> tuple[HubImage, ...]:
        """Return the images called ``names``, by default ``usual_images``.

        Raises Refused if two of them share a place, and Unusable if an image's context contains its own values, because
        each build would then change the tag.
        """
        chosen = self._select(self.images, names) if names else self.usual_images
        taken: dict[tuple[str, str], ImageSpec] = {}
        for image, place in ((one, place) for one in chosen for place in self.values_places(one)):
            first = taken.setdefault((place.file, place.path), image.spec)
            if first is not image.spec:
                raise Refused(
                    f"{first.key} and {place.image} share {place.path}, which names neither of them",
                    where=place.file,
                    hint=f"write the one to use there: name: {first.name}; or build that one: --image {first.key}",
                )
            if not self.layout.charts and is_below(place.file, self.paths_of(image)):
                file, context, dockerfile = place.file, image.spec.context, image.dockerfile
                hint = how_to_name(self, image.spec, self.chart_in(self.layout.folder))
                if is_below(file, self.copied_paths(dockerfile, context)):
                    hint = f"the Dockerfile copies it too: copy other files one by one, or move {file} elsewhere"
                what = f"the build context of {dockerfile} holds {file}, so each build would give the image a new tag"
                raise Unusable(what, where=context, hint=hint)
        return chosen

    def pushing(self, task: str) -> str:
        """Return the hint to push images by ``task``, with what the setting ``push`` needs for that."""
        allow = how_to_correct("push", f"remove hub.push from {FILE}")
        return f"{CLI} {task}" if self.settings.push else f"{allow}, then {CLI} {task}"

    def require(self, path: str) -> bytes:
        """Return the bytes of ``path``; raise Unusable if it does not exist."""
        return require(self.files, path)

    @cached_property
    def _hub_images(self) -> tuple[HubImage, ...]:
        root, top = self.layout.root, self.git.folder
        placed = ((spec, behind_links(top, join(root, spec.dockerfile))) for spec in self.layout.chart.images)
        found = ((spec, file, self.base_of(file, spec)) for spec, file in placed)
        return tuple(HubImage(spec, file, base) for spec, file, base in found if base is not None)


def _claimed(hub: Hub, target: ValuesTarget, file: str, images: Sequence[ImageSpec]) -> list[ImageSpec]:
    """Return those of ``images`` that belong to a place in the setting: the one that is named there.

    A place without a pattern that names no image of the chart belongs to all images that the setting allows.
    """
    data, pattern = hub.files.read(file) or b"", is_glob(target.file)
    words = [Reference(image.named).written_path.encode() for image in images if image.named]
    # Most files of a pattern name other images, and take long to parse.
    if pattern and not any(word in data for word in words):
        return []
    named = named_at(hub.files, file, target.path)
    ours = [one for one in hub.layout.chart.images if named and named.same_repository(Reference(one.name))]
    is_free = not pattern and (target.image is not None or not ours)
    return [one for one in images if target.image in (None, one.key) and (is_free or one in ours)]


def open_hub(settings: Settings, git: Git, moved: Collection[str] = ()) -> Hub:
    """Return the hub repository of the clone ``git`` as it is now, with the files ``moved`` as in HEAD."""
    if not (git.clone.git_dir / "index").exists() and git.start.commit:
        raise Refused("no file of the clone is checked out", where=git.folder, hint="git checkout")
    committed, listing = Committed(git), Listing.of(git, settings)
    # Git does not watch them in a planned switch.
    listing = listing._replace(unwatched=listing.unwatched.difference(moved))
    there = Switched(WorkingTree(git.folder), Committed(git, INDEX), listing.absent)
    return Hub(git, settings, Switched(there, committed, moved), listing, committed)


def open_hub_around(inside: Path, settings_in: Callable[[Path], Settings]) -> Hub:
    """Return the hub repository that contains ``inside``; ``settings_in`` reads the settings for its top folder."""
    git = Git.around(inside)
    return open_hub(settings_in(git.folder), git)


def sweep(git: Git) -> None:
    """Remove what killed runs have left, as far as possible; no other run may use the clone meanwhile."""
    clear_away()
    # tempfile puts eight characters before its suffix.
    for path in git.names("ls-files", "--others", "-z", "--", f":(top,glob)**/.*.????????{SUFFIX}"):
        file = git.folder / path
        if not file.is_symlink():
            with contextlib.suppress(OSError):
                file.unlink()
