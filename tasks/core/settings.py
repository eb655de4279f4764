"""The settings, from all their sources in one validated record.

Later sources win: the defaults, ``hub:`` in Invoke's files of the machine and of the user, in the hub repository's
``invoke.yaml``, in the file of ``-f``, ``INVOKE_HUB_*`` in the environment, the command line.
``docs/settings.md`` is made from the docstring of :class:`Settings`.
"""

from __future__ import annotations

import contextlib
import os
import re
import reprlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import platformdirs
from invoke.config import Config, DataProxy
from invoke.exceptions import UnknownFileType
from invoke.util import yaml

from .faults import Unusable, nearest
from .names import is_name
from .safe_files import is_inside, is_passable, read_file

SECTION = "hub"
FILE = "invoke.yaml"
KEEP, CHART = "keep", "chart"
CACHE_OFF, CACHE_ON, CACHE_INLINE, CACHE_REGISTRY = "off", "on", "inline", "registry"
CHARTPRESS = "chartpress"
PROVENANCE = "provenance"
# What buildx calls them (https://docs.docker.com/build/metadata/attestations/).
ATTESTATIONS = {
    PROVENANCE: "type=provenance,mode=min",
    "provenance-max": "type=provenance,mode=max",
    "sbom": "type=sbom",
}
_PREFIX = "INVOKE_HUB_"
_YES, _NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_LARGEST_FILE = 1024 * 1024
# As `kubectl version` shows it, with what a provider puts behind: v1.30.5-gke.1014001.
_KUBERNETES = re.compile(r"v?\d+\.\d+(\.\d+)?([-+][\w.+-]+)?", re.ASCII)
# What Invoke raises over a file that it cannot use: a list, a number for a key.
_INVOKE_ERRORS = (
    *(OSError, ValueError, LookupError, AttributeError, TypeError, RecursionError),
    *(UnknownFileType, yaml.YAMLError),
)
# Shows a wrong value in one line, however large it is or however often it holds itself.
_shown = reprlib.Repr()
_shown.maxlevel, _shown.maxstring, _shown.maxother = 2, 60, 60
_taken: dict[str, str] = {}


class ValuesTarget(NamedTuple):
    """A place that an image (None: every image that is built) is written to: a values file, a dotted path in it."""

    file: str
    path: str
    image: str | None = None


class DeploymentSetting(NamedTuple):
    """One installation of the chart, its values files the strongest last; namespace and release are else its name."""

    name: str
    values: tuple[str, ...] = ()
    namespace: str | None = None
    release: str | None = None
    chart: str | None = None


# The codes of problems that others than checks tell too: values that the chart refuses, a cluster that is too old, and
# values that a build leaves.
VALUES_INVALID, KUBERNETES_TOO_OLD, VALUES_DIFFER = "values-invalid", "kubernetes-too-old", "values-differ"


class Accepted(NamedTuple):
    """Problems that are intended; ``path`` is a pattern that their file fits."""

    code: str
    path: str | None = None

    def covers(self, code: str, path: str) -> bool:
        """Whether it accepts a problem in the file ``path``."""
        return self.code == code and (self.path is None or fnmatchcase(path, self.path))


class WholeImage(NamedTuple):
    """A hub image that chartpress.yaml does not name; its attributes are those of the setting ``images``."""

    context: str
    name: str
    dockerfile: str | None = None
    values: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


class PinTarget(NamedTuple):
    """A place of the release's version: a file or a glob, and a dotted path in it, or what marks the version's line."""

    file: str
    path: str | None = None
    marker: str | None = None


