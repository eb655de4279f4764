"""The move to a z2jh release: its plan, what it moves, the upgrades that it crosses, and its commit message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import NamedTuple, TypeAlias

from ..core import output
from ..core.faults import Fault, Refused, Unreachable
from ..core.names import Reference
from ..core.options import BumpOptions
from ..core.plan import Step
from ..core.settings import CHART
from ..core.visible import one_line
from ..core.yaml_tree import Data, Leaf, load_file, walk
from ..releases.index import Choice, Release, choose
from ..releases.notes import Note, Upgrade, guide_links, release_links, security_fixes, security_news, upgrades_between
from ..releases.repository import HelmRepository
from ..releases.versions import allows, is_range, respelled
from ..repo.charts import require_movable
from ..repo.deployments import chart_values, other_charts, require_own_release, staying_installations
from ..repo.edits import moving_action, release_edits
from ..repo.files import files_with
from ..repo.hub import Hub
from ..repo.pins import Pin
from ..repo.values import ValuesPlace
from ..tools.git import head_fact
from ..tools.registry import inspect_all

NOTHING = "(none)"
JUPYTERHUB, KUBERNETES = "JupyterHub", "minimum Kubernetes"
_SLIM = "-slim"
_MOST_SHOWN = 10
_ALL = "**"


class Move(NamedTuple):
    """A version, tag or image name that moved in a file; ``before`` is None if it is new there."""

    what: str
    before: str | None
    after: str
    file: str

    def __str__(self) -> str:
        return f"- {self.what}: {self.before or NOTHING} -> {self.after} ({self.file})"


class Changes(NamedTuple):
    """What moved: the release and its other pins, the Dockerfiles' base images, and the images in values files.

    ``is_whole`` is whether everything known to deploy the release has moved.
    """

    release: Move | None
    bases: tuple[Move, ...]
    images: tuple[Move, ...]
    pins: tuple[Move, ...] = ()
    is_whole: bool = True

    @property
    def moves(self) -> tuple[Move, ...]:
        """All moves, the release first; without the release if only a base image pins it."""
        bases = {move.file for move in self.bases}
        release = (self.release,) if self.release and self.release.file not in bases else ()
        return (*release, *self.bases, *self.pins, *self.images)

    @property
    def subject(self) -> str:
        """The first line of the commit's message."""
        if self.release and (self.is_whole or not self.bases):
            start = f" from {self.release.before}" if self.release.before else ""
            return f"Move z2jh{start} to {self.release.after}"
        if self.bases:
            return f"Build the hub image on {self.bases[0].after.rpartition('/')[2]}"
        if self.images:
            return f"Use hub image {self.images[0].after.rpartition(':')[2]}"
        return "Update the files that hubpress manages"


def plan_bump(hub: Hub, options: BumpOptions) -> tuple[Step, Hub]:
    """Plan the move to a release; return the step, and the repository as it will leave it.

    Requirement and base image come from one lookup in the index: no tag is derived from the chart's version.
    """
    relies = (head_fact(hub.git, hub.branch),)
    current = {pin: pin.read(hub.files).text for pin in hub.pins}
    require_movable(hub.requirement, hub.requirement_file)
    if options.to is None:
        require_own_release(hub)
    repository = HelmRepository.of(hub.settings, hub.helm_repository)
    with output.waiting(f"asking {hub.helm_repository}"):
        index = hub.index or repository.index()
    required = hub.required_in(index)
    before = hub.version if hub.layout.folder is not None else required
    choice = choose(index, required, to=options.to, pre=options.pre, dev=options.dev, major=options.major)
    release, newer = choice.release, choice.newer_major
    released = repository.base_image(release)
    bases = [_base_after(image.base.reference, released, hub.settings.base) for image in hub.images]
    moved: dict[Pin, str] = dict(zip(hub.base_pins, map(str, bases), strict=True))
    edits = release_edits(
        hub, {pin: moved.get(pin) or respelled(text, release.version, index) for pin, text in current.items()}
    )
    why = f"{release.version} is {choice.reason}"
    image, base = hub.images[0], bases[0]
    fixes = security_fixes(hub.version, release.version)
    moves = (("z2jh", _move(before, release.version)), *_moves(hub, bases, index.find(before), release))
    hub_after = replace(hub.edited(edits), index=index)
    step = Step(
        "bump",
        actions=(moving_action(hub, edits, why, relies),),
        report=lambda _: {
            "chart": {
                "name": hub.requirement.name,
                "before": before,
                "after": release.version,
                "app_version": release.app_version,
                "repository": hub.helm_repository,
            },
            "base": {"image_before": str(image.base.reference), "image_after": str(base)},
            "files": [edit.path for edit in edits if edit.changes],
            "newer_major": newer.version if newer else None,
            "notes": list(release_links(release)),
        },
        summary=lambda _: [f"{edit.path}: {edit.summary if edit.changes else 'unchanged'}" for edit in edits],
        warnings=lambda: _warnings(hub, hub_after, choice, repository, is_safer=bool(fixes)),
        moves=(*moves, *(("security", fix) for fix in fixes)) if any(edit.changes for edit in edits) else (),
    )
    return step, hub_after


