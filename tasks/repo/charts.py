"""The charts of a repository: their dependencies, and chartpress.yaml.

A chart's dependencies are in ``requirements.yaml`` (Helm 2 style) or in ``Chart.yaml`` (``apiVersion: v2``):
https://helm.sh/docs/topics/charts/#the-dependencies-field.

chartpress.yaml is parsed like in chartpress 2.4 (https://github.com/jupyterhub/chartpress#configuration), with paths as
written. Values that make chartpress fail with a traceback are refused with the key's name.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from ..core.faults import CLI, Unusable
from ..core.names import is_name
from ..core.safe_files import is_inside
from ..core.settings import Settings, WholeImage, how_to_correct
from ..core.visible import keep_secret
from ..core.yaml_tree import Data, Leaf, load_file, mismatch, parse, text_under
from .files import join
from .values import Path, in_brackets, with_scalars

DEPENDENCIES = "dependencies"
CHART_FILES = ("requirements.yaml", "Chart.yaml")
# The lock files for apiVersion v1, and for v2.
LOCKS = ("requirements.lock", "Chart.lock")
JUPYTERHUBS = "https://hub.jupyter.org/helm-chart/"
_HELMS_OWN = ("@", "alias:", "oci:")
LOCAL = "file://"
_BUILD_ARG = "--build-arg"
# The keys that chartpress knows.
_CHART_KEYS = {"name", "chartPath", "imagePrefix", "images", "repo", "paths", "baseVersion", "resetTag", "resetVersion"}
_REPO_KEYS = {"git", "published", "oci"}
_IMAGE_KEYS = {
    *("imageName", "contextPath", "dockerfilePath", "buildArgs", "extraBuildCommandOptions", "paths"),
    *("rebuildOnContextPathChanges", "skipPlatforms", "valuesPath"),
}

CHARTPRESS_KEYS = {*_CHART_KEYS, *_REPO_KEYS, *_IMAGE_KEYS, "charts"}


class Requirement(NamedTuple):
    """A dependency of a chart, with the line of its version; its ``key`` in the values is its alias, else its name."""

    name: str
    version: str
    repository: str
    key: str
    line: int


class BareChart(NamedTuple):
    """A chart that depends on Zero to JupyterHub; the folder is relative to the repository's top."""

    folder: str
    requirement: Requirement

    @property
    def values_path(self) -> str:
        """The dotted path of the hub image in its values."""
        return f"{self.requirement.key}.hub.image"

    @property
    def values_file(self) -> str:
        """Its values.yaml, relative to the repository's top."""
        return join(self.folder, "values.yaml")


def requirements(data: bytes, where: str) -> tuple[Requirement, ...]:
    """Return the dependencies in the order of the file."""
    found = []
    for entry in _Fields.of(where, load_file(data, where)).items(DEPENDENCIES):
        name, version, repository, alias = map(entry.text, ("name", "version", "repository", "alias"))
        if not name:
            raise Unusable(f"{entry.name} has no name", where=where, hint="add name: to it")
        # Helm ignores blanks around a version.
        key, line = alias or name, (version or name).node.line
        found.append(Requirement(name, (version or "").strip(), repository or "", key, line))
    return tuple(found)


def requirement(data: bytes, name: str, where: str) -> Requirement | None:
    """Return the first dependency ``name``, or None."""
    return next((one for one in requirements(data, where) if one.name == name), None)


def api_version(data: bytes, where: str) -> str:
    """Return the ``apiVersion`` of a Chart.yaml, by default ``v1``, like Helm."""
    return text_under(load_file(data, where), "apiVersion") or "v1"


def pinned(data: bytes, name: str, where: str) -> dict[int, Requirement]:
    """Return the entries of the dependency ``name`` by index; raise Unusable without any, or without a version."""
    entries = {at: entry for at, entry in enumerate(requirements(data, where)) if entry.name == name}
    if not entries:
        hint = how_to_correct("dependency", "name the right one as hub.dependency in invoke.yaml")
        raise Unusable(f"no dependency {name}", where=where, hint=hint)
    for entry in entries.values():
        if not entry.version:
            what, hint = f"the dependency {name} has no version", "add version: with an exact version"
            raise Unusable(what, where=f"{where}:{entry.line}", hint=hint)
    return entries


def same_address(one: str, other: str) -> bool:
    """Whether two addresses are the same Helm repository; z2jh's has two addresses."""
    tidied = (f"{address.strip().rstrip('/').lower()}/".replace("http://", "https://") for address in (one, other))
    mine, theirs = (address.replace("https://jupyterhub.github.io/helm-chart/", JUPYTERHUBS) for address in tidied)
    return mine == theirs


def is_folder(address: str) -> bool:
    """Whether a dependency's repository is the folder of a chart: a relative ``file://``."""
    return address.startswith(LOCAL) and not address.startswith(f"{LOCAL}/")