class Settings(NamedTuple):
    """One run's settings; each attribute is a key of ``hub:``.

    Attributes:
        repo: the hub repository (default: the one around the current folder).
        root: the folder of chartpress.yaml, relative to the repository's top (default: detected).
        chart: the chart that depends on Zero to JupyterHub: its name in chartpress.yaml, its folder, or the folder's
            name (default: detected).
        dependency: the name of the chart requirement.
        images: the images to build, by their keys in chartpress.yaml (default: those that inherit from z2jh's hub
            image). If chartpress.yaml does not list the images, a list of {context, name, dockerfile, values, paths}.
            ``values`` are the image's paths in the chart's values.yaml. Commits that change ``paths`` change the tag
            (default: the context and the Dockerfile).
        chart_repository: the address of the Helm repository (default: from the requirement). Plain http to another
            machine is allowed only here.
        base: ``keep`` the base image's repository as in the Dockerfile, or use the ``chart``'s.
        platform: the platform that the image must run on.
        push: whether ``build`` pushes images; false is the same as ``--no-push``.
        builder: the buildx builder (default: Docker's current one).
        tag: ``chartpress``, or a template of {chart_version} (the pinned z2jh release), {base_version}, and {content}
            or {commit} and {commits}. {content} is a hash of the files in the working tree (tracked and new, without
            ignored ones), build arguments, base image and platform; ``release`` refuses files that it would not commit.
            Without {commit} or {content} different files can get the same tag: hubpress uses such an image only if its
            inputs are the same.
        values: more places to write an image to: ``{file, path, image}``. ``file`` can be a glob; then only files that
            already name the image are changed.
        pins: more places of the release's version: ``{file, path}`` or ``{file, marker}`` (docs/tasks/bump.md).
        deployments: the installations of the chart that ``preview`` renders, a list of {name, values, chart,
            namespace, release}; without a chart here, those of z2jh's own. ``values`` are the values files, the
            strongest last. ``chart`` is the folder of a chart that depends on the hub's by ``file://`` (default: the
            hub's chart, or the ``helm_chart`` of the values files in a cluster.yaml). ``namespace`` and ``release`` are
            Helm's (default: the name) (default: those of hubploy, folders with hubploy.yaml, else the ``hubs`` in each
            cluster.yaml).
        kubernetes: the Kubernetes version of the clusters (``1.30``).
        preview: whether ``release``, pull requests, ``check`` and ``status`` render the chart.
        remote: the git remote to push branches to (default: from git's configuration, else ``origin``).
        upstream: the repository for pull requests: a git remote, an address, or ``OWNER/NAME`` on the same host
            (default: the choice of ``gh repo set-default``, the remote ``upstream``, the parent of the fork, else
            ``remote``).
        base_branch: the branch for pull requests (default: the upstream's default branch).
        branch: the name of the feature branch, a template of {version}.
        labels: the labels of pull requests. Labels from actions/labeler's file are added if a workflow opens the pull
            request, because that starts no other workflow.
        reviewers: the reviewers of new pull requests.
        next_steps: what the team does after a release, a list of steps or one step a line. Steps can contain {version},
            {branch} and {pull_request} (default: from the repository's labels, deployments and production branch).
        cache: the build cache that colleagues share: ``off``, ``inline`` (in the images), ``registry`` (next to the
            images, under the tag ``buildcache``), or ``on`` to let the builder decide.
        attest: what a build states about the images it pushes: ``provenance``, ``provenance-max`` (with the Dockerfile
            and the build arguments) and ``sbom`` (docs/builders.md).
        sign: the key to sign images with, using cosign: a file, relative to the repository's top, or the address of a
            key service (``gcpkms://…``, ``awskms://…``, ``azurekms://…``, ``hashivault://…``, ``k8s://…``). The
            password of a file is read from COSIGN_PASSWORD (default: images are not signed; docs/tasks/build.md).
        verify: the public key that ``check`` verifies signatures with, in the same form (default: ``build`` uses the
            service of ``sign``, or the ``.pub`` beside its ``.key``; ``check`` verifies nothing).
        public_log: whether to record signatures in Sigstore's public log, and require them there; it shows the image's
            digest to everyone.
        cache_folder: the folder for downloads from the Helm repository; in invoke.yaml relative to the repository's top
            (default: in the user's cache folder).
        accept: intended problems, by code (docs/checks.md), optionally with a pattern for the file's path:
            ``[image-override, {code: values-differ, path: deployments/*}]``. ``check`` shows them as accepted,
            and ``bump`` leaves accepted copies of the chart and pins alone.
    """

    repo: str | None = None
    root: str | None = None
    chart: str | None = None
    dependency: str = "jupyterhub"
    images: tuple[str | WholeImage, ...] = ()
    chart_repository: str | None = None
    base: str = KEEP
    platform: str = "linux/amd64"
    push: bool = True
    builder: str | None = None
    tag: str = CHARTPRESS
    values: tuple[ValuesTarget, ...] = ()
    pins: tuple[PinTarget, ...] = ()
    deployments: tuple[DeploymentSetting, ...] = ()
    kubernetes: str | None = None
    preview: bool = True
    remote: str | None = None
    upstream: str | None = None
    base_branch: str | None = None
    branch: str = "bump-z2jh-{version}"
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    cache: str = CACHE_OFF
    attest: tuple[str, ...] = ()
    sign: str | None = None
    verify: str | None = None
    public_log: bool = False
    cache_folder: str | None = None
    accept: tuple[Accepted, ...] = ()

    @property
    def image_keys(self) -> tuple[str, ...]:
        """The images that are named by their keys."""
        return tuple(one for one in self.images if isinstance(one, str))

    @property
    def whole_images(self) -> tuple[WholeImage, ...]:
        """The images that chartpress.yaml does not name."""
        return tuple(one for one in self.images if isinstance(one, WholeImage))

    @property
    def fetched(self) -> Path:
        """The folder for what was fetched from the Helm repository."""
        if self.cache_folder:
            return Path(self.cache_folder).expanduser()
        return platformdirs.user_cache_path("hubpress")


