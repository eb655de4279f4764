"""chartpress.yaml, read as chartpress 2.4 reads it (https://github.com/jupyterhub/chartpress#configuration).

All paths are as written: POSIX, relative to the file's folder. A value that chartpress answers with a traceback is
refused by the key's name.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Sequence
from collections.abc import Mapping as Map
from types import MappingProxyType
from typing import NamedTuple

from ..core.faults import Unusable
from ..core.names import is_name
from ..core.safe_files import is_inside, is_passable
from ..core.visible import keep_secret
from ..core.yaml_tree import Document, MappingNode, Node, Scalar, SequenceNode, described, merged, parse, target_of
from .yaml_edit import is_nothing

_TOP_KEYS = frozenset({"charts"})
_CHART_KEYS = frozenset(
    {"name", "chartPath", "imagePrefix", "images", "repo", "paths", "baseVersion", "resetTag", "resetVersion"}
)
_BUILD_ARG = "--build-arg"
_REPO_KEYS = frozenset({"git", "published", "oci"})
_IMAGE_KEYS = frozenset(
    {
        "imageName",
        "contextPath",
        "dockerfilePath",
        "buildArgs",
        "extraBuildCommandOptions",
        "paths",
        "rebuildOnContextPathChanges",
        "skipPlatforms",
        "valuesPath",
    }
)


class BuildArgument(NamedTuple):
    """A build argument of chartpress.yaml.

    Attributes:
        value: its value as written; None for one that takes it from the environment.
        steps: the path of its scalar.
        before: what stands before the value there: ``--build-arg=NAME=`` in an extra option.
    """

    value: str | None
    steps: tuple[str, ...]
    before: str = ""


NO_ARGUMENTS: Map[str, BuildArgument] = MappingProxyType({})


class ImageSpec(NamedTuple):
    """How chartpress builds an image, and where it writes its name.

    Attributes:
        key: its key under ``images``.
        named: its full name without a tag: ``imageName``, else the chart's ``imagePrefix`` and the key; None for an
            image that was found, and that no values name.
        context: the build context: ``contextPath``, else ``images/<key>``.
        dockerfile: ``dockerfilePath``, else ``Dockerfile`` in the context.
        build_args: ``buildArgs``, with ``{LAST_COMMIT}``, ``{TAG}`` and ``{BRANCH}`` as written.
        extra_options: ``extraBuildCommandOptions``, as written too.
        paths: every path whose last commit decides the tag, each once: the configuration file, the context (unless
            ``rebuildOnContextPathChanges`` is false), the Dockerfile, ``paths``.
        skip_platforms: platforms that it is not built for.
        values_paths: the places of its name and tag in the chart's values.yaml.
        arguments: what its Dockerfile's ``ARG`` lines are given: ``build_args``, and over them the extra options.
    """

    key: str
    named: str | None
    context: str
    dockerfile: str
    build_args: Map[str, str]
    extra_options: tuple[str, ...]
    paths: tuple[str, ...]
    skip_platforms: frozenset[str]
    values_paths: tuple[str, ...]
    arguments: Map[str, BuildArgument] = NO_ARGUMENTS

    @property
    def name(self) -> str:
        """Its full name without a tag.

        Raises:
            Unusable: nothing names the image.
        """
        if self.named is None:
            raise Unusable(
                "the image has no name to push it to",
                where=self.dockerfile,
                hint=f"add to invoke.yaml: hub: {{images: [{{context: {self.context}, name: HOST/PATH/{self.key}}}]}}",
            )
        return self.named


class ChartSpec(NamedTuple):
    """A chart of chartpress.yaml, or one that was found.

    Attributes:
        path: its folder: ``chartPath``, else its name; None for images without a chart.
    """

    name: str
    path: str | None
    base_version: str | None
    images: tuple[ImageSpec, ...]


class ChartpressConfig(NamedTuple):
    """The whole file: at least one chart, and the full names of the keys that chartpress ignores."""

    charts: tuple[ChartSpec, ...]
    unknown_keys: tuple[str, ...]


def read_chartpress(data: bytes, where: str) -> ChartpressConfig:
    """Read chartpress.yaml, whose name is the last part of ``where``.

    Raises:
        Unusable: not YAML, no charts, or a value of a type that chartpress cannot use.
    """
    document = parse(data, where)
    top = _Fields.of(document, document.root, "")
    charts = [_Fields.of(document, node, f"charts[{index}]") for index, node in enumerate(top.items("charts"))]
    if not charts:
        raise Unusable("no charts", where=where, hint="list them under charts:, each with its name:")
    file = posixpath.basename(where)
    unknown = top.unknown(_TOP_KEYS) + [name for chart in charts for name in _unknown(chart)]
    return ChartpressConfig(tuple(_chart(chart, file, index) for index, chart in enumerate(charts)), tuple(unknown))


def values_of(arguments: Map[str, BuildArgument]) -> dict[str, str | None]:
    """Return the values of build arguments by their names."""
    return {name: argument.value for name, argument in arguments.items()}


class _Fields(NamedTuple):
    """A mapping at ``path`` (``charts[0].images``), aliases and merge keys followed; of equal keys the last counts."""

    document: Document
    path: str
    values: dict[str, Node]

    @classmethod
    def of(cls, document: Document, node: Node | None, path: str) -> _Fields:
        """Read ``node`` as a mapping; null counts as an empty one."""
        if is_nothing(node):
            return cls(document, path, {})
        if not isinstance(node, MappingNode):
            raise _wrong(document, node, path or "the file", "a mapping")
        sources = [*reversed(merged(node)), node]
        entries = [(target_of(key), value) for source in sources for key, value in source.entries]
        values = {
            _passable(document, key, path or "a key"): target_of(value)
            for key, value in entries
            if isinstance(key, Scalar) and key.value != "<<"
        }
        return cls(document, path, values)

    def name(self, key: str) -> str:
        """Return the full name of ``key``: ``charts[0].name``."""
        return f"{self.path}.{key}" if self.path else key

    def fields(self, key: str) -> _Fields:
        """Return the mapping under ``key``, or an empty one."""
        return _Fields.of(self.document, self.values.get(key), self.name(key))

    def items(self, key: str) -> list[Node]:
        """Return the list under ``key``, or an empty one."""
        node = self.values.get(key)
        if is_nothing(node):
            return []
        if not isinstance(node, SequenceNode):
            raise _wrong(self.document, node, self.name(key), "a list")
        return [target_of(item) for item in node.children]

    def text(self, key: str) -> str | None:
        """Return the text under ``key``; None if it is missing or empty."""
        node = self.values.get(key)
        return None if is_nothing(node) else _text(self.document, node, self.name(key)) or None

    def texts(self, key: str) -> tuple[str, ...]:
        """Return the list of texts under ``key``."""
        items = enumerate(self.items(key))
        return tuple(_text(self.document, item, f"{self.name(key)}[{index}]") for index, item in items)

    def path_text(self, key: str) -> str | None:
        """Return the path under ``key``, relative to the document's folder, or None."""
        path = self.text(key)
        return None if path is None else self._inside(path, self.name(key), self.values[key])

    def path_texts(self, key: str) -> tuple[str, ...]:
        """Return the list of paths under ``key``."""
        both = enumerate(zip(self.texts(key), self.items(key), strict=True))
        return tuple(self._inside(path, f"{self.name(key)}[{index}]", node) for index, (path, node) in both)

    def _inside(self, path: str, name: str, node: Node) -> str:
        if is_inside(path, posixpath.dirname(self.document.text.where)):
            return path
        raise Unusable(
            f"{name} is {path!r}, which lies outside the repository",
            where=self.document.place(node),
            hint=f"name a path in the repository, relative to {posixpath.basename(self.document.text.where)}",
        )

    def flag(self, key: str, *, default: bool) -> bool:
        """Return the truth value under ``key``, or ``default``."""
        node = self.values.get(key)
        if node is None:
            return default
        if not isinstance(node, Scalar) or node.kind != "bool":
            raise _wrong(self.document, node, self.name(key), "true or false", hint="write true or false")
        return node.value.lower().startswith("t")

    def unknown(self, known: Collection[str]) -> list[str]:
        """Return the full names of the keys that are not in ``known``."""
        return [self.name(key) for key in self.values if key not in known]


