"""The settings: where they come from, and one frozen, validated record of them.

Sources, later ones win: the defaults, ``hub:`` in the hub repository's ``invoke.yaml``, Invoke's own configuration (its
files, ``-f``), ``INVOKE_HUB_*`` in the environment, the command line
(https://docs.pyinvoke.org/en/stable/concepts/configuration.html).
``docs/settings.md`` is made from the docstring of :class:`Settings`.
"""

from __future__ import annotations

import contextlib
import os
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs
from invoke.config import Config, DataProxy
from invoke.exceptions import UnknownFileType
from invoke.util import yaml

from .faults import Unusable, nearest
from .names import is_name
from .reading import is_inside, is_passable, read_file

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
_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0"})
# What Invoke raises over a file that it cannot use: a list, a number for a key.
_INVOKE_ERRORS = (
    OSError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    RecursionError,
    UnknownFileType,
    yaml.YAMLError,
)
# Shows a wrong value in one line, however large it is or however often it holds itself.
_shown = reprlib.Repr()
_shown.maxlevel, _shown.maxstring, _shown.maxother = 2, 60, 60
_taken: dict[str, str] = {}


class ValuesTarget(NamedTuple):
    """One more place that an image is written to: a values file, a dotted path in it.

    Attributes:
        image: the image's key in chartpress.yaml; None for every image that is built.
    """

    file: str
    path: str
    image: str | None = None


class DeploymentSetting(NamedTuple):
    """One installation of the chart: its values files, the strongest last, and where Helm installs it.

    Attributes:
        namespace: the Kubernetes namespace; the deployment's name where it is not given.
        release: the Helm release; the deployment's name where it is not given.
    """

    name: str
    values: tuple[str, ...] = ()
    namespace: str | None = None
    release: str | None = None


class Accepted(NamedTuple):
    """Problems that are meant so: their code, and a pattern that their file fits; None for every file."""

    code: str
    path: str | None = None

    def covers(self, code: str, path: str) -> bool:
        """Whether it accepts a problem of that code in the file ``path``."""
        return self.code == code and (self.path is None or fnmatchcase(path, self.path))


class WholeImage(NamedTuple):
    """A hub image that chartpress.yaml does not name; its paths are relative to the repository's top.

    Attributes:
        name: the full name without a tag.
        dockerfile: the Dockerfile; None for ``Dockerfile`` in the context.
        values: the dotted paths of its name and tag in the chart's values.yaml.
        paths: what a new tag comes from, in place of the context and the Dockerfile.
    """

    context: str
    name: str
    dockerfile: str | None = None
    values: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


