"""A rehearsal's throwaway clone and git remote.

The clone contains the working tree as it is. One commit on its default branch points its images at the throwaway
registry: everything after that is the release itself. It borrows the original's objects (gitrepository-layout(5),
``objects/info/alternates``) instead of fetching them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..core.faults import Unusable
from ..core.yaml_tree import parse
from ..image.engines import with_own_secrets
from ..image.inputs import outward_options
from ..image.tree import SUBMODULE
from ..repo.charts import ChartSpec, read_chartpress
from ..repo.edits import image_edits
from ..repo.files import FileEdit, WorkingTree, require
from ..repo.hub import Hub, open_hub
from ..repo.remotes import ORIGIN, PRODUCTION
from ..repo.values import ValuesPlace, text_at, with_scalars
from ..tools.git import Clone, Git, in_list
from .registry import name_at

CLONE, REMOTE = "hub", "remote.git"
# The build option without effect that replaces others.
_NO_EFFECT = "--rm"
# Settings that the clone shares with the original: how files are written, and the length of a commit in a tag. Other
# filters than Git LFS may have keys in the original's git directory.
_SAME = r"^(core\.(abbrev|autocrlf|eol)|filter\.lfs\..*)$"
# For who looks at a kept rehearsal: hooks and signing keys would act for the original.
_NO_HOOKS_AND_KEYS = {"commit.gpgSign": "false", "core.hooksPath": os.devnull}


def make_clone(hub: Hub, folder: Path, address: str, places: Iterable[ValuesPlace]) -> Git:
    """Clone ``hub`` into ``folder``, with its working tree as it is, and return the bare remote beside the clone.

    One commit has the uncommitted changes, and the images' names at the registry ``address``, also in ``places``.
    """
    branch = str(hub.settings.base_branch)
    objects = hub.git.path_of("--git-path", "objects").resolve()
    remote = _new_repository(hub.git, folder / REMOTE, branch, objects, "--bare")
    clone = _new_repository(hub.git, folder / CLONE, branch, objects)
    for key, sign, value in (one.partition("\n") for one in hub.git.ask("config", "-z", "--get-regexp", _SAME).names):
        clone.read("config", key, value if sign else "true")
    if not clone.ask("config", "user.email").text:
        clone.read("config", "user.name", "hubpress rehearsal")
        clone.read("config", "user.email", "rehearsal@localhost")
    _set_head(hub.git, clone)
    clone.read("read-tree", "--reset", "-u", _write_working_tree(hub.git, folder / "index", clone))
    _fill_submodules(hub.git.folder, hub.git.path_of("--git-path", "modules").resolve(), clone)
    charts, files = hub.layout.charts, WorkingTree(clone.folder)
    own = hub.git.folder / hub.layout.root
    redirected = [_redirected(files, hub.layout.file, charts, address, own)] if charts else []
    edits = [*redirected, *_renamed(open_hub(hub.settings, clone).edited(redirected), address, places)]
    if edits:
        files.replace(edits)
        clone.read("add", "--", *(edit.path for edit in edits))
    message = f"Prepare the rehearsal: uncommitted changes, images named after {address}"
    clone.read("commit", "--quiet", "--no-verify", "--allow-empty", "--message", message)
    address_of_remote = str(remote.folder)
    # The longest match wins over the user's settings. It fails for an address with a line break, which no key can have.
    for key in ("insteadOf", "pushInsteadOf"):
        clone.ask("config", f"url.{address_of_remote}.{key}", address_of_remote)
    clone.read("remote", "add", "--", ORIGIN, address_of_remote)
    clone.read("push", "--quiet", "--set-upstream", "--", ORIGIN, f"refs/heads/{branch}")
    clone.read("remote", "set-head", "--", ORIGIN, branch)
    return remote


def _redirected(files: WorkingTree, file: str, charts: Sequence[ChartSpec], address: str, own: Path) -> FileEdit:
    """Return the edit of chartpress.yaml that puts ``address`` before image names, and replaces build options."""
    data = require(files, file)
    document = parse(with_own_secrets(data, file, own), file)
    new: dict[tuple[str, ...], str] = {}
    for number, chart in enumerate(charts):
        top = ("charts", str(number))
        for path in ((*top, "imagePrefix"), *((*top, "images", image.key, "imageName") for image in chart.images)):
            if name := text_at(document, path):
                new[path] = name_at(address, name)
        for image in chart.images:
            for at in outward_options(image.extra_options):
                new[(*top, "images", image.key, "extraBuildCommandOptions", str(at))] = _NO_EFFECT
    after = with_scalars(document, new)
    for image in (image for chart in read_chartpress(after, file) for image in chart.images):
        if not image.name.startswith(f"{address}/"):
            what = f"the image {image.key} has neither a prefix nor a name to rehearse with"
            hint = "add imagePrefix to the chart"
            raise Unusable(what, where=file, hint=hint)
    return FileEdit(file, data, after, f"images to {address}")


def _renamed(hub: Hub, address: str, places: Iterable[ValuesPlace]) -> tuple[FileEdit, ...]:
    found = ((place, place.read(hub.files).image) for place in places)
    names = {image.spec.named for image in hub.images}
    pinned = {
        place: one._replace(name=name_at(address, one.name))
        for place, one in found
        if one and name_at(address, one.name) in names
    }
    return image_edits(hub, pinned)


def _new_repository(original: Git, folder: Path, branch: str, objects: Path, *flags: str) -> Git:
    named = (f"--object-format={original.read('rev-parse', '--show-object-format')}", f"--initial-branch={branch}")
    Git(folder.parent).read("init", "--quiet", "--template=", *named, *flags, "--", str(folder))
    # A bare repository is named: git may be set not to discover those (``safe.bareRepository``).
    repository = Git(folder, Clone(folder, folder, shallow=False, is_found=False) if "--bare" in flags else None)
    own = repository.path_of("--git-path", "objects").resolve()
    (own / "info").mkdir(exist_ok=True)
    (own / "info/alternates").write_bytes(os.fsencode(f"{in_list(objects)}\n"))
    for name, value in _NO_HOOKS_AND_KEYS.items():
        repository.read("config", name, value)
    return repository


def _set_head(original: Git, clone: Git) -> None:
    """Give the clone the original's commit, tags and production branches; a shallow history becomes one commit."""
    head = original.start.commit
    if head is None:
        return
    if original.clone.shallow:
        head = clone.read("commit-tree", "-m", "The history was cut here", f"{head}^{{tree}}")
        others = ""
    else:
        remote = f"refs/remotes/{ORIGIN}/%(refname:lstrip=3)"
        deployed = (f"--format=create {remote} %(objectname)", *(f"refs/remotes/*/{name}" for name in PRODUCTION))
        tags = original.read("for-each-ref", "--format=create %(refname) %(objectname)", "refs/tags")
        # If several remotes have a branch, the first one counts.
        branches = {line.split()[1]: line for line in reversed(original.read("for-each-ref", *deployed).splitlines())}
        others = "\n".join(filter(None, (tags, *branches.values())))
    clone.read("update-ref", "HEAD", head)
    clone.read("update-ref", "--stdin", stdin=f"{others}\n" if others else "")


