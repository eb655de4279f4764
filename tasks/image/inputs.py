"""What an image is built from: the files of one git tree, its build arguments and options, its base, its platform.

The hash of that is ``{content}`` in a tag, and a label of every image: the same inputs are known again after a squash,
a rebase or an amended commit, on every machine and in a shallow clone.

No build context may hold a credential file, recognised by content and, where that is not enough, by name. Values with a
secret among them do not count, nor does an encrypted (git-crypt, sops), empty or example file.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import string
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from fnmatch import translate
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

from ..core.faults import Refused, Unusable
from ..core.visible import mask, names_secret
from ..repo.dockerfile import copied_files, line_below
from ..repo.files import behind_links, bytes_to_be, is_below, join
from ..repo.hub import Hub, HubImage
from ..repo.values import GIT_CRYPT
from ..tools.command import as_mapping
from .definition import context_folder, local_contexts, target_stage
from .tag import ImageName, render
from .tree import Tree, snapshot

INPUTS_LABEL = "io.github.hubpress.inputs"
MOST_LOOKED_AT = 10_000
_AT_ONCE = 500
_IGNORE_FILE = ".dockerignore"
_CHUNK = 1024 * 1024
# The times of files in a build context: thirty years from 1980 on, before which a ZIP archive has none.
_EARLIEST, _SPAN = 315_532_800, 30 * 365 * 24 * 60 * 60
LARGEST = 64 * 1024
# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md#the-pointer
_LFS_POINTER, _LARGEST_POINTER = b"version https://git-lfs.github.com/spec/", 1024
_LFS_FILTERS = r"^filter\.lfs\.(smudge|process)$"
# Most keys and tokens are far smaller than what may hold several of them.
_LIKELY = 16 * 1024
# The beginning of an encrypted value, or of a reference to one.
_NO_SECRET = ("ENC[", "<", "$", "{", "%")
_SHORTEST_PASSWORD = 8
_BOM = b"\xef\xbb\xbf"
# https://docs.docker.com/reference/cli/docker/login/
_LOGIN_SECRETS = ("auth", "password", "identitytoken", "registrytoken")
_PEM = re.compile(r"^-----BEGIN [^\n]*PRIVATE KEY[^\n]*\n((?:(?!-----(?:BEGIN|END) )[^\n]*\n)*)-----END ", re.MULTILINE)
_PEM_LETTERS = frozenset(f"{string.ascii_letters}{string.digits}+/=")
_LOGIN = re.compile(r"://([^/\s:@]*):?([^/\s@]*)@")
_HEADER = re.compile(r"^(?:.*=)?\s*authorization: ", re.MULTILINE | re.IGNORECASE)
# https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
_OF_A_USER = r"""(?<![\w-])(?:client-key-data|token|password)["']?\s*:\s*["']?([^\s"',}]+)"""
_GOOGLES_SECRETS = {
    "authorized_user": "refresh_token",
    "external_account_authorized_user": "refresh_token",
    "service_account": "private_key",
}


class Sources(NamedTuple):
    """Where the files of an image are, relative to the repository's top.

    ``contexts`` are the local folders of named build contexts, ``others`` what else chartpress.yaml lists in ``paths``.
    """

    context: str
    dockerfile: str
    contexts: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def folders(self) -> tuple[str, ...]:
        """The build contexts."""
        return (self.context, *self.contexts)

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
    contexts = local_contexts(spec.extra_options, f"{where}.extraBuildCommandOptions")
    others = (path for path in spec.paths if join(hub.layout.root, path) != hub.layout.file)
    return Sources(
        _inside(hub, spec.context, f"{where}.contextPath"),
        _inside(hub, spec.dockerfile, f"{where}.dockerfilePath"),
        tuple(_inside(hub, path, f"{where}.extraBuildCommandOptions") for path in contexts),
        tuple(_inside(hub, path, f"{where}.paths") for path in others),
    )


def counted_paths(hub: Hub, image: HubImage) -> list[str]:
    """Return the paths whose change makes another image.

    The context is not among them with ``rebuildOnContextPathChanges: false``.
    """
    sources, paths = sources_of(hub, image), hub.paths_of(image)
    return [path for path in sources.all if path != sources.context or is_below(path, paths)]


def inputs_hash(hub: Hub, image: HubImage, tree: Tree, base: str, platform: str, name: ImageName | None = None) -> str:
    """Return the SHA-256 of what ``image`` is built from, as 64 hexadecimal digits.

    That is: the names of git's objects at ``counted_paths``, its build arguments and options (as ``name`` fills them in
    where that names a commit, else as they are written), ``Base.identity`` and the platforms.
    """
    spec, sources = image.spec, sources_of(hub, image)
    _require_there(hub, sources, tree.objects(sources.all))
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
    planned = ((path, bytes_to_be(hub.files, path)) for path in hub.managed)
    return snapshot(hub.git, tuple(paths), {path: data for path, data in planned if data is not None})


def write_files(hub: Hub, images: Iterable[HubImage], tree: Tree, folder: Path) -> None:
    """Write what ``images`` are built from out of ``tree`` into the empty ``folder``."""
    sources = [sources_of(hub, image) for image in images]
    listed = dict.fromkeys(path for one in sources for path in one.built_from)
    tree.write(tuple(listed), folder)
    for path in dict.fromkeys(tree.real_path(path) for one in sources for path in one.folders):
        for at, _, names in os.walk(folder / path):
            below = Path(at).relative_to(folder).as_posix()
            for name in names:
                file = Path(at, name)
                if not file.is_symlink():
                    _finish(file, join(below, name), str(hub.git.git_dir))


def require_buildable(hub: Hub, image: HubImage, tree: Tree) -> None:
    """Check what can be seen of a build before it: of its files the first 10,000."""
    sources = sources_of(hub, image)
    target = target_stage(image.spec.extra_options, hub.layout.file)
    is_on_base = image.base.is_last
    if target:
        arguments, dockerfile = image.spec.arguments, image.dockerfile
        is_on_base = line_below(hub.require(dockerfile), dockerfile, target, arguments) == image.base.line
    if not is_on_base:
        raise Refused(
            f"{f'the stage {target}' if target else 'the last stage'} does not build on {image.base.reference}",
            where=image.dockerfile,
            hint="let it build on that: FROM NAME, the name of its stage; or choose that stage: "
            f"extraBuildCommandOptions: [--target=NAME] in {hub.layout.file}",
        )
    _require_there(hub, sources, tree.objects(sources.all))
    _require_not_ignored(hub, image, tree, sources)
    _look_into_files(tree, [tree.real_path(path) for path in sources.folders])


def require_stable(hub: Hub, image: HubImage) -> None:
    """Refuse values among an image's inputs: a build writes them, so its own ``{content}`` would differ each time."""
    inputs = counted_paths(hub, image)
    for place in hub.places:
        if is_below(place.file, inputs):
            raise Refused(
                f"the build context holds {place.file}, so each build would make another {{content}}",
                where=sources_of(hub, image).context,
                hint=f"give the image its own folder: {_keys(hub)[0]} in {hub.layout.file}",
            )


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
    if whole.startswith(("/", "../")) or whole == ".." or not whole.isprintable():
        raise Refused(
            f"{path} is not a path inside of the repository",
            where=where,
            hint="an image is built from what is committed: move the files into the repository, and name them there",
        )
    if context_folder(whole) != whole:
        raise Refused(
            f"Docker takes {whole} for an address", where=where, hint=f"git mv {quote(whole)} to another folder"
        )
    return whole


