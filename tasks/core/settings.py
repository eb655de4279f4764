"""The settings of all sources, in one validated record.

Later sources win: the defaults, ``hub:`` in Invoke's files of the machine and of the user, in the file beside
``tasks.py``, in the hub repository's ``invoke.yaml``, in the file of ``-f``, ``INVOKE_HUB_*`` in the environment, the
command line. ``docs/settings.md`` is made from the docstring of :class:`Settings`.
"""

from __future__ import annotations

import contextlib
import os
import re
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from invoke.config import Config
from invoke.exceptions import AmbiguousEnvVar, UncastableEnvVar
from invoke.util import yaml

from .faults import Unusable, nearest
from .names import is_name
from .safe_files import expand_home, is_inside, is_passable, read_file

SECTION = "hub"
FILE = "invoke.yaml"
KEEP, CHART = "keep", "chart"
CACHE_OFF, CACHE_ON, CACHE_INLINE, CACHE_REGISTRY = "off", "on", "inline", "registry"
CHARTPRESS = "chartpress"
# Attestations as buildx names them (https://docs.docker.com/build/metadata/attestations/).
ATTESTATIONS = {
    "provenance": "type=provenance,mode=min",
    "provenance-max": "type=provenance,mode=max",
    "sbom": "type=sbom",
}
_PREFIX = "INVOKE_HUB_"
_LARGEST_FILE = 1024 * 1024
# As `kubectl version` shows it, with a provider's suffix: v1.30.5-gke.1014001.
_KUBERNETES = r"(?a)v?\d+\.\d+(\.\d+)?([-+][\w.+-]+)?"
# Errors of reading a settings file, here or by Invoke.
_READING_ERRORS = (
    *(OSError, ValueError, LookupError, AttributeError, TypeError, RuntimeError),
    *(yaml.YAMLError, AmbiguousEnvVar),
)
# Shows a wrong value on one line, even if it is large or recursive.
_shown = reprlib.Repr()
_shown.maxlevel, _shown.maxstring, _shown.maxother = 2, 60, 60
_taken: dict[str, str] = {}


class ValuesTarget(NamedTuple):
    """A place to write an image to: a values file and a dotted path. Without ``image``, for all that are built."""

    file: str
    path: str
    image: str | None = None


class DeploymentSetting(NamedTuple):
    """An installation of the chart, its values files strongest last; namespace and release default to its name."""

    name: str
    values: tuple[str, ...] = ()
    release: str | None = None
    namespace: str | None = None
    chart: str | None = None


class Accepted(NamedTuple):
    """A kind of problem that is intended; ``path`` is a pattern for the file."""

    code: str
    path: str | None = None


def is_accepted(accept: Iterable[Accepted], code: str, path: str) -> bool:
    """Whether ``accept`` covers a problem with ``code`` in the file ``path``."""
    return any(one.code == code and (one.path is None or fnmatchcase(path, one.path)) for one in accept)


class WholeImage(NamedTuple):
    """A hub image that chartpress.yaml does not list, as in the setting ``images``."""

    context: str
    name: str
    dockerfile: str | None = None
    values: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


class PinTarget(NamedTuple):
    """A place of the release's version: a file or glob, and a dotted path, or a text that marks the line."""

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
            ignored ones), build arguments as written (not their values from the environment), base image and platform;
            ``release`` refuses files that it would not commit. Without {commit} or {content} different files can get
            the same tag: hubpress uses such an image only if its inputs are the same.
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
        """The keys of images in the setting ``images``."""
        return tuple(one for one in self.images if isinstance(one, str))

    @property
    def whole_images(self) -> tuple[WholeImage, ...]:
        """The images that chartpress.yaml does not list."""
        return tuple(one for one in self.images if isinstance(one, WholeImage))


KEYS = Settings._fields