def _write_working_tree(original: Git, index: Path, clone: Git) -> str:
    """Write the original's files, except ignored ones and other repositories, to the clone; return their tree."""
    source = original.path_of("--git-path", "index").resolve()
    if source.is_file():
        shutil.copyfile(source, index)
    env = {"GIT_INDEX_FILE": str(index), "GIT_OBJECT_DIRECTORY": str(clone.path_of("--git-path", "objects").resolve())}
    new = original.ask("ls-files", "-z", "--others", "--exclude-standard", env=env).names
    inside = [f":(exclude,top,literal){path}" for path in new if path.endswith("/")]
    original.read("-c", "core.splitIndex=false", "add", "--all", "--sparse", "--", ":/", *inside, env=env)
    return original.read("write-tree", env=env)


def _fill_submodules(original: Path, modules: Path, clone: Git) -> None:
    """Check out the clone's submodules, with the objects of those in ``original``, else in git's folder ``modules``."""
    names: dict[str, str] = {}
    listed = clone.ask("config", "-z", "--blob=:.gitmodules", "--get-regexp", r"^submodule\..*\.path$").names
    for key, _, path in (entry.partition("\n") for entry in listed):
        named = key.removeprefix("submodule.").removesuffix(".path")
        # The file is untrusted: names may lead out of git's folder for submodules.
        if named and not named.startswith("/") and ".." not in named.split("/"):
            names.setdefault(path, named)
    for entry in clone.names("ls-files", "--stage", "-z"):
        about, _, path = entry.partition("\t")
        mode, commit, _ = about.split()
        if mode != SUBMODULE:
            continue
        name = names.get(path)
        places = (original / path / ".git", *([modules / name] if name else []))
        source = next((place for place in places if (place / "objects").is_dir()), None)
        if source is None:
            continue
        own = clone.clone.git_dir / "modules" / name if name else None
        if own:
            own.parent.mkdir(parents=True, exist_ok=True)
        flags = (f"--separate-git-dir={own}",) if own else ()
        inner = _new_repository(clone, clone.folder / path, "rehearsal", source / "objects", *flags)
        if inner.ask("checkout", "--quiet", "--detach", commit).ok:
            _fill_submodules(original / path, source / "modules", inner)