def commit_message(hub: Hub) -> str:
    """Return the commit message for what moved since HEAD: moves, notes and upgrade steps; no server is asked."""
    moved = changes_between(replace(hub, files=hub.committed), hub)
    lines = [moved.subject, "", *map(str, moved.moves)]
    if moved.release is None:
        return "\n".join(lines)
    before, after = moved.release.before, moved.release.after
    old, new = read_releases(hub, before, after, ask=False)
    lines += [f"- {what}: {one_line(_move(*pair))}" for what, pair in release_facts(old, new).items() if pair[1]]
    upgrades = upgrades_here(hub, before, after)
    lines += ["", "Release notes:", *(f"- {link}" for link in (*release_links(new), *guide_links(upgrades)))]
    paragraph = [*security_news(before, after), *upgrade_paragraph(upgrades)]
    return "\n".join([*lines, "", *paragraph] if paragraph else lines)


def changes_between(before: Hub, after: Hub) -> Changes:
    """Return what moved between two states of the hub repository."""
    name, version = after.requirement.name, after.version
    release = Move(f"chart requirement {name}", version_of(before), version, after.requirement_file)
    return Changes(
        release if release.before != release.after else None,
        _moves_at(before, after, [("base image", pin) for pin in after.base_pins]),
        _moves_at(before, after, [(f"hub image ({place.path})", place) for place in after.places]),
        _moves_at(before, after, [(f"chart {name}", pin) for pin in after.pins if pin.accepted_as]),
        not any(one.version != version for one in staying_installations(after)),
    )


def version_of(hub: Hub) -> str | None:
    """Return the release that the repository is on, or None if its files cannot be read."""
    with suppress(Fault):
        return hub.version
    return None


def _moves_at(before: Hub, after: Hub, places: Iterable[tuple[str, Pin | ValuesPlace]]) -> tuple[Move, ...]:
    """Return the moves at ``places``, given with their names, without the duplicates of places that images share."""
    read = ((what, pinned_at(before, place), pinned_at(after, place), place.file) for what, place in places)
    return tuple(dict.fromkeys(Move(what, old, new, file) for what, old, new, file in read if new and old != new))


def read_releases(hub: Hub, before: str | None, after: str, *, ask: bool) -> tuple[Release | None, Release]:
    """Return two releases from the Helm repository's index, without ``ask`` the kept one, else only their versions."""
    releases: Mapping[str, Release] = hub.index or {}
    with suppress(Fault):
        repository = HelmRepository.of(hub.settings, hub.helm_repository)
        releases = releases or (repository.index() if ask else repository.kept_index()) or {}
    old = releases.get(before, Release(before)) if before else None
    return old, releases.get(after, Release(after))