def read_settings(
    configured: Mapping[str, Any],
    repository_file: Path | None = None,
    *,
    repo: str | None = None,
    config: Config | None = None,
) -> Settings:
    """Return the settings of all sources; raise Unusable for an unknown key or a value of the wrong type.

    ``config`` knows the files that Invoke was given. ``repository_file`` is the hub repository's ``invoke.yaml``.
    ``configured`` wins over all files, and ``repo``, from the command line, over everything.
    """
    variables = _variables()
    sources = [
        *_of_files(repository_file, config),
        (configured, FILE),
        *(({key: text}, variable(key)) for key, text in variables.items()),
        ({"repo": repo}, "--repo"),
    ]
    given: dict[str, tuple[Any, str]] = {}
    for source, where in sources:
        given |= {key: (value, where) for key, value in source.items() if value is not None or key not in given}
    if unknown := sorted(set(given) - set(KEYS)):
        spell = variable if unknown[0] in variables else f"{SECTION}.{{}}".format
        raise _unknown(unknown[0], KEYS, "settings", given[unknown[0]][1], spell)
    settings = Settings(**{key: _setting(key, *one) for key, one in given.items() if one[0] is not None})
    if repository_file and settings.cache_folder and given["cache_folder"][1] == FILE:
        folder = repository_file.parent / expand_home(settings.cache_folder)
        return settings._replace(cache_folder=str(folder))
    return settings


def _of_files(repository_file: Path | None, config: Config | None) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the settings of each file, strongest last, and the file.

    See https://docs.pyinvoke.org/en/stable/concepts/configuration.html#config-files.
    """
    files = [f"{place}.{kind}" for place in ("/etc/invoke", "~/.invoke") for kind in ("yaml", "yml", "json")]
    # Invoke has no public attributes for these paths.
    beside, named = getattr(config, "_project_path", None), getattr(config, "_runtime_path", None)
    for file in (*(files if config else ()), beside, repository_file, named):
        path = expand_home(file or os.devnull)
        where = FILE if file is repository_file else str(path)
        if file and os.path.lexists(path):
            with readable(path) as data:
                yield section_in(data, where), where
        elif file and file is named:
            raise Unusable("no such file", where=file, hint=f"ls -l {file}")


def section_in(data: bytes, where: str = FILE) -> dict[str, Any]:
    """Return the settings in a file's bytes."""
    content = yaml.safe_load(data.decode()) or {}  # type: ignore[no-untyped-call]
    section = content.get(SECTION)
    # Other files often have keys of other programs.
    for key in map(str, content) if where == FILE and SECTION not in content else ():
        if key in KEYS or (nearest(key, [SECTION]) and len(key) <= len(SECTION) + 1):
            hint = f"put settings under {SECTION}; if it is another program's, add {SECTION}: {{}}"
            raise Unusable(f"{key} is outside of {SECTION}", where=where, hint=hint)
    if not isinstance(section, dict | None):
        raise Unusable(f"{SECTION} is not a mapping of settings", where=where, hint=f"write {SECTION}: {{}}")
    return {str(key): value for key, value in (section or {}).items()}


def require_like(key: str, flag: str, given: str | None, *, several: bool = False) -> None:
    """Check a flag's value, or those separated by commas, like the setting ``key``; ``flag`` is an example."""
    texts = [] if given is None else given.split(",") if several else [given]
    for text in texts:
        if _KINDS[key].read(text) is None:
            raise Unusable(f"{text!r} is not {_KINDS[key].wanted}", where=flag.partition(" ")[0], hint=flag)


def variable(key: str) -> str:
    """Return the name of a key's environment variable."""
    return _PREFIX + key.upper()


def take_variables() -> None:
    """Move the settings' variables out of the environment: Invoke would cast them to the types in its files."""
    for name in [name for name in os.environ if name.startswith(_PREFIX)]:
        _taken[name] = os.environ.pop(name)


@contextlib.contextmanager
def readable_variables() -> Iterator[None]:
    """Turn Invoke's errors about its variables into Unusable."""
    try:
        yield
    except (UncastableEnvVar, ValueError) as err:
        names = sorted(name for name in os.environ if name.startswith("INVOKE_") and not name.startswith(_PREFIX))
        what, hint = f"Invoke cannot read its variables: {err}", f"unset {' '.join(names)}"
        raise Unusable(what, where=", ".join(names), hint=hint) from err


def _variables() -> dict[str, str]:
    """Return the settings' variables by key; empty ones count as not set, because CI passes undefined ones as empty."""
    found = {**_taken, **{name: text for name, text in os.environ.items() if name.startswith(_PREFIX)}}
    return {name.removeprefix(_PREFIX).lower(): text for name, text in found.items() if text.strip()}