def _unknown(chart: _Fields) -> list[str]:
    images = chart.fields("images")
    of_images = [name for key in images.values for name in images.fields(key).unknown(_IMAGE_KEYS)]
    return chart.unknown(_CHART_KEYS) + chart.fields("repo").unknown(_REPO_KEYS) + of_images


def _chart(chart: _Fields, file: str, index: int) -> ChartSpec:
    name = chart.text("name")
    if name is None:
        raise Unusable(
            f"{chart.name('name')} is missing", where=chart.document.text.where, hint="name the chart's folder"
        )
    prefix = chart.text("imagePrefix") or ""
    images = chart.fields("images")
    steps = ("charts", str(index), "images")
    return ChartSpec(
        name=name,
        path=chart.path_text("chartPath") or chart.path_text("name") or name,
        base_version=chart.text("baseVersion"),
        images=tuple(_image(images.fields(key), (*steps, key), prefix, file) for key in images.values),
    )


def _image(image: _Fields, steps: tuple[str, ...], prefix: str, file: str) -> ImageSpec:
    key = steps[-1]
    context = image.path_text("contextPath") or posixpath.join("images", key)
    dockerfile = image.path_text("dockerfilePath") or posixpath.join(context, "Dockerfile")
    contexts = [context] if image.flag("rebuildOnContextPathChanges", default=True) else []
    arguments = image.fields("buildArgs")
    build_args = {name: arguments.text(name) or "" for name in arguments.values}
    options = image.texts("extraBuildCommandOptions")
    for name, value in (*build_args.items(), *_assignments(options)):
        keep_secret(name, value)
    return ImageSpec(
        key=key,
        named=_name(image, key, prefix),
        context=context,
        dockerfile=dockerfile,
        build_args=build_args,
        extra_options=options,
        paths=tuple(dict.fromkeys([file, *contexts, dockerfile, *image.path_texts("paths")])),
        skip_platforms=frozenset(image.texts("skipPlatforms")),
        values_paths=_values_paths(image),
        arguments=_arguments(build_args, options, steps),
    )