def release_facts(before: Release | None, after: Release) -> dict[str, tuple[str | None, str | None]]:
    """Return JupyterHub's version and the oldest Kubernetes, before and after; None if the index does not have it."""
    return {
        JUPYTERHUB: (before.app_version if before else None, after.app_version),
        KUBERNETES: (before.oldest_kubernetes if before else None, after.oldest_kubernetes),
    }


def pinned_at(hub: Hub, place: Pin | ValuesPlace) -> str | None:
    """Return the text of a place, in values ``name:tag`` or ``name@digest``, or None."""
    with suppress(Fault):
        if not isinstance(place, ValuesPlace):
            return place.read(hub.files).text
        if image := place.read(hub.files).image:
            return str(image._replace(digest=None) if image.tag else image)
    return None


def _base_after(old: Reference, released: Reference, policy: str) -> Reference:
    """Return the base image for a release: a slim variant stays slim, a digest stays one; a new image must exist."""
    name = released.name if policy == CHART else old.name
    if old.path.endswith(_SLIM) and not name.endswith(_SLIM):
        name += _SLIM
    new = Reference(name, released.tag)
    if old.digest is None:
        return new
    is_same = old.tag == new.tag and old.same_repository(new)
    found = inspect_all([new])[new]
    if is_same and (found is None or isinstance(found, Unreachable)):
        return new._replace(digest=old.digest)
    if isinstance(found, Fault):
        raise found
    if found is None or found.digest is None:
        raise Refused("the base image does not exist", where=new, hint=f"docker buildx imagetools inspect {new}")
    return new._replace(digest=old.digest if old.digest in found.digests else found.digest)


def _moves(hub: Hub, bases: Sequence[Reference], old: Release | None, new: Release) -> Iterator[tuple[str, str]]:
    for image, base in dict(zip((one.base.reference for one in hub.images), bases, strict=True)).items():
        after = str(base)
        yield "base image", _move(str(image), after if base == image else after.removeprefix(f"{image.name}:"))
    facts = release_facts(old, new)
    rows = (JUPYTERHUB, _move(*facts[JUPYTERHUB])), ("Kubernetes", _move(*facts[KUBERNETES], ">= "))
    yield from (row for row in rows if row[1])


def _move(before: str | None, after: str | None, sign: str = "") -> str:
    """Return the row's text, as ``3.2.1 -> 4.0.0``; empty if ``after`` is unknown."""
    words = (f"{sign}{version}" for version in dict.fromkeys((before, after)) if version)
    return " -> ".join(words) if after else ""


def _warnings(hub: Hub, hub_after: Hub, choice: Choice, repository: HelmRepository, *, is_safer: bool) -> Iterator[str]:
    before, after, required = hub.version, choice.release.version, hub.requirement.version
    if repository.address.is_plain:
        yield "the Helm repository is read over plain http: anyone on the network path can change it"
    for pin in hub.held_pins:
        held = pin.read(hub.files).text
        # Locks, which have no `accepted_as`, stay with their charts.
        if pin.accepted_as and not allows(held, after):
            yield f"{pin.file}: {pin.name} {held} stays, as hub.accept names {pin.accepted_as.value}"
    for one in (*staying_installations(hub), *other_charts(hub)):
        deployed = one.version or one.option or "the newest release"
        yield f"{one.file}:{one.line} deploys {deployed}, and stays; to move it too: {one.setting}"
    if is_range(required) and hub_after.requirement.version == required:
        yield f"{hub.requirement_file}: the range {required} allows {after} already, and stays"
    if choice.beyond:
        beyond = choice.beyond.version
        yield f"{beyond} is also available, outside of {required}: use --to {beyond}"
    if not is_safer:
        yield from security_news(before, after)
    yield from upgrade_warnings(upgrades_here(hub, before, after))
    if choice.newer_major:
        newer, version = choice.newer_major.version, choice.newer_major.semver
        pre = " --pre" if version and version.prerelease else ""
        yield f"{newer} (new major version) is also available: read its upgrade guide, then use --major{pre}"