def _keys(hub: Hub) -> tuple[str, str]:
    return ("contextPath", "dockerfilePath") if hub.layout.charts else ("context", "dockerfile")


def _require_there(hub: Hub, sources: Sources, objects: Iterable[str]) -> None:
    for path, what, key in (
        (sources.context, "the build context", _keys(hub)[0]),
        (sources.dockerfile, "the Dockerfile", _keys(hub)[1]),
        *((path, "a named build context", "extraBuildCommandOptions") for path in sources.contexts),
    ):
        if path not in objects:
            add = f"git ignores it: git add --force -- {quote(path)}"
            fix = f"commit it, or fix {key} in {hub.layout.file}"
            raise Unusable(f"{what} is missing", where=path, hint=add if _is_ignored(hub, path) else fix)


def _require_not_ignored(hub: Hub, image: HubImage, tree: Tree, sources: Sources) -> None:
    found = copied_files(hub.require(image.dockerfile), image.dockerfile)
    copied = {join(sources.context, path.lstrip("/")): line for path, line in found.items()}
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
    files = [one for one in listed if _is_likely_credential(one.path, one.size)]
    for first in range(0, len(files), _AT_ONCE):
        some = files[first : first + _AT_ONCE]
        for entry, data in zip(some, tree.blobs(some), strict=True):
            _require_no_credential(entry.path, data)
            if _is_pointer(data) and not tree.git.ask("config", "--get-regexp", _LFS_FILTERS).ok:
                raise _pointer(entry.path)
    for inner, inside in tree.submodules(folders).values():
        _look_into_files(inner, inside)