KEYS = Settings._fields


class Source(NamedTuple):
    """Settings by their keys, and where they stand, for people."""

    settings: Mapping[str, Any]
    where: str = FILE


def invoke_sources(config: Config) -> tuple[list[Source], Source]:
    """Return what Invoke has read: the settings that a repository's file wins over, and those of ``-f``, which win.

    See https://docs.pyinvoke.org/en/stable/concepts/configuration.html#the-configuration-hierarchy. Invoke itself gives
    only all of its levels in one.
    """
    levels = ("collection", "system", "user", "project", "runtime")
    *below, runtime = (
        Source(section_of(getattr(config, f"_{level}"), where), where)
        for level in levels
        for where in [str(getattr(config, f"_{level}_path", None) or FILE)]
    )
    return below, runtime


def read_settings(
    configured: Mapping[str, Any] | Source,
    repository_file: Path | None = None,
    *,
    repo: str | None = None,
    below: Sequence[Source] = (),
) -> Settings:
    """Return the settings from all their sources; raise Unusable for an unknown key, or a value of the wrong type.

    ``repository_file`` is the hub repository's ``invoke.yaml``, which wins over ``below``; ``configured`` wins over
    both, and ``repo``, that setting from the command line, over all.
    """
    own: dict[str, Any] = {}
    if repository_file is not None:
        with contextlib.suppress(FileNotFoundError), read_by_invoke(repository_file) as data:
            own = section_in(data)
    last = configured if isinstance(configured, Source) else Source(configured)
    given: dict[str, tuple[Any, str]] = {}
    variables = (Source({key: text}, variable(key)) for key, text in _variables().items())
    for source in (*below, Source(own), last, *variables, Source({"repo": repo}, "--repo")):
        for key, value in source.settings.items():
            if value is not None or key not in given:
                given[key] = (value, source.where)
    if unknown := sorted(set(given) - set(KEYS)):
        spell = variable if unknown[0] in _variables() else f"{SECTION}.{{}}".format
        raise _unknown(unknown[0], KEYS, "settings", given[unknown[0]][1], spell)
    settings = Settings(**{key: _read(key, *one) for key, one in given.items() if one[0] is not None})
    if repository_file and settings.cache_folder and given["cache_folder"] == (own.get("cache_folder"), FILE):
        folder = repository_file.parent / Path(settings.cache_folder).expanduser()
        return settings._replace(cache_folder=str(folder))
    return settings


def _read(key: str, value: object, where: str) -> Any:  # noqa: ANN401 - what the key is read as
    default = Settings._field_defaults[key]
    reader = _READERS.get(key) or _BY_DEFAULT[type(default)]
    if where == variable(key) and isinstance(default, tuple):
        value = _in_brackets(str(value))
    try:
        return reader(key, value)
    except _Unknown as fault:
        raise Unusable(fault.what, where=where, hint=fault.hint) from None
    except Unusable as fault:
        hint = fault.hint if where != variable(key) else how_to_correct(key, fault.hint)
        raise Unusable(fault.what, where=where, hint=hint) from None


def section_in(data: bytes) -> dict[str, Any]:
    """Return the settings in the bytes of an ``invoke.yaml``."""
    content = yaml.safe_load(data.decode())  # type: ignore[no-untyped-call]
    if isinstance(content, dict) and SECTION not in content:
        if outside := next((key for key in map(str, content) if key in KEYS), None):
            hint = f"write {SECTION}: {{{outside}: …}}; if it is another program's, add {SECTION}: {{}}"
            raise Unusable(f"{outside} is outside of {SECTION}", where=FILE, hint=hint)
        near = next((key for key in map(str, content) if nearest(key, [SECTION]) and len(key) <= len(SECTION) + 1), "")
        if near:
            hint = f"did you mean {SECTION}? if it is another program's, add {SECTION}: {{}}"
            raise Unusable(f"unknown key {near}", where=FILE, hint=hint)
    return section_of(content)