# The upgrades that a move crosses, each with its notes and the values in this repository that a note concerns.
Upgrades: TypeAlias = "Mapping[Upgrade, Mapping[str, tuple[Value, ...]]]"


class Value(NamedTuple):
    """A value below the chart's key: its file, line and dotted path, the keys below that key, and a scalar's text."""

    file: str
    line: int
    key: str
    path: tuple[str, ...] = ()
    text: str | None = None

    @property
    def place(self) -> str:
        """The place as ``path:line``."""
        return f"{self.file}:{self.line}"

    def __str__(self) -> str:
        return f"{self.place} {self.key}"


def upgrades_here(hub: Hub, before: str | None, after: str) -> Upgrades:
    """Return the upgrades between two z2jh versions, with the values that each note concerns.

    Reads all YAML files that contain the chart's key.
    """
    crossed, chart = upgrades_between(before, after), hub.requirement.key
    values: list[Value] = []
    for path in files_with(hub.git, "--fixed-strings", [f"{chart}:"], "*.yaml", "*.yml") if crossed else ():
        with suppress(Fault):  # templates and broken files; bump and build report those that they need
            values += values_below(load_file(hub.require(path), path), path, chart)
    return {
        one: {note.text: tuple(value for value in values if concerns(note, value)) for note in one.notes}
        for one in crossed
    }


def needs(upgrade: Upgrade) -> Iterator[str]:
    """Yield the requirements of an upgrade: JupyterHub's major versions, and the oldest Kubernetes."""
    if upgrade.jupyterhub:
        yield "JupyterHub {} to {}.".format(*upgrade.jupyterhub)
    if upgrade.kubernetes:
        yield f"Kubernetes {upgrade.kubernetes} or newer."


def upgrade_warnings(upgrades: Upgrades) -> Iterator[str]:
    """Yield the warnings of a plan: each upgrade, then its notes with the values that they concern."""
    for upgrade, notes in upgrades.items():
        yield " ".join((f"{upgrade.title}:", *needs(upgrade), upgrade.guide))
        for text, found in notes.items():
            where = f" See {', '.join(shown(map(str, found)))}." if found else ""
            yield f"- {text}{where}"


def upgrade_paragraph(upgrades: Upgrades) -> list[str]:
    """Return the lines of a commit message about upgrades, and the values to look at."""
    crossed = [f"Crosses {' '.join((f'{one.title}.', *needs(one)))}" for one in upgrades if any(needs(one))]
    values = {one for notes in upgrades.values() for found in notes.values() for one in found}
    heading = ["Values to look at:"] if values else []
    return [*crossed, *heading, *(f"- {line}" for line in shown(map(str, sorted(values, key=lambda one: one[:3]))))]


def shown(lines: Iterable[str]) -> Iterator[str]:
    """Yield the first lines, and the number of the others."""
    every = list(lines)
    yield from every[:_MOST_SHOWN]
    if len(every) > _MOST_SHOWN:
        yield f"and {len(every) - _MOST_SHOWN} more"


def values_below(tree: Data, file: str, chart: str) -> Iterator[Value]:
    """Yield the values below the chart's key, in file order; a mapping or list has the line of its key."""
    for keys, inner in chart_values(tree, [chart]):
        for path, value in walk(inner):
            line = next((one.node.line for one in (value, *reversed(path)) if isinstance(one, Leaf)), 0)
            if path:
                yield Value(file, line, ".".join((*keys, *path)), path, value if isinstance(value, Leaf) else None)


def concerns(note: Note, value: Value) -> bool:
    """Whether a note concerns a value, by its path and, if the note limits that, by its text."""
    for watch in note.watches:
        *steps, last = watch.path.split(".")
        # `**` stands for one key or more.
        steps += ["*"] * max(len(value.path) - len(steps), 1) if last == _ALL else [last]
        if len(value.path) == len(steps) and all(map(fnmatchcase, value.path, steps)):
            is_any = not watch.holds and not watch.other_than
            if is_any or (value.text is not None and watch.holds in value.text and value.text != watch.other_than):
                return True
    return False