@contextlib.contextmanager
def readable(file: Path) -> Iterator[bytes]:
    """Yield the bytes of a settings file; raise Unusable if it cannot be read, or the block cannot parse it."""
    try:
        yield read_file(file, _LARGEST_FILE)
    except _READING_ERRORS as err:
        why = "is not a mapping that Invoke can read"
        if isinstance(err, OSError):
            why = f"cannot be read: {err.strerror}"
        elif isinstance(err, yaml.MarkedYAMLError):
            line = f"line {err.problem_mark.line + 1}: " if err.problem_mark else ""
            why = f"is not YAML: {line}{err.problem}"
        raise Unusable(f"the file {why}", where=file.name, hint=f"fix {file}") from err


def how_to_correct(key: str, hint: str) -> str:
    """Return ``hint`` for a wrong setting, unless its value is from the environment."""
    place = place_of_setting(key)
    return hint if place == FILE else f"fix {place}, or unset it"


def place_of_setting(key: str) -> str:
    """Return where a setting comes from: its variable, or the file."""
    return variable(key) if key in _variables() else FILE


def _unknown(
    key: str, known: Sequence[str], kind: str, where: str = FILE, spell: Callable[[str], str] = str
) -> Unusable:
    near = nearest(key.rpartition(".")[2], known)
    hint = f"did you mean {spell(near)}?" if near else f"the {kind} are: {', '.join(known)}"
    return Unusable(f"unknown setting {SECTION}.{key}", where=where, hint=hint)


class _Kind(NamedTuple):
    """A type of value.

    Attributes:
        wanted, hint: its name in messages, and how to write it for ``{key}``.
        read: returns the parsed value, or None if it is invalid.
        record: the type of a list's entries that ``read`` does not parse: mappings, or ``FIRST:SECOND``.
    """

    wanted: str
    hint: str
    read: Callable[[Any], Any] = lambda _: None
    record: Any = None


def _setting(key: str, value: object, where: str) -> Any:  # noqa: ANN401 - what the key is read as
    """Return a setting's parsed value; a variable contains a string, or a list in YAML's flow style."""
    default, is_variable = Settings._field_defaults[key], where == variable(key)
    if is_variable and isinstance(default, tuple) and str(value).lstrip()[:1] in {"[", "{"}:
        with contextlib.suppress(*_READING_ERRORS):
            value = yaml.safe_load(str(value))  # type: ignore[no-untyped-call]
    try:
        return _read(key, value, default)
    except Unusable as fault:
        hint = how_to_correct(key, fault.hint) if is_variable else fault.hint
        raise Unusable(fault.what, where=where, hint=hint) from None


def _read(key: str, value: object, default: object) -> Any:  # noqa: ANN401 - what the key is read as
    kind = _KINDS.get(key) or _BY_DEFAULT[type(default)]
    found = kind.read(value)
    if found is None and kind.record:
        entries = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
        found = tuple(_entry(key, one, kind) for one in entries)
    if found is None:
        raise _wrong(key, value, kind)
    return found


def _entry(key: str, written: object, kind: _Kind) -> Any:  # noqa: ANN401 - one of the kind's record
    fields, defaults = kind.record._fields, kind.record._field_defaults
    entry = written if isinstance(written, dict) else {}
    if isinstance(written, str):
        entry = {name: text for name, text in zip(fields, written.split(":", 1), strict=False) if text}
    if unknown := sorted({*map(str, entry)} - {*fields}):
        raise _unknown(f"{key}.{unknown[0]}", fields, f"keys of {SECTION}.{key}")
    given = {name: value for name, value in entry.items() if value is not None}
    if not given.keys() >= {*fields} - {*defaults} or {"path", "marker"} <= given.keys():
        raise _wrong(key, written, kind)
    return kind.record(**{name: _read(f"{key}.{name}", value, defaults.get(name)) for name, value in given.items()})


def _wrong(key: str, value: object, kind: _Kind) -> Unusable:
    what = f"{SECTION}.{key} is {_shown.repr(value)}, not {kind.wanted}"
    return Unusable(what, where=FILE, hint=kind.hint.format(key=key))


def _text(value: object) -> str | None:
    """Read a string that no program could take for an option."""
    text = value.strip() if isinstance(value, str) else ""
    return text if text and not text.startswith("-") and is_passable(text) else None


def _path(value: object) -> str | None:
    text = _text(value)
    return text if text and is_inside(text) else None


def _folder(value: object) -> str | None:
    """Read a folder of the repository, ignoring slashes around it; ``/`` is the top."""
    return _path(value.strip().strip("/") or ".") if isinstance(value, str) else None


