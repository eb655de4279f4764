"""The inputs of an image: the files of a git tree, its build arguments and options, its base image, its platform.

Their hash is ``{content}`` in a tag, and a label of every image: the same inputs are recognized after a squash, a
rebase or an amended commit, on every machine and in a shallow clone.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

from ..core.faults import CLI, Refused, Unusable
from ..repo.charts import ImageSpec
from ..repo.dockerfile import IGNORE_FILE, copied_files
from ..repo.edits import to_commit
from ..repo.files import SUFFIX, behind_links, is_below, join, planned_bytes
from ..repo.hub import Hub, HubImage
from ..tools.git import HEAD, SEE_CHANGES
from .credentials import LARGEST, credential_in, may_be_credentials
from .tag import ImageName, fill_template, names_commit
from .tree import Tree, snapshot

INPUTS_LABEL = "io.github.hubpress.inputs"
MOST_LOOKED_AT = 10_000
_AT_ONCE = 500
_CHUNK = 1024 * 1024
# The range of file times in a build context: thirty years from 1980 on, the earliest year in ZIP archives.
_EARLIEST, _SPAN = 315_532_800, 30 * 365 * 24 * 60 * 60
# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md#the-pointer
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_LFS_FILTERS = r"^filter\.lfs\.(smudge|process)$"

# Fields of a bake target by options with a value: those with the option's name, and others.
_SAME = ("attest", "cache-from", "cache-to", "network", "no-cache-filter", "secret", "shm-size", "ssh", "target")
_FIELDS = {f"--{name}": name for name in _SAME} | {
    "--annotation": "annotations",
    "--build-arg": "args",
    "--build-context": "contexts",
    "--label": "labels",
    "--provenance": "attest",
    "--sbom": "attest",
    "--ulimit": "ulimits",
}
# Fields with a single value, and fields with named values. Other fields are lists.
_SINGLE, _MAPPINGS = ("network", "shm-size", "target"), ("args", "contexts", "labels")
_ATTESTATIONS = ("--provenance", "--sbom")  # shorthands for --attest
# Without a field, the option does not change the image: it is for the older builder, or for the output.
_SWITCHES = {"--no-cache": "no-cache", "--pull": "pull", "--force-rm": "", "--quiet": "", "--rm": ""}
# Values of --build-context that are not local folders.
_ELSEWHERE = ("docker-image://", "target:", "http://", "https://", "git://", "ssh://", "git@", "github.com/")
# Of all these, the options that reach beyond this machine.
_OUTWARD = ("--cache-from", "--cache-to")
_TRUTH = {**dict.fromkeys(("1", "t", "true"), True), **dict.fromkeys(("0", "f", "false"), False)}


class Sources(NamedTuple):
    """The files of an image, relative to the repository's top, and its stage in the Dockerfile.

    ``folders`` are the build context and local named contexts, ``built_from`` everything that a builder gets, with the
    Dockerfile's ignore file, and ``all`` also the other ``paths`` in chartpress.yaml.
    """

    folders: tuple[str, ...]
    dockerfile: str
    built_from: tuple[str, ...]
    all: tuple[str, ...]
    target: str


def sources_of(hub: Hub, image: HubImage) -> Sources:
    """Return the files of ``image``; raise Refused for paths outside of the repository."""
    spec, where = image.spec, f"{hub.layout.file}: images.{image.spec.key}"
    options = bake_fields(spec.extra_options, f"{where}.extraBuildCommandOptions", {}, strict=False)

    def inside(path: str, key: str) -> str:
        whole = join(hub.layout.root, path)
        if whole.startswith(("/", "../", *_ELSEWHERE)) or whole == ".." or not whole.isprintable():
            raise Refused(
                f"{path} is not a path inside of the repository",
                where=f"{where}.{key}",
                hint="an image is built from what is committed: move the files into the repository, and name them "
                "there",
            )
        return whole

    named = (path for path in options.get("contexts", {}).values() if not path.startswith(_ELSEWHERE))
    folders = (inside(spec.context, "contextPath"), *(inside(path, "extraBuildCommandOptions") for path in named))
    dockerfile = inside(spec.dockerfile, "dockerfilePath")
    built_from = (*folders, dockerfile, f"{dockerfile}{IGNORE_FILE}")
    others = (inside(path, "paths") for path in spec.paths if join(hub.layout.root, path) != hub.layout.file)
    return Sources(folders, dockerfile, built_from, (*built_from, *others), options.get("target", ""))


def counted_paths(hub: Hub, image: HubImage) -> list[str]:
    """Return the paths whose changes change the image.

    The context is not included with ``rebuildOnContextPathChanges: false``.
    """
    sources, paths = sources_of(hub, image), hub.paths_of(image)
    return [path for path in sources.all if path != sources.folders[0] or is_below(path, paths)]


def inputs_hash(hub: Hub, image: HubImage, tree: Tree, base: str, platform: str, name: ImageName | None = None) -> str:
    """Return the SHA-256 of an image's inputs, as 64 hexadecimal digits.

    The inputs are git's objects at ``counted_paths``, the build arguments and options (filled in if ``name`` has a
    commit, else as written), ``Base.identity`` and the platforms.
    """
    arguments: list[object] = [dict(image.spec.build_args), image.spec.extra_options]
    if name and name.commit:
        filled, options = filled_in(hub, image, name)
        arguments = [*(f"{key}={value}" for key, value in filled.items()), *options]
    inputs = {
        "arguments": arguments,
        "base": base,
        "dockerfile": sources_of(hub, image).dockerfile,
        "objects": tree.written_as(counted_paths(hub, image)),
        "platform": platform,
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def filled_in(hub: Hub, image: HubImage, name: ImageName) -> tuple[dict[str, str], list[str]]:
    """Return the build arguments and extra options of ``image``, filled in like chartpress."""
    spec = image.spec
    names = {"LAST_COMMIT": name.commit, "TAG": name.tag, "BRANCH": hub.branch or ""}
    where = f"{hub.layout.file}: images.{spec.key}"
    arguments = {key: fill_template(value, names, f"{where}.buildArgs") for key, value in spec.build_args.items()}
    return arguments, [
        fill_template(option, names, f"{where}.extraBuildCommandOptions") for option in spec.extra_options
    ]


def source_tree(hub: Hub, images: Sequence[HubImage], revision: str | None = None) -> AbstractContextManager[Tree]:
    """Yield the tree that ``images`` are built from: of ``revision``, else of HEAD.

    If tags name the content, it is the tree of the working files, with planned edits.
    """
    if names_commit(hub.settings.tag):
        return nullcontext(Tree(hub.git, revision or HEAD))
    paths = dict.fromkeys(path for image in images for path in sources_of(hub, image).all)
    return snapshot(hub.git, tuple(paths), planned_bytes(hub.files))


def write_files(hub: Hub, images: Iterable[HubImage], tree: Tree, folder: Path) -> None:
    """Write the files that ``images`` are built from, out of ``tree``, to the empty ``folder``."""
    sources = [sources_of(hub, image) for image in images]
    listed = dict.fromkeys(path for one in sources for path in one.built_from)
    tree.write(tuple(listed), folder)
    for path in dict.fromkeys(tree.real_path(path) for one in sources for path in one.folders):
        for file in (folder / path).rglob("*"):
            if file.is_file() and not file.is_symlink():
                _finish(file, file.relative_to(folder).as_posix(), str(hub.git.clone.git_dir))


def require_buildable(hub: Hub, image: HubImage, tree: Tree) -> None:
    """Check a build's inputs before it starts, including its first 10,000 files."""
    sources = sources_of(hub, image)
    if sources.target.lower() not in image.base.targets:
        stage = f"the stage {sources.target}" if sources.target else "the last stage"
        raise Refused(
            f"{stage} does not build on {image.base.reference}",
            where=image.dockerfile,
            hint="let it build on that: FROM NAME, the name of its stage; or choose that stage: "
            f"extraBuildCommandOptions: [--target=NAME] in {hub.layout.file}",
        )

    def is_ignored(path: str) -> bool:
        return hub.git.ask("check-ignore", "--quiet", "--", path).ok

    objects = tree.objects(sources.built_from)
    for path in (path for path in (*sources.folders, sources.dockerfile) if path not in objects):
        what = "Dockerfile" if path == sources.dockerfile else "build context"
        if submodule := tree.submodule_around(path):
            hint = f"move the Dockerfile and its folder into this repository; other files may stay in {submodule}"
            raise Refused(f"the {what} is in the submodule {submodule}", where=path, hint=hint)
        add = f"git ignores it: git add --force -- {quote(path)}"
        fix = f"commit it, or fix images.{image.spec.key} in {hub.layout.file}"
        raise Unusable(f"the {what} is missing", where=path, hint=add if is_ignored(path) else fix)
    found = copied_files(hub.require(image.dockerfile), image.dockerfile)
    copied = {join(sources.folders[0], path.lstrip("/")): line for path, line in found.items()}
    ignored = [path for path in sorted(copied) if os.path.lexists(hub.git.folder / path) and is_ignored(path)]
    for path in {*ignored} - tree.objects(ignored).keys():
        raise Refused(
            f"the Dockerfile copies {path}, which git ignores",
            where=f"{image.dockerfile}:{copied[path]}",
            hint=f"commit it: git add --force -- {quote(path)}; or make it in the Dockerfile",
        )
    _look_into_files(tree, [tree.real_path(path) for path in sources.folders])