def section_of(content: object, where: str = FILE) -> dict[str, Any]:
    """Return the settings of a file's content, or of Invoke's; empty where it has none."""
    for what in ("the file is not a mapping", f"{SECTION} is not a mapping of settings"):
        if content is None:
            return {}
        if not isinstance(content, (DataProxy, dict)):
            raise Unusable(what, where=where, hint=f"write {SECTION}: {{}}")
        whole = {str(key): content[key] for key in content.keys()}  # noqa: SIM118 - Invoke's iterates over the keys too
        content = whole.get(SECTION)
    return {key: dict(value) if isinstance(value, DataProxy) else value for key, value in whole.items()}


def require_like(key: str, flag: str, *texts: str) -> None:
    """Check what the command line gives as the setting ``key`` is checked; ``flag`` is an example of it."""
    kind = _FLAGS[key]
    for text in texts:
        if kind.read(text) is None:
            raise Unusable(f"{text!r} is not {kind.wanted}", where=flag.partition(" ")[0], hint=flag)


def variable(key: str) -> str:
    """Return the name of a key's environment variable."""
    return _PREFIX + key.upper()


def take_variables() -> None:
    """Take the settings' variables out of the environment: Invoke would cast them, any ``false`` to true."""
    for name in [name for name in os.environ if name.startswith(_PREFIX)]:
        _taken[name] = os.environ.pop(name)


def invokes_own_files() -> Iterator[Path]:
    """Yield the data files that Invoke looks for settings of the machine and of the user in.

    See https://docs.pyinvoke.org/en/stable/concepts/configuration.html#config-files.
    """
    for place in ("/etc/invoke", "~/.invoke"):
        yield from (Path(f"{place}.{kind}").expanduser() for kind in ("yaml", "yml", "json"))


def require_readable(file: Path) -> None:
    """Check that Invoke can read a file of settings, if it is there: it ends in a traceback where it cannot."""
    with contextlib.suppress(FileNotFoundError), read_by_invoke(file):
        config = Config(runtime_path=file, lazy=True)
        config.load_runtime()
        config.load_shell_env()


@contextlib.contextmanager
def read_by_invoke(file: Path | None) -> Iterator[bytes]:
    """Let Invoke read ``file`` (None: its own files), and yield its bytes; raise FileNotFoundError or Unusable."""
    try:
        yield b"" if file is None else read_file(file, _LARGEST_FILE)
    except FileNotFoundError:
        raise
    except _INVOKE_ERRORS as err:
        where = file or Path(FILE)
        raise Unusable(f"the file {_reason(err)}", where=where.name, hint=f"fix {where}") from err


def _reason(err: Exception) -> str:
    if isinstance(err, OSError):
        return f"cannot be read: {err.strerror}"
    if isinstance(err, UnicodeDecodeError):
        return "is not UTF-8"
    if isinstance(err, yaml.MarkedYAMLError):
        line = f"line {err.problem_mark.line + 1}: " if err.problem_mark else ""
        return f"is not YAML: {line}{err.problem}"
    return "is not YAML" if isinstance(err, yaml.YAMLError) else "is not a mapping that Invoke can read"


def _variables() -> dict[str, str]:
    """Return the settings' variables by their keys; an empty one counts as not set, as CI passes on what it lacks."""
    found = {**_taken, **{name: text for name, text in os.environ.items() if name.startswith(_PREFIX)}}
    return {name.removeprefix(_PREFIX).lower(): text for name, text in found.items() if text.strip()}


class _Unknown(Unusable):
    """A key that is not one of those known."""


def _unknown(
    key: str, known: Sequence[str], kind: str, where: str = FILE, spell: Callable[[str], str] = str
) -> _Unknown:
    near = nearest(key.rpartition(".")[2], known)
    hint = f"did you mean {spell(near)}?" if near else f"the {kind} are: {', '.join(known)}"
    return _Unknown(f"unknown setting {SECTION}.{key}", where=where, hint=hint)


def how_to_correct(key: str, hint: str) -> str:
    """Return the hint for a wrong setting: ``hint`` is for a file, and the environment may win over that."""
    return f"fix {variable(key)}, or unset it" if key in _variables() else hint


