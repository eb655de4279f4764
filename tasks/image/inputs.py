"""What an image is built from: the files of one git tree, its build arguments and options, its base, its platform.

The hash of that is ``{content}`` in a tag, and a label of every image: the same inputs are known again after a squash,
a rebase or an amended commit, on every machine and in a shallow clone.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from ..core.faults import Refused, Unusable
from ..repo.dockerfile import copied_files
from ..repo.files import behind_links, is_below, join, planned_bytes
from ..repo.hub import Hub, HubImage
from .credentials import LARGEST, credential_in, may_be_credentials
from .definition import bake_fields, is_local
from .tag import ImageName, names_commit, render
from .tree import Tree, snapshot

INPUTS_LABEL = "io.github.hubpress.inputs"
MOST_LOOKED_AT = 10_000
_AT_ONCE = 500
_IGNORE_FILE = ".dockerignore"
_CHUNK = 1024 * 1024
# The times of files in a build context: thirty years from 1980 on, before which a ZIP archive has none.
_EARLIEST, _SPAN = 315_532_800, 30 * 365 * 24 * 60 * 60
# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md#the-pointer
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_LFS_FILTERS = r"^filter\.lfs\.(smudge|process)$"


class Sources(NamedTuple):
    """Where the files of an image are, relative to the repository's top.

    ``folders`` are the build context and the local folders of named ones, ``others`` what else chartpress.yaml lists in
    ``paths``.
    """

    folders: tuple[str, ...]
    dockerfile: str
    others: tuple[str, ...]

    @property
    def built_from(self) -> tuple[str, ...]:
        """What a builder gets, with the Dockerfile's own ignore file."""
        return (*self.folders, self.dockerfile, f"{self.dockerfile}{_IGNORE_FILE}")

    @property
    def all(self) -> tuple[str, ...]:
        """All paths whose change makes another image."""
        return (*self.built_from, *self.others)


def sources_of(hub: Hub, image: HubImage) -> Sources:
    """Return where the files of ``image`` are."""
    spec = image.spec
    where = f"{hub.layout.file}: images.{spec.key}"
    named = bake_fields(spec.extra_options, f"{where}.extraBuildCommandOptions", {}, strict=False).get("contexts", {})
    others = (path for path in spec.paths if join(hub.layout.root, path) != hub.layout.file)
    local = (_inside(hub, path, f"{where}.extraBuildCommandOptions") for path in named.values() if is_local(path))
    return Sources(
        (_inside(hub, spec.context, f"{where}.contextPath"), *local),
        _inside(hub, spec.dockerfile, f"{where}.dockerfilePath"),
        tuple(_inside(hub, path, f"{where}.paths") for path in others),
    )


def counted_paths(hub: Hub, image: HubImage) -> list[str]:
    """Return the paths whose change makes another image.

    The context is not among them with ``rebuildOnContextPathChanges: false``.
    """
    sources, paths = sources_of(hub, image), hub.paths_of(image)
    return [path for path in sources.all if path != sources.folders[0] or is_below(path, paths)]