def require_movable(required: Requirement, file: str) -> None:
    """Check that a release can move the requirement in ``file``."""
    if is_folder(required.repository):
        raise Unusable(
            f"the chart is a folder of this repository, {required.repository}, which a release cannot move",
            where=f"{file}:{required.line}",
            hint=f"write the Helm repository there: repository: {JUPYTERHUBS}",
        )


def address_of(settings: Settings, required: Requirement, file: str) -> str:
    """Return the address of the Helm repository: the setting, else that of the requirement in ``file``.

    Raises Unusable for names in helm's configuration, OCI registries and chart folders, which have no index
    (https://helm.sh/docs/helm/helm_dependency/).
    """
    address = settings.chart_repository or required.repository
    if settings.chart_repository or (address and not address.startswith(_HELMS_OWN) and not is_folder(address)):
        return address
    raise Unusable(
        f"the requirement names {address or 'no Helm repository'}, which has no index to read",
        where=f"{file}:{required.line}",
        hint=f"name one that has, in invoke.yaml: hub: {{chart_repository: {JUPYTERHUBS}}}",
    )


def with_version(data: bytes, name: str, version: str, where: str) -> bytes:
    """Return the file with all entries of the dependency ``name`` at ``version``."""
    entries = pinned(data, name, where)
    first = next(iter(entries.values()))
    for entry in entries.values():
        if entry.version != first.version:
            here = f"at {first.version} on line {first.line} and at {entry.version} here"
            hint = "give both the same version first"
            raise Unusable(f"the dependency {name} is {here}", where=f"{where}:{entry.line}", hint=hint)
    return with_scalars(parse(data, where), {(DEPENDENCIES, str(at), "version"): version for at in entries})


class BuildArgument(NamedTuple):
    """A build argument: its value (None: from the environment), its scalar's path, and the text before the value."""

    value: str | None
    steps: Path
    before: str = ""


class ImageSpec(NamedTuple):
    """How chartpress builds an image, and where it writes its name.

    Attributes:
        named: its full name without a tag; None if no values name the image that was found.
        paths: the paths whose last commit decides the tag, including the configuration file.
        arguments: the values for the Dockerfile's ``ARG``: ``build_args``, overridden by the extra options.
    """

    key: str
    named: str | None
    context: str
    dockerfile: str
    build_args: Mapping[str, str]
    extra_options: tuple[str, ...]
    paths: tuple[str, ...]
    skip_platforms: frozenset[str]
    values_paths: tuple[str, ...]
    arguments: Mapping[str, BuildArgument] = {}

    @property
    def name(self) -> str:
        """Its full name without a tag; raises Unusable if it has no name."""
        if self.named is None:
            raise Unusable(
                "the image has no name to push it to",
                where=self.dockerfile,
                hint=f"{CLI} init; or add to invoke.yaml: "
                f"hub: {{images: [{in_brackets(WholeImage(self.context, f'HOST/PATH/{self.key}'))}]}}",
            )
        return self.named


class NotNamed(Unusable):
    """The repository has no hub image, or no name for it."""


class ChartSpec(NamedTuple):
    """A chart of chartpress.yaml, or one that was found; ``path`` is its folder, None for images without a chart.

    ``ignored`` are the keys, of the chart and at the top of the file, that chartpress does not know.
    """

    name: str
    path: str | None
    base_version: str | None
    images: tuple[ImageSpec, ...]
    ignored: tuple[str, ...] = ()
    prefix: str = ""


def read_chartpress(data: bytes, where: str) -> tuple[ChartSpec, ...]:
    """Parse a chartpress.yaml, named ``where``, and return its charts; raise NotNamed if there are none."""
    top = _Fields.of(where, load_file(data, where))
    charts = top.items("charts")
    if not charts:
        raise NotNamed("no charts", where=where, hint="list them under charts:, each with its name:")
    return tuple(_chart(chart, top.ignored({"charts"})) for chart in charts)


