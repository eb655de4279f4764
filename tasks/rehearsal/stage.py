"""A rehearsal's stage: a throwaway clone, git remote and registry, on which a release changes nothing else.

The clone holds the repository as its working tree stands. One commit on its default branch points its images at
the throwaway registry: everything after that is the release itself. It borrows the original's objects
(gitrepository-layout(5), ``objects/info/alternates``), and no program runs in the original on its behalf.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ..core import output
from ..core.faults import DOOR, Refused, Unreachable, Unusable
from ..core.names import Reference, is_loopback
from ..core.options import RehearseOptions, ReleaseOptions
from ..core.plan import Plan
from ..core.settings import CACHE_OFF, WholeImage
from ..core.yaml_tree import parse
from ..image.proof import Base
from ..image.tree import SUBMODULE, submodule_names
from ..releases.repository import HelmRepository
from ..repo.charts import ChartSpec, read_chartpress
from ..repo.edits import image_edits
from ..repo.files import FileEdit, WorkingTree, require
from ..repo.hub import Hub, open_hub
from ..repo.named_images import unmoved_images
from ..repo.remotes import PRODUCTION, NotKnownHere, Review, find_review
from ..repo.values import ValuesPlace, image_at
from ..repo.yaml_edit import text_at, with_scalars
from ..review.branches import Outlook
from ..review.bump import plan_bump
from ..review.release import foreseen_refusal, plan_release
from ..tools import docker
from ..tools.command import Command, Reach, confined
from ..tools.git import Clone, Git, in_list
from ..tools.process import run_checked
from ..tools.registry import inspect_all
from .cleanup import Record, rehearsal_folder
from .registry import free_port, registry, serve_command
from .stand_in import stand_ins

CLONE, REMOTE, REGISTRY = "hub", "remote.git", "registry"
REMOTE_NAME = "origin"
# The charts that a rehearsal takes where no Helm repository answers.
CHARTS = Path(__file__).with_name("charts")
_NAME, _EMAIL = "hubpress rehearsal", "rehearsal@localhost"
_BUILDER_VARIABLE = "BUILDX_BUILDER"
_SOCKETS = ("unix", "npipe")
# Build options that lead out of this machine, each with a value; and one without effect to put in their place.
_OUTWARD = ("--builder", "--cache-from", "--cache-to", "--output", "-o")
_NO_EFFECT = "--rm"
_FAKES = "NOT INSTALLED: apt-get, pip and python3 in a stand-in do nothing, so what they would install is missing"
# The original's settings of how files are written, and how many letters a commit in a tag has.
_SAME = ("core.abbrev", "core.autocrlf", "core.eol")
# Hooks and keys would act for the original.
_ALONE = {"commit.gpgSign": "false", "core.hooksPath": os.devnull}


class Stage(NamedTuple):
    """A stage that is set: the throwaway clone, remote and registry.

    ``notes`` tell what is stood in for, ``remarks`` what else differs; ``real`` is where the release's branch would go.
    """

    folder: Path
    hub: Hub
    remote: Git
    address: str
    stand_ins: tuple[Reference, ...]
    notes: tuple[str, ...]
    remarks: tuple[str, ...]
    real: Review | None

    def plan(self, options: ReleaseOptions) -> Plan:
        """Plan the release of the clone."""
        request = options.commit.request
        review = find_review(self.hub.git, self.hub.settings, ask=True, push=True, request=request)
        build = replace(options.build, builder=None, stand_ins=self.stand_ins)
        there = replace(options, build=build, commit=replace(options.commit, push=True), agreed=False)
        plan, _ = plan_release(self.hub, there, review._replace(rehearses=self.real))
        return plan

    def report(self) -> dict[str, Any]:
        """Return what the JSON report holds besides the release's own."""
        return {
            "folder": str(self.folder),
            "registry": self.address,
            "stand_ins": list(self.notes),
            "diff": self.remote.read("diff", "{}...{}".format(*self._branches())),
        }

    def show(self) -> None:
        """Show what a reviewer would see: the commits in the throwaway remote, and their diff."""
        base, branch = self._branches()
        commits = self.remote.read("log", "--oneline", f"{base}..{branch}")
        output.data(f"\nCommits on {branch}, in the throwaway remote:\n{commits}\n")
        output.data(self.remote.read("diff", f"{base}...{branch}"))
        output.data("\n".join(("\nNothing left this machine.", *self.remarks, *self.notes)))

    def _branches(self) -> tuple[str, str]:
        default = str(self.hub.settings.base_branch)
        return default, self.hub.git.branch() or default