def uncounted_contexts(hub: Hub) -> Iterator[tuple[str, str, str]]:
    """Yield place, message and hint for each named build context whose changes do not change the tag."""
    file = hub.layout.file
    for image in hub.images if names_commit(hub.settings.tag) else ():
        for folder in sources_of(hub, image).folders[1:]:
            if not is_below(folder, hub.paths_of(image)):
                what = f"{image.spec.key}: changes of its build context {folder} make no new tag"
                yield file, what, f"add {posixpath.relpath(folder, hub.layout.root or '.')} to its paths in {file}"


def loose_files(hub: Hub, images: Sequence[HubImage]) -> dict[str, list[str]]:
    """Return each image's files that will not be committed when it is built, by the images' keys."""
    if names_commit(hub.settings.tag):
        paths = [path for image in images for path in hub.paths_of(image)]
        planned = hub.changed if planned_bytes(hub.files) else ()
        changed = dict.fromkeys((*hub.git.changed(paths), *planned))
        found = {one.spec.key: [file for file in changed if is_below(file, hub.paths_of(one))] for one in images}
    else:
        with source_tree(hub, images) as tree:
            found = {one.spec.key: [*tree.differing_files(HEAD, sources_of(hub, one).all)] for one in images}
    # Edits that put back what is committed leave nothing to commit.
    restored = {path for path, data in planned_bytes(hub.files).items() if data == hub.committed.read(path)}
    done = hub.pending | restored
    loose = {
        key: [file for file in files if file not in done and not file.endswith(SUFFIX)] for key, files in found.items()
    }
    return {key: files for key, files in loose.items() if files}