def _is_pointer(data: bytes) -> bool:
    return data.startswith(_LFS_POINTER) and len(data) < _LARGEST_POINTER


def _pointer(path: str) -> Refused:
    hint = "git lfs install && git lfs pull; then run the same command again"
    return Refused("Git LFS is not set up: in place of the file there is a pointer to it", where=path, hint=hint)


def _require_no_credential(path: str, data: bytes) -> None:
    found = credential_in(path, data)
    if found:
        take_out = f"git rm --cached -- {quote(path)}"
        hint = f"anyone with the image can read it: {take_out}, commit that, and mount it in the cluster"
        raise Refused(f"the build context holds {found}", where=path, hint=hint)


def _finish(file: Path, path: str, seed: str) -> None:
    """Check that a file of a build context is itself and no credentials, and give it a time that tells its content.

    A builder takes a file of the same size and time for the one that it got from the build before: so only what has
    changed is sent to it. ``seed`` is different in each clone: nobody can make two files for the same time.
    """
    content = hashlib.blake2b(seed.encode("utf-8", "surrogateescape"), digest_size=8)
    with file.open("rb") as stream:
        first = stream.read(LARGEST + 1)
        _require_no_credential(path, first)
        if _is_pointer(first):
            raise _pointer(path)
        content.update(first)
        while more := stream.read(_CHUNK):
            content.update(more)
    # Both the seconds and what is below them: some file systems keep only seconds.
    number = int.from_bytes(content.digest(), "big")
    moment = (_EARLIEST + number % _SPAN) * 10**9 + number // _SPAN % 10**9
    os.utime(file, ns=(moment, moment))


def _is_likely_credential(path: str, size: int) -> bool:
    """Whether a file of that path and size is worth a look into it (:func:`credential_in`) before it is written out."""
    is_named = any(kind.called.match(f"/{path}") for kind in _KINDS if not kind.sign)
    return size <= _LIKELY or (size <= LARGEST and is_named)


def credential_in(path: str, data: bytes) -> str | None:
    """Return the kind of credentials in a file, for people, or None; one larger than ``LARGEST`` has none."""
    kinds = [kind for kind in _KINDS if kind.sign in data and kind.called.match(f"/{path}")]
    is_json = data.removeprefix(_BOM).lstrip().startswith(b"{")
    if len(data) > LARGEST or data.startswith(GIT_CRYPT) or not (kinds or is_json):
        return None
    text = data.decode("utf-8-sig", "replace")
    try:
        document = as_mapping(json.loads(text)) if is_json else {}
    except (ValueError, RecursionError):
        document = {}
    if "sops" in document:
        return None
    if _is_googles(document):
        return "credentials of Google Cloud"
    logins = map(as_mapping, as_mapping(document.get("auths")).values())
    if any(_is_given(login.get(name)) for login in logins for name in _LOGIN_SECRETS):
        return "a registry's password"
    return next((kind.what for kind in kinds if kind.opens(text)), None)


class _Kind(NamedTuple):
    """One kind of credential file; each contains ``sign``, so that few files need a closer look."""

    what: str
    called: re.Pattern[str]
    opens: Callable[[str], bool]
    sign: bytes = b""