@contextlib.contextmanager
def staged(hub: Hub, options: RehearseOptions) -> Iterator[Stage]:
    """Set the stage for a release of ``hub`` in a new folder, and reach nothing else while the block runs."""
    possible = require_possible(hub, options)
    with rehearsal_folder(keep=options.keep) as folder:
        try:
            record = Record(free_port())
            record.write(folder)
            with (
                registry(folder / REGISTRY, port=record.port) as served,
                confined(Reach(folder, served.address, possible.engine)),
            ):
                # Without a base branch any name will do: the throwaway remote gets it.
                base = possible.real.base if possible.real else hub.branch or "main"
                inside, unused = _kept_inside(possible.hub, served.address, base)
                remote = make_clone(inside, folder, served.address, _places(possible.hub))
                clone = open_hub(inside.settings, Git(folder / CLONE))
                bases = dict.fromkeys(image.base.reference for image in plan_bump(clone, options.bump)[1].images)
                missing = tuple(base for base in bases if options.stand_in_base or not _is_there(base))
                record._replace(stand_ins=tuple(map(str, missing))).write(folder)
                with stand_ins(map(str, missing)):
                    made = (
                        f"STAND-IN: {base} is not z2jh's image, it was made here for the rehearsal" for base in missing
                    )
                    fakes = (_FAKES,) if missing else ()
                    told = ((*possible.notes, *made), (*unused, *possible.remarks, *fakes))
                    yield Stage(folder, clone, remote, served.address, missing, *told, possible.real)
        finally:
            if options.keep:
                output.say(_ways_to_look(folder))


class Possible(NamedTuple):
    """What a stage can be set for: the engine, the hub with charts that can be read, and what the stage tells."""

    engine: str
    hub: Hub
    notes: tuple[str, ...]
    remarks: tuple[str, ...]
    real: Review | None


def require_possible(hub: Hub, options: ReleaseOptions) -> Possible:
    """Check, before any stage is set, that this machine can rehearse, and that there is such a release."""
    engine = _require_local_engine(options.build.builder)
    hub, notes = _with_charts(hub)
    index = plan_bump(hub, options.bump)[1].index
    begin = Outlook.of(hub, ask=False)
    fault = foreseen_refusal(begin, index, options.bump)
    if isinstance(fault, Unusable):
        raise fault
    remarks = [f"NOT AS HERE: {remark}" for remark in begin.remarks]
    # Branches and uncommitted changes are the clone's own: on the stage the working tree counts as it stands.
    if fault and not isinstance(fault, NotKnownHere):
        remarks.append(f"NOT YET: {DOOR} release would be refused: {fault.told}; {fault.hint}")
    return Possible(engine, hub, notes, tuple(remarks), begin.review)


def make_clone(hub: Hub, folder: Path, address: str, places: Iterable[ValuesPlace] = ()) -> Git:
    """Clone ``hub`` into ``folder``, as its working tree stands, with a bare remote beside it, which it returns.

    One commit holds what was not committed, and the images' names at the registry ``address``, also in ``places``.
    """
    name, branch = REMOTE_NAME, str(hub.settings.base_branch)
    objects = hub.git.path_of("--git-path", "objects").resolve()
    remote = _new_repository(folder / REMOTE, branch, objects, "--bare")
    clone = _new_repository(folder / CLONE, branch, objects)
    for key in _SAME:
        value = hub.git.ask("config", "--get", key)
        if value.ok:
            clone.read("config", key, value.text)
    if not clone.ask("config", "user.email").text:
        clone.read("config", "user.name", _NAME)
        clone.read("config", "user.email", _EMAIL)
    _set_head(hub.git, clone)
    tree = _tree_as_it_lies(hub.git, folder / "index", clone)
    clone.read("read-tree", "--reset", "-u", tree)
    _fill_submodules(hub.git.folder, hub.git.path_of("--git-path", "modules").resolve(), clone)
    charts, files = hub.layout.charts, WorkingTree(clone.folder)
    redirected = [_redirected(files, hub.layout.file, charts, address)] if charts else []
    edits = [*redirected, *_renamed(open_hub(hub.settings, clone).edited(redirected), address, places)]
    if edits:
        files.replace(edits)
        clone.read("add", "--", *(edit.path for edit in edits))
    message = f"Prepare the rehearsal: uncommitted changes, images named after {address}"
    clone.read("commit", "--quiet", "--no-verify", "--allow-empty", "--message", message)
    address_of_remote = str(remote.folder)
    # The longest one wins, so no setting of the user's makes another address of it. A line break is no part of a key.
    for key in ("insteadOf", "pushInsteadOf"):
        clone.ask("config", f"url.{address_of_remote}.{key}", address_of_remote)
    clone.read("remote", "add", "--", name, address_of_remote)
    clone.read("push", "--quiet", "--set-upstream", "--", name, branch)
    clone.read("remote", "set-head", "--", name, branch)
    return remote