class _Fields(NamedTuple):
    """The mapping at ``path`` of the file ``where``; ``name`` is the path for people, like ``charts[0].images``."""

    where: str
    path: Path
    values: Mapping[str, Data]

    @property
    def name(self) -> str:
        return _shown(self.path)

    @classmethod
    def of(cls, where: str, value: Data, path: Path = ()) -> _Fields:
        """Read ``value`` as a mapping; None counts as an empty one."""
        if value is not None and not isinstance(value, dict):
            raise mismatch(value, where, _shown(path) or "the file", "a mapping")
        return cls(where, path, value or {})

    def fields(self, key: str) -> _Fields:
        return _Fields.of(self.where, self.values.get(key), (*self.path, key))

    def items(self, key: str) -> list[_Fields]:
        """Return the list of mappings under ``key``."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, list):
            raise mismatch(value, self.where, _shown((*self.path, key)), "a list")
        return [_Fields.of(self.where, item, (*self.path, key, str(at))) for at, item in enumerate(value or ())]

    def text(self, key: str, *, is_path: bool = False) -> Leaf | None:
        """Return the text under ``key``, or None; raise Unusable for a path (``is_path``) outside of the repository."""
        value = self.values.get(key)
        return None if value is None else self._text(value, (*self.path, key), is_path=is_path) or None

    def texts(self, key: str, *, is_path: bool = False) -> tuple[str, ...]:
        """Return the strings in the list under ``key``, or the only string there."""
        value, path = self.values.get(key), (*self.path, key)
        if not value:
            return ()
        items = {(*path, str(at)): one for at, one in enumerate(value)} if isinstance(value, list) else {path: value}
        return tuple(self._text(one, path, is_path=is_path) for path, one in items.items())

    def flag(self, key: str, *, default: bool) -> bool:
        value = self.values.get(key)
        if key not in self.values:
            return default
        if not isinstance(value, Leaf) or value.node.kind != "bool":
            raise mismatch(value, self.where, _shown((*self.path, key)), "true or false")
        return value.lower().startswith("t")

    def ignored(self, known: Collection[str]) -> list[str]:
        """Return the full names of the keys that are not ``known``."""
        return [_shown((*self.path, key)) for key in self.values if key not in known]

    def _text(self, value: Data, path: Path, *, is_path: bool) -> Leaf:
        name = _shown(path)
        if not isinstance(value, Leaf):
            raise mismatch(value, self.where, name, "a string", "give it one plain value")
        if is_path and not is_inside(value, posixpath.dirname(self.where)):
            raise Unusable(
                f"{name} is {str(value)!r}, which lies outside the repository",
                where=value.place,
                hint=f"name a path in the repository, relative to {posixpath.basename(self.where)}",
            )
        return value


def _shown(path: Path) -> str:
    return "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in path).lstrip(".")


def _chart(chart: _Fields, ignored: Sequence[str]) -> ChartSpec:
    name = chart.text("name")
    if name is None:
        raise Unusable(f"{chart.name}.name is missing", where=chart.where, hint="name the chart's folder")
    prefix = chart.text("imagePrefix") or ""
    images = chart.fields("images")
    ignored = [*ignored, *chart.ignored(_CHART_KEYS), *chart.fields("repo").ignored(_REPO_KEYS)]
    return ChartSpec(
        name=name,
        path=chart.text("chartPath", is_path=True) or chart.text("name", is_path=True),
        base_version=chart.text("baseVersion"),
        images=tuple(_image(images.fields(key), prefix) for key in images.values),
        prefix=prefix,
        ignored=(*ignored, *(name for key in images.values for name in images.fields(key).ignored(_IMAGE_KEYS))),
    )


def _image(image: _Fields, prefix: str) -> ImageSpec:
    key, file = image.path[-1], posixpath.basename(image.where)
    context = image.text("contextPath", is_path=True) or posixpath.join("images", key)
    dockerfile = image.text("dockerfilePath", is_path=True) or posixpath.join(context, "Dockerfile")
    contexts = [context] if image.flag("rebuildOnContextPathChanges", default=True) else []
    given = image.fields("buildArgs")
    build_args = {name: given.text(name) or "" for name in given.values}
    for name, text in build_args.items():
        # chartpress passes 3.10 as 3.1, and true as True.
        if isinstance(text, Leaf) and text.node.kind in {"float", "bool"}:
            raise mismatch(text, image.where, f"{given.name}.{name}", "a string", "put quotes around it")
    options = image.texts("extraBuildCommandOptions")
    for option in (*(f"{name}={value}" for name, value in build_args.items()), *options):
        name, _, value = option.removeprefix(_BUILD_ARG).removeprefix("--label").lstrip("= ").partition("=")
        if not name.startswith("-"):
            keep_secret(name, value)
    written = image.text("imageName")
    named = written or prefix + key
    # Other strings could be options of a program.
    if not is_name(named):
        raise Unusable(
            f"{image.name} has {str(named)!r} for its name, which is not an image name",
            where=written.place if written else image.where,
            hint="write imageName, or imagePrefix and the key, as host/path in small letters",
        )
    return ImageSpec(
        key=key,
        named=named,
        context=context,
        dockerfile=dockerfile,
        build_args=build_args,
        extra_options=options,
        paths=tuple(dict.fromkeys([file, *contexts, dockerfile, *image.texts("paths", is_path=True)])),
        skip_platforms=frozenset(image.texts("skipPlatforms")),
        values_paths=image.texts("valuesPath"),
        arguments=_arguments(build_args, options, image.path),
    )


def _arguments(build_args: Mapping[str, str], options: Sequence[str], steps: Path) -> dict[str, BuildArgument]:
    """Return the build arguments that chartpress passes; of equal names, the last one wins, like in Docker."""
    found = {name: BuildArgument(value, (*steps, "buildArgs", name)) for name, value in build_args.items()}
    for index, option in enumerate(options):
        before = f"{_BUILD_ARG}=" if option.startswith(f"{_BUILD_ARG}=") else ""
        if before or (index and options[index - 1] == _BUILD_ARG):
            name, sign, value = option.removeprefix(before).partition("=")
            place = (*steps, "extraBuildCommandOptions", str(index))
            found[name] = BuildArgument(value if sign else None, place, f"{before}{name}=")
    return found