def _called(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(translate(f"*/{pattern}") for pattern in patterns))


def _is_googles(document: dict[str, Any]) -> bool:
    """Whether it is one of https://cloud.google.com/docs/authentication/application-default-credentials.

    Those of a workload identity federation are secret only with a token to exchange in them
    (https://google.aip.dev/auth/4117), as google-github-actions/auth writes them.
    """
    kind = document.get("type")
    if kind == "external_account":
        headers = as_mapping(as_mapping(document.get("credential_source")).get("headers"))
        return "authorization" in map(str.lower, headers)
    source = as_mapping(document.get("source_credentials")) if kind == "impersonated_service_account" else document
    secret = _GOOGLES_SECRETS.get(str(source.get("type")))
    return secret is not None and _is_given(source.get(secret))


def _is_given(value: object) -> bool:
    """Whether ``value`` is itself a secret: neither empty, nor encrypted, nor a reference."""
    return isinstance(value, str) and bool(value.strip()) and not value.strip().startswith(_NO_SECRET)


def _has_private_key(text: str) -> bool:
    """Whether it has a private key in PEM (RFC 7468), and not only a placeholder for one: ``...``."""
    keys = ([line.rstrip() for line in key.splitlines()] for key in _PEM.findall(text))
    contents = ([line for line in key if line and ": " not in line] for key in keys)
    return any(lines and all(_PEM_LETTERS.issuperset(line) for line in lines) for lines in contents)


def _has_value(pattern: str) -> Callable[[str], bool]:
    """Return the question whether what ``pattern`` finds in a text is a secret itself."""
    return lambda text: any(map(_is_given, re.findall(pattern, text, re.MULTILINE | re.IGNORECASE)))


def _has_address(text: str) -> bool:
    """Whether an address has a password or token, or a header that actions/checkout puts into ``.git/config`` does.

    See https://git-scm.com/docs/git-credential-store.
    """
    logins = _LOGIN.findall(text)
    return any(_is_given(password) or mask(user) != user for user, password in logins) or bool(_HEADER.search(text))


def _has_variable(text: str) -> bool:
    """Whether a file of variables sets one with a secret's name to a possible secret."""
    lines = (line.strip().removeprefix("export ").partition("=") for line in text.splitlines())
    set_ones = ((name.strip(), value.strip().strip("'\"")) for name, _, value in lines if not name.startswith("#"))
    return any(len(value) >= _SHORTEST_PASSWORD and _is_given(value) and names_secret(name) for name, value in set_ones)


_KINDS = (
    _Kind("a private key", re.compile(""), _has_private_key, b"PRIVATE KEY"),
    _Kind("a private key", re.compile(""), _has_value(r"^AGE-SECRET-KEY-1(\w{58})"), b"AGE-SECRET-KEY-1"),
    _Kind(
        "a private key", re.compile(""), _has_value(r"^Encryption: none$[\s\S]*?(Private-Lines:)"), b"PuTTY-User-Key"
    ),
    _Kind("credentials of Google Cloud", _called("gha-creds-*.json", "application_default_credentials.json"), bool),
    _Kind("a web server's password", _called(".netrc", "_netrc"), _has_value(r"(?:^|\s)password\s+(\S+)")),
    _Kind("git's password", _called(".git-credentials", ".git/config"), _has_address),
    _Kind("a package index's password", _called(".pypirc"), _has_value(r"^password[ \t]*[=:](.*)")),
    _Kind("a package index's password", _called("pip.conf", "pip.ini"), _has_address),
    _Kind("a package registry's token", _called(".npmrc"), _has_value(r"_authToken[ \t]*=(.*)")),
    _Kind("a key of AWS", _called("credentials", ".aws/config"), _has_value(r"^aws_secret_access_key[ \t]*=(.*)")),
    _Kind(
        "a cluster's credentials", _called(".kube/config", "*kubeconfig", "*kubeconfig.y*ml"), _has_value(_OF_A_USER)
    ),
    _Kind("a secret variable", _called(".env", ".env.local", ".env.prod*", ".env.secret*"), _has_variable),
)