def _redirected(files: WorkingTree, file: str, charts: Sequence[ChartSpec], address: str) -> FileEdit:
    """Return the edit of chartpress.yaml: ``address`` before every image's name, and no outward options."""
    before = require(files, file)
    document = parse(before, file)
    new = dict.fromkeys(_outward_paths(charts), _NO_EFFECT)
    for index, chart in enumerate(charts):
        names = (("images", image.key, "imageName") for image in chart.images)
        for path in (("charts", str(index), *keys) for keys in (("imagePrefix",), *names)):
            name = text_at(document, path)
            if name:
                new[path] = _name_at(address, name)
    after = with_scalars(document, new) or before
    for image in (image for chart in read_chartpress(after, file) for image in chart.images):
        if not image.name.startswith(f"{address}/"):
            raise Unusable(
                f"the image {image.key} has neither a prefix nor a name to rehearse with",
                where=file,
                hint="add imagePrefix to the chart",
            )
    return FileEdit(file, before, after, f"images to {address}")


def _name_at(address: str, name: str) -> str:
    """Return the name of an image at the registry ``address``: the host of its own registry becomes a folder."""
    return f"{address}/{re.sub(r'[^a-z0-9._/-]', '-', name.lower()).lstrip('-./')}"


def _places(hub: Hub) -> list[ValuesPlace]:
    """Return where the values name the hub images, or could."""
    unmoved = (ValuesPlace(one.file, one.path, key) for key, some in unmoved_images(hub).items() for one in some)
    return [*hub.places, *unmoved]


def _renamed(hub: Hub, address: str, places: Iterable[ValuesPlace]) -> tuple[FileEdit, ...]:
    found = ((place, image_at(require(hub.files, place.file), place.path, place.file)) for place in places)
    names = {image.spec.named for image in hub.images}
    pinned = {
        place: one._replace(name=_name_at(address, one.name))
        for place, one in found
        if one.name and (one.tag or one.digest) and _name_at(address, one.name) in names
    }
    return image_edits(hub, pinned)


def _outward_paths(charts: Sequence[ChartSpec]) -> Iterator[tuple[str, ...]]:
    """Yield each path in chartpress.yaml of a build option that leads out of this machine, or of its value."""
    for chart, images in enumerate(one.images for one in charts):
        for spec in images:
            before = ""
            for index, option in enumerate(spec.extra_options):
                if option.partition("=")[0] in _OUTWARD or before in _OUTWARD:
                    yield ("charts", str(chart), "images", spec.key, "extraBuildCommandOptions", str(index))
                before = option


def _new_repository(folder: Path, branch: str, objects: Path, *flags: str) -> Git:
    Git(folder.parent).read("init", "--quiet", "--template=", f"--initial-branch={branch}", *flags, "--", str(folder))
    # Where git may take no bare repository for what it finds, this one is named.
    repository = Git(folder, Clone(folder, folder, shallow=False, is_found=False) if "--bare" in flags else None)
    own = repository.path_of("--git-path", "objects").resolve()
    (own / "info").mkdir(exist_ok=True)
    (own / "info/alternates").write_bytes(os.fsencode(f"{in_list(objects)}\n"))
    for name, value in _ALONE.items():
        repository.read("config", name, value)
    return repository


def _set_head(original: Git, clone: Git) -> None:
    """Give the clone the original's commit, tags, and the branches of next steps; a shallow history is one commit."""
    head = original.head()
    if head is None:
        return
    if original.clone.shallow:
        head = clone.read("commit-tree", "-m", "The history was cut here", f"{head}^{{tree}}")
        others = ""
    else:
        remote = f"refs/remotes/{REMOTE_NAME}/%(refname:lstrip=3)"
        deployed = (f"--format=create {remote} %(objectname)", *(f"refs/remotes/*/{name}" for name in PRODUCTION))
        tags = original.read("for-each-ref", "--format=create %(refname) %(objectname)", "refs/tags")
        # Of a branch that several remotes have, the first one's will do.
        branches = {line.split()[1]: line for line in reversed(original.read("for-each-ref", *deployed).splitlines())}
        others = "\n".join(filter(None, (tags, *branches.values())))
    clone.read("update-ref", "HEAD", head)
    clone.read("update-ref", "--stdin", stdin=f"{others}\n" if others else "")


def _tree_as_it_lies(original: Git, index: Path, clone: Git) -> str:
    """Write the original's files as they lie into the clone, and return their tree; ignored ones are left out.

    So are repositories inside that are not submodules.
    """
    theirs = original.path_of("--git-path", "index").resolve()
    if theirs.is_file():
        shutil.copyfile(theirs, index)
    env = {"GIT_INDEX_FILE": str(index), "GIT_OBJECT_DIRECTORY": str(clone.path_of("--git-path", "objects").resolve())}
    new = original.ask("ls-files", "-z", "--others", "--exclude-standard", env=env).names
    inside = [f":(exclude,top,literal){path}" for path in new if path.endswith("/")]
    original.read("-c", "core.splitIndex=false", "add", "--all", "--sparse", "--", ":/", *inside, env=env)
    return original.read("write-tree", env=env)