def _arguments(build_args: Map[str, str], options: Sequence[str], steps: tuple[str, ...]) -> dict[str, BuildArgument]:
    """Return the build arguments that chartpress hands over; of equal names the last counts, as for Docker."""
    found = {name: BuildArgument(value, (*steps, "buildArgs", name)) for name, value in build_args.items()}
    for index, option in enumerate(options):
        before = f"{_BUILD_ARG}=" if option.startswith(f"{_BUILD_ARG}=") else ""
        if before or (index and options[index - 1] == _BUILD_ARG):
            name, sign, value = option.removeprefix(before).partition("=")
            place = (*steps, "extraBuildCommandOptions", str(index))
            found[name] = BuildArgument(value if sign else None, place, f"{before}{name}=")
    return found


def _assignments(options: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the name and value of each ``--build-arg=NAME=VALUE``, or of an item after such an option."""
    for option in options:
        assignment = option.removeprefix("--build-arg").removeprefix("--label").lstrip("= ")
        if not assignment.startswith("-"):
            name, _, value = assignment.partition("=")
            yield name, value


def _name(image: _Fields, key: str, prefix: str) -> str:
    """Read the image's full name; anything else could be read as an option of a program."""
    name = image.text("imageName") or prefix + key
    if is_name(name):
        return name
    node = image.values.get("imageName")
    raise Unusable(
        f"{image.path} has {name!r} for its name, which is not an image name",
        where=image.document.place(node) if node else image.document.text.where,
        hint="write imageName, or imagePrefix and the key, as host/path in small letters",
    )


def _values_paths(image: _Fields) -> tuple[str, ...]:
    """Read ``valuesPath``: one path or a list; an empty text, list or mapping means none."""
    node = image.values.get("valuesPath")
    if isinstance(node, SequenceNode):
        return image.texts("valuesPath")
    if isinstance(node, MappingNode) and not node.children:
        return ()
    path = image.text("valuesPath")
    return () if path is None else (path,)


def _wrong(document: Document, node: Node | None, name: str, wanted: str, hint: str | None = None) -> Unusable:
    """Return the fault of a ``node`` that is not what is ``wanted``."""
    return Unusable(
        f"{name} is {described(node)}, not {wanted}",
        where=document.place(node) if node else document.text.where,
        hint=hint or f"write {wanted} there",
    )


def _text(document: Document, node: Node | None, name: str) -> str:
    if isinstance(node, Scalar) and node.kind == "str":
        return _passable(document, node, name)
    is_scalar = isinstance(node, Scalar) and not is_nothing(node)
    raise _wrong(document, node, name, "a string", hint="put quotes around it" if is_scalar else None)


def _passable(document: Document, node: Scalar, name: str) -> str:
    """Return a scalar's text after checking that it can be an argument or a file's name."""
    if is_passable(node.value):
        return node.value
    raise Unusable(
        f"{name} holds a character that no program can be given: NUL, or half of a surrogate pair",
        where=document.place(node),
        hint=r"write it without the escape (\0, \ud800)",
    )