def _line(value: object) -> str | None:
    return value.strip().removeprefix("- ") if isinstance(value, str) else None


def _names(value: object, read: Callable[[object], str | None] = _text, separator: str = ",") -> tuple[str, ...] | None:
    parts = [part.strip() for part in value.split(separator) if part.strip()] if isinstance(value, str) else value
    names = [read(part) for part in parts] if isinstance(parts, list) else [None]
    return None if None in names else tuple(filter(None, names))


def _platform(value: object) -> str | None:
    parts = value.strip().split("/") if isinstance(value, str) else []
    return "/".join(parts) if len(parts) in (2, 3) and all(part.isalnum() for part in parts) else None


def _switch(value: object) -> bool | None:
    """Read a boolean; Invoke's own cast would take a variable's ``false`` for true."""
    word = str(value).strip().lower()
    return True if word in {"true", "yes", "on", "1"} else False if word in {"false", "no", "off", "0"} else None


def _cache(value: object) -> str | None:
    """Read a kind of build cache; in YAML 1.1, which Invoke uses, ``on`` and ``off`` are booleans."""
    is_on = _switch(value)
    if is_on is not None:
        return CACHE_ON if is_on else CACHE_OFF
    return str(value) if value in (CACHE_INLINE, CACHE_REGISTRY) else None


def _version(value: object) -> str | None:
    """Read a version; reject a float like 1.3, because YAML reads 1.30 as the same number."""
    text = str(value)
    is_cut = isinstance(value, float) and len(text.partition(".")[2]) == 1
    return text if re.fullmatch(_KUBERNETES, text) and not is_cut else None


_TEXT = _Kind("text", "quote it; it may not be empty, or begin with -", _text)
_NAMES = _Kind("a list of names", "write {key}: [hub]", _names)
_PATH_HINT = "name it relative to the repository's top"
_PATH = _Kind("a path in the repository", _PATH_HINT, _path)
_PATHS = _Kind("a list of paths in the repository", _PATH_HINT, lambda value: _names(value, _path))
_FOLDER = _Kind(_PATH.wanted, _PATH_HINT, _folder)
_FILES = "write {key}: [{{file: ..., path: ...}}]"
# The kinds of keys, also of those in records; the kind of any other key follows from its default.
_KINDS: Mapping[str, _Kind] = {
    "accept": _Kind("a problem's code", "write {key}: [image-override, {{code: ..., path: ...}}]", record=Accepted),
    "attest": _Kind(
        f"a list of {', '.join(ATTESTATIONS)}",
        "write {key}: [provenance]",
        lambda value: _names(value, lambda name: name if name in [*ATTESTATIONS] else None),
    ),
    "base": _Kind("keep or chart", "write {key}: keep", lambda value: value if value in (KEEP, CHART) else None),
    "cache": _Kind("off, on, inline or registry", "write {key}: on", _cache),
    "deployments": _Kind("name and values", "write {key}: [{{name: ..., values: [...]}}]", record=DeploymentSetting),
    "deployments.values": _PATHS,
    "images": _Kind(
        "a list of names, or of context and name",
        "write {key}: [hub], or [{{context: images/hub, name: HOST/PATH/hub}}]",
        _names,
        WholeImage,
    ),
    "images.context": _FOLDER,
    "images.name": _Kind(
        "the name of an image",
        "write it as HOST/PATH/NAME in small letters, without a tag",
        lambda value: value if isinstance(value, str) and is_name(value) else None,
    ),
    "images.dockerfile": _PATH,
    "images.paths": _PATHS,
    "kubernetes": _Kind("a version of Kubernetes", 'write {key}: "1.30"', _version),
    "next_steps": _Kind(
        "a list of strings", "write {key}: [Merge it, Deploy]", lambda value: _names(value, _line, "\n")
    ),
    "pins": _Kind("file with path or marker", _FILES, record=PinTarget),
    "pins.file": _PATH,
    "platform": _Kind("a platform", "write {key}: linux/amd64", _platform),
    "root": _FOLDER,
    "values": _Kind("file and path", _FILES, record=ValuesTarget),
    "values.file": _PATH,
}
_BY_DEFAULT: Mapping[type, _Kind] = {
    bool: _Kind("true or false", "write {key}: false", _switch),
    tuple: _NAMES,
    str: _TEXT,
    type(None): _TEXT,
}