def require_watched(hub: Hub, images: Sequence[HubImage]) -> None:
    """Check that the files that say how to build ``images`` have no changes that git was told not to see."""
    files = {hub.layout.file, *(image.dockerfile for image in images)}
    for path in sorted(files & hub.listing.unwatched):
        if not hub.git.same_to_git(path, hub.files.read(path), hub.committed.read(path)):
            raise Refused(
                "the file has changes that git was told not to see",
                where=path,
                hint=f"{SEE_CHANGES.format(quote(path))}; then commit them, or take them back",
            )


def require_committed(hub: Hub, images: Sequence[HubImage]) -> None:
    """Check that the images' files are committed, and that every commit that changes them changes the tag.

    If the Dockerfile or a build context is a link, its target must be in ``paths`` too: else commits to it do not.
    """
    by_commit = names_commit(hub.settings.tag)
    for image, sources in ((one, sources_of(hub, one)) for one in images if by_commit):
        covered = hub.paths_of(image)
        for path in (sources.dockerfile, *sources.folders):
            real = behind_links(hub.git.folder, path)
            if is_below(path, covered) and not is_below(real, covered):
                raise Refused(
                    f"{path} is a link to {real}, whose changes give the image no new tag",
                    where=f"{hub.layout.file}: images.{image.spec.key}",
                    hint=f"add {real} to the image's paths in {hub.layout.file}, or replace the link by the file",
                )
    why = "its tag names the last commit" if by_commit else "a release does not commit them"
    for key, loose in loose_files(hub, images).items():
        raise Refused(
            f"the image {key} has files that are not committed",
            where=", ".join(loose[:3]),
            hint=f"{to_commit(hub, loose)}; {why}",
        )


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
    """Check that a file of a build context contains no credentials, and is not a pointer of Git LFS."""
    found = credential_in(path, data)
    if found:
        take_out = f"git rm --cached -- {quote(path)}"
        hint = f"anyone with the image can read it: {take_out}, commit that, and mount it in the cluster"
        raise Refused(f"the build context holds {found}", where=path, hint=hint)
    if data.startswith(_LFS_POINTER) and not has_lfs:
        hint = "git lfs install && git lfs pull; then run the same command again"
        raise Refused("Git LFS is not set up: in place of the file there is a pointer to it", where=path, hint=hint)