def _fill_submodules(original: Path, modules: Path, clone: Git) -> None:
    """Fill the clone's submodules from those in the folder ``original``, else from git's folder ``modules``."""
    names = submodule_names(clone, "--blob=:.gitmodules")
    for entry in clone.names("ls-files", "--stage", "-z"):
        about, _, path = entry.partition("\t")
        mode, commit, _ = about.split()
        if mode != SUBMODULE:
            continue
        name = next(iter(names.get(path, ())), None)
        places = (original / path / ".git", *([modules / name] if name else []))
        theirs = next((place for place in places if (place / "objects").is_dir()), None)
        if theirs is None:
            continue
        own = clone.git_dir / "modules" / name if name else None
        if own:
            own.parent.mkdir(parents=True, exist_ok=True)
        flags = (f"--separate-git-dir={own}",) if own else ()
        inner = _new_repository(clone.folder / path, "rehearsal", theirs / "objects", *flags)
        if inner.ask("checkout", "--quiet", "--detach", commit).ok:
            _fill_submodules(original / path, theirs / "modules", inner)


def _require_local_engine(builder: str | None) -> str:
    look = Command(("docker", "context", "inspect", "--format", "{{.Name}} {{.Endpoints.docker.Host}}"))
    name, _, address = run_checked(look, hint="docker context ls, then: docker context use default").text.partition(" ")
    what = "a rehearsal builds on this machine's engine only"
    if not _is_local(address):
        raise Refused(
            what,
            where=f"{'DOCKER_HOST' if os.environ.get('DOCKER_HOST') else f'context {name}'}: {address}",
            hint="unset DOCKER_HOST DOCKER_CONTEXT; docker context use default",
        )
    if builder not in {None, name}:
        raise Refused(what, where=f"--builder {builder}", hint="leave it out")
    return name


def _is_local(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in _SOCKETS or is_loopback(parts.netloc)
    except ValueError:
        return False


def _kept_inside(hub: Hub, address: str, base: str) -> tuple[Hub, tuple[str, ...]]:
    """Return the hub with the base branch ``base`` and without the settings that lead out of this machine, and a note.

    Images that chartpress.yaml does not name go to the registry ``address``.
    """
    settings = hub.settings
    images: tuple[str | WholeImage, ...] = settings.images
    if not hub.layout.charts:
        images = tuple(
            WholeImage(
                one.context, _name_at(address, one.named or one.key), one.dockerfile, one.values_paths, one.paths
            )
            for one in hub.layout.chart.images
        )
    inside = settings._replace(
        builder=None,
        cache=CACHE_OFF,
        sign=None,
        verify=None,
        remote=REMOTE_NAME,
        upstream=None,
        base_branch=base,
        images=images,
    )
    unused = {
        "hub.builder": settings.builder,
        "hub.cache": settings.cache if settings.cache != CACHE_OFF else None,
        "hub.sign": settings.sign,
        _BUILDER_VARIABLE: os.environ.get(_BUILDER_VARIABLE),
    }
    names = ", ".join(f"{name} {value}" for name, value in unused.items() if value)
    note = f"NOT USED: {names}; a rehearsal builds on this machine's engine, without a shared cache, and signs nothing"
    return replace(hub, settings=inside), (note,) if names else ()


def _with_charts(hub: Hub) -> tuple[Hub, tuple[str, ...]]:
    address = hub.helm_repository
    try:
        HelmRepository.of(hub.settings, address).index()
    except Unreachable as fault:
        note = f"STAND-IN: the charts come with hubpress, not from {address}: {fault.what}"
        return replace(hub, settings=hub.settings._replace(chart_repository=CHARTS.as_uri())), (note,)
    return hub, ()


def _is_there(base: Reference) -> bool:
    """Whether the base image's registry answers, or this machine's store has the image."""
    if not isinstance(inspect_all([base])[base], Unreachable):
        return True
    found = docker.local(base)
    return found is not None and not Base(base, found).is_stand_in


def _ways_to_look(folder: Path) -> str:
    record, clone = Record.read(folder), folder / CLONE
    log = f"git -C {quote(str(clone))} log --patch {REMOTE_NAME}/HEAD.."
    rows: list[tuple[str, ...]] = [("its commits", log)] if clone.is_dir() else []
    if record and (folder / REGISTRY).is_dir():
        rows.append(("its images", str(serve_command(folder / REGISTRY, record.port))))
    rows.append(("remove it", f"rm -r {quote(str(folder))}"))
    return f"Kept: {folder}\n{output.table(rows, '  ')}"