def _wrong(key: str, value: object, wanted: str, hint: str) -> Unusable:
    return Unusable(f"{SECTION}.{key} is {_shown.repr(value)}, not {wanted}", where=FILE, hint=hint)


@dataclass(frozen=True)
class _Kind:
    """Reads a kind of value: ``read`` returns None for what is not one, ``hint`` is how to write ``{key}``."""

    read: Callable[[Any], Any]
    wanted: str
    hint: str

    def __call__(self, key: str, value: object) -> Any:  # noqa: ANN401 - what the kind is read as
        found = self.read(value)
        if found is None:
            raise _wrong(key, value, self.wanted, self.hint.format(key=key))
        return found


@dataclass(frozen=True)
class _Records:
    """A list of records written as mappings, or one of them; fields are read by ``readers``, else as texts.

    An entry has the fields ``needed``, or is a text of those in ``short``, separated by a colon.
    """

    record: type[Any]
    needed: tuple[str, ...]
    wanted: str
    wanted_list: str
    hint: str
    readers: Mapping[str, _Reader] = field(default_factory=dict)
    short: tuple[str, ...] = ()

    def __call__(self, key: str, value: object) -> tuple[Any, ...]:
        """Read a list; in the environment its entries may be short, and separated by commas."""
        entries = _names(value) if isinstance(value, str) and self.short else value
        if not isinstance(entries, (list, tuple, dict)):
            raise _wrong(key, value, self.wanted_list, self.hint.format(key=key))
        return tuple(self._entry(key, one) for one in ([entries] if isinstance(entries, dict) else entries))

    def _entry(self, key: str, written: object) -> Any:  # noqa: ANN401 - one of the records
        entry = written
        if isinstance(written, str) and self.short:
            entry = {name: text for name, text in zip(self.short, written.split(":", 1), strict=False) if text}
        fields = self.record._fields
        if isinstance(entry, dict) and (unknown := sorted({*map(str, entry)} - {*fields})):
            raise _unknown(f"{key}.{unknown[0]}", fields, f"keys of {SECTION}.{key}")
        if not isinstance(entry, dict) or not entry.keys() >= {*self.needed} or {"path", "marker"} <= entry.keys():
            raise _wrong(key, written, self.wanted, self.hint.format(key=key))
        given = {name: value for name, value in entry.items() if value is not None}
        read = {name: self.readers.get(name, _text)(f"{key}.{name}", value) for name, value in given.items()}
        return self.record(**read)


def _text(key: str, value: object) -> str:
    """Read a text; most of them are given to programs, which could take one for an option."""
    if isinstance(value, str) and value.strip().startswith("-"):
        raise _wrong(key, value, "a name", "remove the leading -, which makes it an option")
    if isinstance(value, str) and not is_passable(value):
        raise _wrong(key, value, "text that a program can be given", "leave out NUL, and what is not UTF-8")
    if isinstance(value, str) and value.strip():
        return value.strip()
    is_empty = isinstance(value, str)
    raise _wrong(key, value, "text", f"remove {key}, or write its value" if is_empty else "quote it")


def _path(key: str, value: object) -> str:
    path = _text(key, value)
    if is_inside(path):
        return path
    raise _wrong(key, value, "a path in the repository", "name it relative to the repository's top")


def _folder(key: str, value: object) -> str:
    """Read a folder of the repository; slashes around it do not count, and alone they are the top."""
    return _path(key, _text(key, value).strip("/") or ".")


def _paths(key: str, value: object) -> tuple[str, ...]:
    return tuple(_path(key, path) for path in _NAMES(key, value))


def _in_brackets(text: str) -> object:
    """Return the list or mapping that a variable holds as YAML in brackets; any other text as it is."""
    if text.lstrip()[:1] in {"[", "{"}:
        with contextlib.suppress(*_INVOKE_ERRORS):
            return yaml.safe_load(text)  # type: ignore[no-untyped-call]
    return text


def _images(key: str, value: object) -> tuple[str | WholeImage, ...]:
    is_whole = isinstance(value, dict) or (isinstance(value, list) and any(isinstance(one, dict) for one in value))
    images: tuple[str | WholeImage, ...] = (_WHOLE_IMAGES if is_whole else _NAMES)(key, value)
    return images


def _names(value: object) -> tuple[str, ...] | None:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, (list, tuple)) and all(isinstance(part, str) and is_passable(part) for part in value):
        return tuple(value)
    return None