def _finish(file: Path, path: str, seed: str) -> None:
    """Check a file of a build context, and set its time to a hash of its content.

    A builder reuses a file from the previous build if size and time are the same, so only changes are sent. ``seed``
    differs for each clone, so that nobody can craft two files with the same time.
    """
    content = hashlib.blake2b(seed.encode("utf-8", "surrogateescape"), digest_size=8)
    with file.open("rb") as stream:
        first = stream.read(LARGEST + 1)
        _require_usable(path, first)
        content.update(first)
        while more := stream.read(_CHUNK):
            content.update(more)
    # Vary the seconds too: some file systems store only those.
    number = int.from_bytes(content.digest(), "big")
    moment = (_EARLIEST + number % _SPAN) * 10**9 + number // _SPAN % 10**9
    os.utime(file, ns=(moment, moment))


def extra_fields(hub: Hub, spec: ImageSpec, options: Sequence[str]) -> dict[str, Any]:
    """Return the fields of a bake target for an image's extra ``options``; raise Unusable for unsupported ones."""
    return bake_fields(options, f"{hub.layout.file}: images.{spec.key}.extraBuildCommandOptions", os.environ)


def bake_fields(options: Sequence[str], where: str, env: Mapping[str, str], *, strict: bool = True) -> dict[str, Any]:
    """Return the fields of a bake target for the ``options`` of ``docker build``.

    Unsupported and invalid options are refused if ``strict``, else ignored.
    """
    given: dict[str, Any] = {}
    words = iter(options)
    for option, sign, value in (word.partition("=") for word in words):
        fault, truth = "", _TRUTH.get(value.lower())
        field = _SWITCHES.get(option) or _FIELDS.get(option, "")
        if option in _SWITCHES:
            fault = f"{value!r} is neither true nor false" if sign and truth is None else ""
            given[field] = truth or not sign
        elif not field:
            fault = "bake has no field for it"
        elif not sign and (value := next(words, "")) == "":
            fault = "its value is missing"
        elif field in _SINGLE:
            given[field] = value
        else:
            given.setdefault(field, []).append(_attestation(option, value) if option in _ATTESTATIONS else value)
        if fault and strict:
            raise Unusable(
                f"an extra build option cannot be used: {option}: {fault}",
                where=where,
                hint=f"take it out, or build as chartpress does: {CLI} build --engine chartpress",
            )
    for key in (key for key in _MAPPINGS if key in given):
        # An argument without a value comes from the environment.
        texts = [f"{one}={env[one]}" if key == "args" and one in env else one for one in given[key]]
        pairs = (one.partition("=") for one in texts if key != "args" or "=" in one)
        given[key] = {name: text for name, _, text in pairs}
    return {key: value for key, value in given.items() if key and value}


def outward_options(options: Sequence[str]) -> Iterator[int]:
    """Yield the positions of the ``options`` of ``docker build``, and their values, that may reach beyond this machine.

    These are the shared cache, and all options that bake has no field for: ``--tag``, ``--output``, ``--push``.
    """
    is_value = False
    for at, (option, sign, _) in enumerate(word.partition("=") for word in options):
        is_known = option in _SWITCHES or (option in _FIELDS and option not in _OUTWARD)
        if not is_value and not is_known:
            yield at
        is_value = not is_value and is_known and option in _FIELDS and not sign


def _attestation(option: str, value: str) -> str:
    """Return the ``--attest`` for a shorthand; its value is a boolean, or parameters."""
    parameters: dict[bool | None, str] = {True: "", False: ",disabled=true"}
    return f"type={option.removeprefix('--')}{parameters.get(_TRUTH.get(value.lower()), f',{value}')}"