class PinTarget(NamedTuple):
    """One more place of the release's version: a file or a glob.

    Attributes:
        path: the dotted path of the version in a YAML file; without it a comment marks the version's line.
        marker: a text that marks it instead, on its line or the line above.
    """

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
        tag: ``chartpress``, or a template of {chart_version}, {base_version} and one of {commit}, {commits} or
            {content}. {content} is a hash of the files in the working tree (tracked and new, without ignored ones),
            build arguments, base image and platform; ``release`` refuses files that it would not commit. {commits} can
            give the same tag to different files: hubpress uses such an image only if its inputs are the same.
        values: more places to write an image to: ``{file, path, image}``. ``file`` can be a glob; then only files that
            already name the image are changed.
        pins: more places of the release's version: ``{file, path}`` or ``{file, marker}`` (docs/tasks/bump.md).
        deployments: the installations of the chart that ``preview`` renders (default: those of hubploy, folders with
            hubploy.yaml).
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
            images, under the tag ``buildcache``), or ``on`` to let the builder decide. A path sets ``cache_folder``.
        attest: what a build states about the images it pushes: ``provenance``, ``provenance-max`` (with the Dockerfile
            and the build arguments) and ``sbom`` (docs/builders.md).
        sign: the key to sign images with, using cosign: a file, relative to the repository's top, or the address of a
            key service (``gcpkms://…``, ``awskms://…``, ``azurekms://…``, ``hashivault://…``, ``k8s://…``). The
            password of a file is read from COSIGN_PASSWORD (default: images are not signed; docs/tasks/build.md).
        verify: the public key that ``check`` verifies signatures with, in the same form (default: ``build`` uses the
            service of ``sign``, or the ``.pub`` beside its ``.key``; ``check`` verifies nothing).
        public_log: whether to record signatures in Sigstore's public log, and require them there; it shows the digests.
        cache_folder: the folder for downloads from the Helm repository (default: in the user's cache folder).
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
        """The keys among ``images``."""
        return tuple(one for one in self.images if isinstance(one, str))

    @property
    def whole_images(self) -> tuple[WholeImage, ...]:
        """The images among ``images`` that chartpress.yaml does not name."""
        return tuple(one for one in self.images if isinstance(one, WholeImage))

    @property
    def fetched(self) -> Path:
        """The folder for what was fetched from the Helm repository."""
        if self.cache_folder:
            return Path(self.cache_folder).expanduser()

        return platformdirs.user_cache_path("hubpress")


KEYS = Settings._fields


def read_settings(
    configured: Mapping[str, Any], repository_file: Path | None = None, *, repo: str | None = None
) -> Settings:
    """Return the settings from all their sources.

    Args:
        configured: ``hub`` of Invoke's configuration.
        repository_file: the hub repository's ``invoke.yaml``, where Invoke has not read it already.
        repo: the setting of that name from the command line.

    Raises:
        Unusable: an unknown key, or a value of the wrong type; the message names the key.
    """
    own = {} if repository_file is None else _section_in(repository_file)
    typed = {} if repo is None else {"repo": repo}
    given = {**own, **{key: value for key, value in configured.items() if value is not None}, **_variables(), **typed}
    if unknown := sorted(set(given) - set(KEYS)):
        raise Unusable(
            f"unknown setting {SECTION}.{unknown[0]}",
            where=_source(unknown[0]),
            hint=_meant(unknown[0], KEYS, "settings", variable if unknown[0] in _variables() else _dotted),
        )
    # A path in `cache` can only mean the folder.
    if isinstance(given.get("cache"), str) and "/" in given["cache"]:
        given = {"cache_folder": given.pop("cache"), **given}
    values: dict[str, Any] = {
        key: _READERS.get(key, _text)(key, value) for key, value in given.items() if value is not None
    }
    return Settings(**values)


def section_of(content: object) -> dict[str, Any]:
    """Return the settings of a file's content or Invoke's configuration; empty where it has none.

    Raises:
        Unusable: the content is not a mapping, or ``hub`` is not.
    """
    plain = _plain(content)
    if plain is None:
        return {}
    if not isinstance(plain, dict):
        raise Unusable("the file is not a mapping", where=FILE, hint=f"write {SECTION}: {{}}")
    section = plain.get(SECTION)
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise Unusable(f"{SECTION} is not a mapping of settings", where=FILE, hint=f"write {SECTION}: {{}}")
    return section


def variable(key: str) -> str:
    """Return the name of a key's environment variable."""
    return _PREFIX + key.upper()


def take_variables() -> None:
    """Take the settings' variables out of the environment, before Invoke looks there.

    Invoke casts a variable to the type that the files give its key: any ``false`` becomes true, and a list stops it.
    """
    for name in [name for name in os.environ if name.startswith(_PREFIX)]:
        _taken[name] = os.environ.pop(name)


def require_readable(file: Path) -> None:
    """Check that Invoke can read an ``invoke.yaml``: it ends in a traceback where it cannot."""
    with contextlib.suppress(FileNotFoundError), read_by_invoke(file):
        config = Config(project_location=file.parent, lazy=True)
        config.load_project()
        config.load_shell_env()


@contextlib.contextmanager
def read_by_invoke(file: Path | None) -> Iterator[None]:
    """Let Invoke read ``file`` in the block; None for its own files alone.

    Raises:
        FileNotFoundError: there is no such file.
        Unusable: it is no regular file, cannot be read, or Invoke or its YAML library cannot use it.
    """
    try:
        if file is not None:
            read_file(file)
        yield
    except FileNotFoundError:
        raise
    except _INVOKE_ERRORS as err:
        raise _unreadable(file or Path(FILE), err) from err


def _section_in(file: Path) -> dict[str, Any]:
    """Return the settings in an ``invoke.yaml``; empty where there is no such file or section."""
    try:
        data = read_file(file)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as err:
        raise _unreadable(file, err) from err
    # Only a repository with such a file pays for the YAML library: `invoke --list` does without.
    from . import yaml_tree  # noqa: PLC0415

    try:
        return section_of(yaml_tree.load(data.decode(), yaml_tree.typed))
    except yaml_tree.Unreadable as err:
        raise Unusable(f"the file {err}", where=file.name, hint=f"fix {file}") from err
    except UnicodeDecodeError as err:
        raise _unreadable(file, err) from err


def _plain(value: object) -> object:
    """Return Invoke's own mappings as dicts, and every mapping's keys as text."""
    if isinstance(value, (DataProxy, dict)):
        keys: Iterable[Any] = value.keys()
        return {str(key): _plain(value[key]) for key in keys}
    return value


def _unreadable(file: Path, err: Exception) -> Unusable:
    return Unusable(f"the file {_reason(err)}", where=file.name, hint=f"fix {file}")


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


def _source(key: str) -> str:
    """Return where a setting comes from, for a message: its variable where that is set, else the file."""
    return variable(key) if key in _variables() else FILE


def _text(key: str, value: object) -> str:
    """Read a text; most of them are given to programs, which could take one for an option."""
    if isinstance(value, str) and value.strip().startswith("-"):
        raise _wrong(key, value, "a name", "remove the leading -, which makes it an option")
    if isinstance(value, str) and not is_passable(value):
        raise _wrong(key, value, "text that a program can be given", "leave out NUL, and what is not UTF-8")
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise _wrong(key, value, "text", "quote it")


def _path(key: str, value: object) -> str:
    """Read a path of the repository."""
    path = _text(key, value)
    if is_inside(path):
        return path
    raise _wrong(key, value, "a path in the repository", "name it relative to the repository's top")


def _folder(key: str, value: object) -> str:
    """Read a folder of the repository; slashes around it do not count, and alone they are the top."""
    return _path(key, _text(key, value).strip("/") or ".")


def _names(key: str, value: object) -> tuple[str, ...]:
    """Read a list of names; in the environment they are separated by commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, (list, tuple)) and all(isinstance(part, str) and is_passable(part) for part in value):
        return tuple(value)
    raise _wrong(key, value, "a list of names", f"write {key}: [hub]")


def _images(key: str, value: object) -> tuple[str | WholeImage, ...]:
    """Read a list of keys, or one of whole images; one image need not be in a list."""
    entries = [value] if isinstance(value, Mapping) else value
    if isinstance(entries, (list, tuple)) and any(isinstance(part, Mapping) for part in entries):
        return tuple(_whole_image(key, part) for part in entries)
    return _names(key, value)


def _whole_image(key: str, entry: object) -> WholeImage:
    if not isinstance(entry, Mapping) or not {"context", "name"} <= set(entry):
        raise _wrong(key, entry, "context and name", f"write {key}: [{{context: images/hub, name: HOST/PATH/hub}}]")
    if unknown := sorted(set(entry) - set(WholeImage._fields)):
        hint = _meant(unknown[0], WholeImage._fields, "keys of an image")
        raise Unusable(f"unknown setting {SECTION}.{key}.{unknown[0]}", where=FILE, hint=hint)
    dockerfile = entry.get("dockerfile")
    return WholeImage(
        _folder(f"{key}.context", entry["context"]),
        _image_name(f"{key}.name", entry["name"]),
        None if dockerfile is None else _path(f"{key}.dockerfile", dockerfile),
        _names(f"{key}.values", entry.get("values") or ()),
        tuple(_path(f"{key}.paths", path) for path in _names(f"{key}.paths", entry.get("paths") or ())),
    )


def _image_name(key: str, value: object) -> str:
    """Read an image's full name without a tag."""
    if isinstance(value, str) and is_name(value):
        return value
    raise _wrong(key, value, "the name of an image", "write it as HOST/PATH/NAME in small letters, without a tag")


def _lines(key: str, value: object) -> tuple[str, ...]:
    """Read a list of texts, or a text of several lines, each without the dash of a list before it."""
    lines = value.splitlines() if isinstance(value, str) else value
    if isinstance(lines, (list, tuple)) and all(isinstance(line, str) for line in lines):
        return tuple(line.strip().removeprefix("- ") for line in lines if line.strip())
    raise _wrong(key, value, "a list of strings", f"write {key}: [Merge it, Deploy]")


def _attest(key: str, value: object) -> tuple[str, ...]:
    words = _names(key, value)
    if set(words) <= ATTESTATIONS.keys():
        return words
    raise _wrong(key, value, f"a list of {', '.join(ATTESTATIONS)}", f"write {key}: [{PROVENANCE}]")


def _base(key: str, value: object) -> str:
    if value in (KEEP, CHART):
        return str(value)
    raise _wrong(key, value, f"{KEEP} or {CHART}", f"write {key}: {KEEP}")


def _cache(key: str, value: object) -> str:
    """Read a kind of build cache; YAML 1.1, which Invoke reads, takes ``on`` and ``off`` for true and false."""
    word = str(value).strip().lower()
    if word in (CACHE_INLINE, CACHE_REGISTRY):
        return word
    if word in _YES or word in _NO:
        return CACHE_ON if word in _YES else CACHE_OFF
    raise _wrong(key, value, f"{CACHE_OFF}, {CACHE_ON}, {CACHE_INLINE} or {CACHE_REGISTRY}", f"write {key}: {CACHE_ON}")


def _platform(key: str, value: object) -> str:
    parts = value.strip().split("/") if isinstance(value, str) else []
    if len(parts) in (2, 3) and all(part.isalnum() for part in parts):
        return "/".join(parts)
    raise _wrong(key, value, "a platform", f"write {key}: linux/amd64")


def _switch(key: str, value: object) -> bool:
    """Read a yes or no; a shell's ``false`` means false, which Invoke's own cast would not see."""
    word = str(value).strip().lower()
    if word in _YES or word in _NO:
        return word in _YES
    raise _wrong(key, value, "true or false", f"write {key}: false")


def _targets(key: str, value: object) -> tuple[ValuesTarget, ...]:
    """Read a list of ``{file, path, image}``."""
    return tuple(_target(key, entry) for entry in _file_entries(key, value, "a list of file and path"))


def _target(key: str, entry: object) -> ValuesTarget:
    if isinstance(entry, Mapping) and {"file", "path"} <= set(entry) <= {"file", "path", "image"}:
        return ValuesTarget(**_file_texts(key, entry))
    raise _wrong(key, entry, "file and path", f"write {key}: [{{file: ..., path: ...}}]")


def _deployments(key: str, value: object) -> tuple[DeploymentSetting, ...]:
    """Read a list of ``{name, values, namespace, release}``."""
    if isinstance(value, (list, tuple)):
        return tuple(_deployment(key, entry) for entry in value)
    raise _wrong(key, value, "a list of deployments", f"write {key}: [{{name: ..., values: [...]}}]")


def _deployment(key: str, entry: object) -> DeploymentSetting:
    if not isinstance(entry, Mapping) or not {"name"} <= set(entry) <= {*DeploymentSetting._fields}:
        raise _wrong(key, entry, "name and values", f"write {key}: [{{name: ..., values: [...]}}]")
    files = tuple(_path(f"{key}.values", path) for path in _names(f"{key}.values", entry.get("values", ())))
    texts = {name: _text(f"{key}.{name}", text) for name, text in entry.items() if name != "values"}
    return DeploymentSetting(texts["name"], files, texts.get("namespace"), texts.get("release"))


def _version(key: str, value: object) -> str:
    """Read a version, which YAML takes for a number where it has two parts."""
    text = str(value)
    if text.removeprefix("v").replace(".", "").isdecimal():
        return text
    raise _wrong(key, value, "a version of Kubernetes", f'write {key}: "1.30"')


def _accepted(key: str, value: object) -> tuple[Accepted, ...]:
    """Read a list of codes and ``{code, path}``; in the environment ``code`` or ``code:path``, separated by commas."""
    if isinstance(value, str):
        return tuple(
            Accepted(code, path or None) for code, _, path in (one.partition(":") for one in _names(key, value))
        )
    entries = value if isinstance(value, (list, tuple)) else [value]
    return tuple(_acceptance(key, entry) for entry in entries)


def _acceptance(key: str, entry: object) -> Accepted:
    if isinstance(entry, str):
        return Accepted(_text(key, entry))
    if isinstance(entry, Mapping) and {"code"} <= set(entry) <= {"code", "path"}:
        return Accepted(**{name: _text(f"{key}.{name}", text) for name, text in entry.items()})
    raise _wrong(key, entry, "a problem's code", f"write {key}: [image-override, {{code: ..., path: ...}}]")


def _pins(key: str, value: object) -> tuple[PinTarget, ...]:
    """Read a list of ``{file, path}`` or ``{file, marker}``."""
    return tuple(_pin(key, entry) for entry in _file_entries(key, value, "a list of files"))


def _pin(key: str, entry: object) -> PinTarget:
    if isinstance(entry, Mapping) and {"file"} <= set(entry) and set(entry) in ({"file"}, {"file", "path"}, _MARKED):
        return PinTarget(**_file_texts(key, entry))
    raise _wrong(key, entry, "file with path or marker", f"write {key}: [{{file: ..., path: ...}}]")


def _file_entries(key: str, value: object, wanted: str) -> Sequence[object]:
    """Read a list that begins with files; in the environment ``file:path``, separated by commas."""
    if isinstance(value, str):
        return [dict(zip(("file", "path"), part.split(":", 1), strict=False)) for part in _names(key, value)]
    if not isinstance(value, (list, tuple)):
        raise _wrong(key, value, wanted, f"write {key}: [{{file: ..., path: ...}}]")
    return value


def _file_texts(key: str, entry: Mapping[str, object]) -> dict[str, str]:
    return {name: (_path if name == "file" else _text)(f"{key}.{name}", text) for name, text in entry.items()}


def _dotted(key: str) -> str:
    return f"{SECTION}.{key}"


def _meant(word: str, known: Sequence[str], kind: str, spell: Callable[[str], str] = str) -> str:
    """Return the hint for an unknown name: the nearest known one, else all of them."""
    near = nearest(word, known)
    return f"did you mean {spell(near)}?" if near else f"the {kind} are: {', '.join(known)}"


def _wrong(key: str, value: object, wanted: str, hint: str) -> Unusable:
    source = _source(key.partition(".")[0])
    return Unusable(
        f"{SECTION}.{key} is {_shown.repr(value)}, not {wanted}",
        where=source,
        hint=hint if source == FILE else f"fix {source}, or unset it",
    )


_MARKED = {"file", "marker"}
_READERS = {
    "accept": _accepted,
    "images": _images,
    "pins": _pins,
    "labels": _names,
    "reviewers": _names,
    "base": _base,
    "next_steps": _lines,
    "attest": _attest,
    "cache": _cache,
    "deployments": _deployments,
    "kubernetes": _version,
    "platform": _platform,
    "preview": _switch,
    "public_log": _switch,
    "push": _switch,
    "root": _folder,
    "values": _targets,
}