def _lines(value: object) -> tuple[str, ...] | None:
    lines = value.splitlines() if isinstance(value, str) else value
    if isinstance(lines, (list, tuple)) and all(isinstance(line, str) for line in lines):
        return tuple(line.strip().removeprefix("- ") for line in lines if line.strip())
    return None


def _attestations(value: object) -> tuple[str, ...] | None:
    names = _names(value)
    return names if names is not None and ATTESTATIONS.keys() >= {*names} else None


def _cache(value: object) -> str | None:
    """Read a kind of build cache; YAML 1.1, which Invoke reads, takes ``on`` and ``off`` for true and false."""
    word = str(value).strip().lower()
    known = {CACHE_INLINE: CACHE_INLINE, CACHE_REGISTRY: CACHE_REGISTRY}
    return {**known, **dict.fromkeys(_YES, CACHE_ON), **dict.fromkeys(_NO, CACHE_OFF)}.get(word)


def _platform(value: object) -> str | None:
    parts = value.strip().split("/") if isinstance(value, str) else []
    return "/".join(parts) if len(parts) in (2, 3) and all(part.isalnum() for part in parts) else None


def _switch(value: object) -> bool | None:
    """Read a yes or no; a shell's ``false`` means false, which Invoke's own cast would not see."""
    return {**dict.fromkeys(_YES, True), **dict.fromkeys(_NO, False)}.get(str(value).strip().lower())


def _version(value: object) -> str | None:
    """Read a version; where YAML has taken 1.30 for the number 1.3, it cannot be told any more."""
    text = str(value)
    is_cut = isinstance(value, float) and len(text.partition(".")[2]) == 1
    return text if _KUBERNETES.fullmatch(text) and not is_cut else None


_Reader: TypeAlias = Callable[[str, Any], Any]
_NAMES = _Kind(_names, "a list of names", "write {key}: [hub]")
_FILE_HINT = "write {key}: [{{file: ..., path: ...}}]"
_FILE_AND_PATH = ("file", "path")
_WHOLE_IMAGES = _Records(
    WholeImage,
    ("context", "name"),
    "context and name",
    "a list of images",
    "write {key}: [{{context: images/hub, name: HOST/PATH/hub}}]",
    {
        "context": _folder,
        "name": _Kind(
            lambda value: value if isinstance(value, str) and is_name(value) else None,
            "the name of an image",
            "write it as HOST/PATH/NAME in small letters, without a tag",
        ),
        "dockerfile": _path,
        "values": _NAMES,
        "paths": _paths,
    },
)
# The settings that a flag wins over.
_FLAGS = {
    "kubernetes": _Kind(_version, "a version of Kubernetes", 'write {key}: "1.30"'),
    "platform": _Kind(_platform, "a platform", "write {key}: linux/amd64"),
}
# How keys are read; others as their default is: a switch, a list of names, a text.
_READERS: Mapping[str, _Reader] = {
    **_FLAGS,
    "accept": _Records(
        Accepted,
        ("code",),
        "a problem's code",
        "a problem's code",
        "write {key}: [image-override, {{code: ..., path: ...}}]",
        short=("code", "path"),
    ),
    "attest": _Kind(_attestations, f"a list of {', '.join(ATTESTATIONS)}", f"write {{key}}: [{PROVENANCE}]"),
    "base": _Kind(
        lambda value: value if value in (KEEP, CHART) else None, f"{KEEP} or {CHART}", f"write {{key}}: {KEEP}"
    ),
    "cache": _Kind(_cache, "off, on, inline or registry", f"write {{key}}: {CACHE_ON}"),
    "deployments": _Records(
        DeploymentSetting,
        ("name",),
        "name and values",
        "a list of deployments",
        "write {key}: [{{name: ..., values: [...]}}]",
        {"values": _paths},
    ),
    "images": _images,
    "next_steps": _Kind(_lines, "a list of strings", "write {key}: [Merge it, Deploy]"),
    "pins": _Records(
        PinTarget, ("file",), "file with path or marker", "a list of files", _FILE_HINT, {"file": _path}, _FILE_AND_PATH
    ),
    "root": _folder,
    "values": _Records(
        ValuesTarget,
        _FILE_AND_PATH,
        "file and path",
        "a list of file and path",
        _FILE_HINT,
        {"file": _path},
        _FILE_AND_PATH,
    ),
}
_BY_DEFAULT: Mapping[type, _Reader] = {
    bool: _Kind(_switch, "true or false", "write {key}: false"),
    tuple: _NAMES,
    str: _text,
    type(None): _text,
}