def inputs_hash(hub: Hub, image: HubImage, tree: Tree, base: str, platform: str, name: ImageName | None = None) -> str:
    """Return the SHA-256 of what ``image`` is built from, as 64 hexadecimal digits.

    That is: the names of git's objects at ``counted_paths``, its build arguments and options (as ``name`` fills them in
    where that names a commit, else as they are written), ``Base.identity`` and the platforms.
    """
    spec, sources = image.spec, sources_of(hub, image)
    as_written = [dict(spec.build_args), spec.extra_options]
    inputs = {
        "arguments": arguments_of(hub, image, name) if name and name.commit else as_written,
        "base": base,
        "dockerfile": sources.dockerfile,
        "objects": tree.written_as(counted_paths(hub, image)),
        "platform": platform,
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def arguments_of(hub: Hub, image: HubImage, name: ImageName) -> list[str]:
    """Return the build arguments and extra options of ``image`` as one list, for the hash of its inputs."""
    build_args, options = filled_in(hub, image, name)
    return [*(f"{key}={value}" for key, value in build_args.items()), *options]


def filled_in(hub: Hub, image: HubImage, name: ImageName) -> tuple[dict[str, str], list[str]]:
    """Return the build arguments and extra options of ``image``, filled in as chartpress does."""
    spec = image.spec
    names = {"LAST_COMMIT": name.commit, "TAG": name.tag, "BRANCH": hub.branch or ""}
    where = f"{hub.layout.file}: images.{spec.key}"
    arguments = {key: render(value, names, f"{where}.buildArgs") for key, value in spec.build_args.items()}
    return arguments, [render(option, names, f"{where}.extraBuildCommandOptions") for option in spec.extra_options]


def working_files(hub: Hub, images: Iterable[HubImage]) -> AbstractContextManager[Tree]:
    """Yield the tree of the working files of ``images``, planned edits included."""
    paths = dict.fromkeys(path for image in images for path in sources_of(hub, image).all)
    return snapshot(hub.git, tuple(paths), planned_bytes(hub.files))


def write_files(hub: Hub, images: Iterable[HubImage], tree: Tree, folder: Path) -> None:
    """Write what ``images`` are built from out of ``tree`` into the empty ``folder``."""
    sources = [sources_of(hub, image) for image in images]
    listed = dict.fromkeys(path for one in sources for path in one.built_from)
    tree.write(tuple(listed), folder)
    for path in dict.fromkeys(tree.real_path(path) for one in sources for path in one.folders):
        for file in (folder / path).rglob("*"):
            if file.is_file() and not file.is_symlink():
                _finish(file, file.relative_to(folder).as_posix(), str(hub.git.clone.git_dir))


def require_buildable(hub: Hub, image: HubImage, tree: Tree) -> None:
    """Check what can be seen of a build before it: of its files the first 10,000."""
    sources = sources_of(hub, image)
    target = bake_fields(image.spec.extra_options, hub.layout.file, {}, strict=False).get("target", "")
    if target.lower() not in image.base.targets:
        raise Refused(
            f"{f'the stage {target}' if target else 'the last stage'} does not build on {image.base.reference}",
            where=image.dockerfile,
            hint="let it build on that: FROM NAME, the name of its stage; or choose that stage: "
            f"extraBuildCommandOptions: [--target=NAME] in {hub.layout.file}",
        )
    objects = tree.objects(sources.built_from)
    for path in (*sources.folders, sources.dockerfile):
        if path not in objects:
            what = "Dockerfile" if path == sources.dockerfile else "build context"
            if submodule := tree.submodule_around(path):
                hint = f"move the Dockerfile and its folder into this repository; other files may stay in {submodule}"
                raise Refused(f"the {what} is in the submodule {submodule}", where=path, hint=hint)
            add = f"git ignores it: git add --force -- {quote(path)}"
            fix = f"commit it, or fix images.{image.spec.key} in {hub.layout.file}"
            raise Unusable(f"the {what} is missing", where=path, hint=add if _is_ignored(hub, path) else fix)
    _require_not_ignored(hub, image, tree, sources)
    _look_into_files(tree, [tree.real_path(path) for path in sources.folders])


def require_stable(hub: Hub, image: HubImage) -> None:
    """Refuse values among an image's inputs: a build writes them, so its own ``{content}`` would differ each time."""
    inputs = counted_paths(hub, image)
    for place in hub.places:
        if is_below(place.file, inputs):
            raise Refused(
                f"the build context holds {place.file}, so each build would make another {{content}}",
                where=sources_of(hub, image).folders[0],
                hint=f"give the image its own folder in {hub.layout.file}",
            )


def uncounted_contexts(hub: Hub) -> Iterator[tuple[str, str]]:
    """Yield words and hint for each named build context whose changes give an image no new tag."""
    for image in hub.images if names_commit(hub.settings.tag) else ():
        for folder in sources_of(hub, image).folders[1:]:
            if not is_below(folder, hub.paths_of(image)):
                what = f"{image.spec.key}: changes of its build context {folder} make no new tag"
                yield what, f"add {posixpath.relpath(folder, hub.layout.root or '.')} to its paths in {hub.layout.file}"


def require_links_covered(hub: Hub, image: HubImage) -> None:
    """Refuse links, on the way to the Dockerfile or a build context, to files that do not count for the image's tag."""
    sources = sources_of(hub, image)
    covered = hub.paths_of(image)
    for path in (sources.dockerfile, *sources.folders):
        real = behind_links(hub.git.folder, path)
        if is_below(path, covered) and not is_below(real, covered):
            raise Refused(
                f"{path} is a link to {real}, whose changes give the image no new tag",
                where=f"{hub.layout.file}: images.{image.spec.key}",
                hint=f"add {real} to the image's paths in {hub.layout.file}, or replace the link by the file",
            )


def _inside(hub: Hub, path: str, where: str) -> str:
    whole = join(hub.layout.root, path)
    if whole.startswith(("/", "../")) or whole == ".." or not whole.isprintable() or not is_local(whole):
        raise Refused(
            f"{path} is not a path inside of the repository",
            where=where,
            hint="an image is built from what is committed: move the files into the repository, and name them there",
        )
    return whole


def _require_not_ignored(hub: Hub, image: HubImage, tree: Tree, sources: Sources) -> None:
    found = copied_files(hub.require(image.dockerfile), image.dockerfile)
    copied = {join(sources.folders[0], path.lstrip("/")): line for path, line in found.items()}
    ignored = [path for path in sorted(copied) if os.path.lexists(hub.git.folder / path) and _is_ignored(hub, path)]
    for path in {*ignored} - tree.objects(ignored).keys():
        raise Refused(
            f"the Dockerfile copies {path}, which git ignores",
            where=f"{image.dockerfile}:{copied[path]}",
            hint=f"commit it: git add --force -- {quote(path)}; or make it in the Dockerfile",
        )


def _is_ignored(hub: Hub, path: str) -> bool:
    return hub.git.ask("check-ignore", "--quiet", "--", path).ok


def _look_into_files(tree: Tree, folders: Sequence[str]) -> None:
    listed = tree.files(folders)[:MOST_LOOKED_AT]
    files = [one for one in listed if may_be_credentials(one.path, one.size)]
    for first in range(0, len(files), _AT_ONCE):
        some = files[first : first + _AT_ONCE]
        for entry, data in zip(some, tree.blobs(some), strict=True):
            is_set_up = data.startswith(_LFS_POINTER) and tree.git.ask("config", "--get-regexp", _LFS_FILTERS).ok
            _require_usable(entry.path, data, has_lfs=is_set_up)
    for inner in tree.submodules(folders).values():
        _look_into_files(inner, ["."])


def _require_usable(path: str, data: bytes, *, has_lfs: bool = False) -> None:
    """Check that a file of a build context is no credential file, and not what Git LFS keeps in place of one."""
    found = credential_in(path, data)
    if found:
        take_out = f"git rm --cached -- {quote(path)}"
        hint = f"anyone with the image can read it: {take_out}, commit that, and mount it in the cluster"
        raise Refused(f"the build context holds {found}", where=path, hint=hint)
    if data.startswith(_LFS_POINTER) and not has_lfs:
        hint = "git lfs install && git lfs pull; then run the same command again"
        raise Refused("Git LFS is not set up: in place of the file there is a pointer to it", where=path, hint=hint)


def _finish(file: Path, path: str, seed: str) -> None:
    """Check that a file of a build context is itself and no credentials, and give it a time that tells its content.

    A builder takes a file of the same size and time for the one that it got from the build before: so only what has
    changed is sent to it. ``seed`` is different in each clone: nobody can make two files for the same time.
    """
    content = hashlib.blake2b(seed.encode("utf-8", "surrogateescape"), digest_size=8)
    with file.open("rb") as stream:
        first = stream.read(LARGEST + 1)
        _require_usable(path, first)
        content.update(first)
        while more := stream.read(_CHUNK):
            content.update(more)
    # Both the seconds and what is below them: some file systems keep only seconds.
    number = int.from_bytes(content.digest(), "big")
    moment = (_EARLIEST + number % _SPAN) * 10**9 + number // _SPAN % 10**9
    os.utime(file, ns=(moment, moment))
