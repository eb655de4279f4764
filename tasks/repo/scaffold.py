"""What a repository lacks for a hub image of its own: new files, and the values keys that name it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..core.faults import Unusable
from ..core.names import Reference
from ..core.yaml_tree import Document, Edit, MappingNode, parse
from ..tools.git import Git
from .chart import Requirement, requirements
from .chartpress import ImageSpec, read_chartpress
from .files import FileEdit, Files, join
from .hub import CHARTPRESS_FILE
from .yaml_edit import is_nothing, reach

DOCKERFILE = """\
# The hub image: z2jh's own for the chart's release, with what our hubs need besides.
FROM {base}

USER root
COPY requirements.txt /tmp/requirements.txt
RUN pip install --no-cache-dir --requirement /tmp/requirements.txt

USER jovyan
"""
REQUIREMENTS = """\
# Python packages that z2jh's hub image does not bring along, each pinned: NAME==VERSION
"""
CHART_YAML = """\
apiVersion: v2
name: {name}
description: Our JupyterHub
version: 0.0.1
dependencies:
  - name: {dependency}
    # The hub image inherits from this release's: both move together.
    version: {version}
    repository: {repository}
"""
CHARTPRESS = """\
charts:
  - name: {name}
    chartPath: {path}
    imagePrefix: {prefix}
"""
CHARTPRESS_IMAGE = """\
    images:
      hub:
        valuesPath: {values_path}
"""
MAKEFILE = """\
# VERSION=4.4.0 names the z2jh release; without it, it is the newest of the current major version.
"""
# The targets, each with its rule.
MAKE_TARGETS = {
    "release": """\
release: ## move to a z2jh release, build its hub image, commit both
\thubpress release $(if $(VERSION),--to '$(VERSION)')
""",
    "check": """\
check: ## fail when chart, base image and values do not agree
\thubpress check
""",
}

CHART = "hub"
_CONTEXT = "images/hub"
_MAKEFILE = "Makefile"
_CHART_FILES = ("requirements.yaml", "Chart.yaml")
_IMAGE = ("hub", "image")


class BareChart(NamedTuple):
    """A chart that depends on Zero to JupyterHub.

    Attributes:
        folder: its folder, relative to the repository's top.
        requirement: its dependency.
    """

    folder: str
    requirement: Requirement

    @property
    def image_keys(self) -> tuple[str, ...]:
        """The keys that lead to the hub image in the chart's values."""
        return (self.requirement.alias or self.requirement.name, *_IMAGE)


class Kept(NamedTuple):
    """A file that is there, and stays as it is.

    Attributes:
        path: the file, relative to the repository's top.
        lacks: what is to be added to it by hand; empty where it needs nothing.
    """

    path: str
    lacks: str = ""


class Scaffold(NamedTuple):
    """What is to be written, and what stays.

    Attributes:
        edits: the new files, and the edit of values.yaml.
        kept: the files that stay as they are.
    """

    edits: tuple[FileEdit, ...]
    kept: tuple[Kept, ...]


def find_chart(git: Git, files: Files, dependency: str, wanted: str | None) -> BareChart | None:
    """Return the repository's chart that depends on ``dependency``; no chartpress.yaml is needed for that.

    Args:
        git: the clone, at its top.
        files: its files.
        dependency: the requirement's name.
        wanted: the chart's folder or its last part, where several have the dependency.

    Returns:
        None where the repository has no chart at all.

    Raises:
        Unusable: none of its charts has it, or several have and none is named.
    """
    charts = _chart_files(git)
    if not charts:
        return None
    found = {chart.folder: chart for chart in _charts(charts, files, dependency)}
    fitting = [chart for folder, chart in found.items() if wanted in (None, folder, folder.rpartition("/")[2])]
    if len(fitting) == 1:
        return fitting[0]
    if not found:
        raise Unusable(
            f"no chart here depends on {dependency}",
            where=", ".join(charts),
            hint=f"add {dependency} to the dependencies of one, with version and repository",
        )
    raise Unusable(
        f"several charts depend on {dependency}: {', '.join(found)}",
        where=git.folder,
        hint=f"say which: INVOKE_HUB_CHART={next(iter(found))}",
    )


def chart_edit(chart: BareChart) -> FileEdit:
    """Return the new file Chart.yaml of a chart that is not there yet."""
    text = CHART_YAML.format(
        name=chart.folder.rpartition("/")[2],
        dependency=chart.requirement.name,
        version=chart.requirement.version,
        repository=chart.requirement.repository,
    )
    return FileEdit(join(chart.folder, "Chart.yaml"), None, text.encode(), "new")


def scaffold(files: Files, chart: BareChart, base: Reference, prefix: Callable[[], str]) -> Scaffold:
    """Return what the repository lacks for a hub image of the chart.

    Args:
        files: the repository's files.
        chart: the chart that gets a hub image.
        base: z2jh's own hub image for the pinned release.
        prefix: tells what the image's name begins with, ``HOST/PATH/``; asked where no chartpress.yaml says it.

    Raises:
        Unusable: values.yaml has no place for the image's keys, or chartpress.yaml cannot be read.
    """
    root = _root(files, chart)
    config, spec = _chartpress(files, chart, root, prefix)
    dockerfile, context = (spec.dockerfile, spec.context) if spec else (join(_CONTEXT, "Dockerfile"), _CONTEXT)
    image = _new_or_kept(files, join(root, dockerfile), DOCKERFILE.format(base=base))
    packages = _new_or_kept(files, join(root, context, "requirements.txt"), REQUIREMENTS)
    # Nobody's own Dockerfile copies our list of packages.
    parts = [image, *([packages] if isinstance(image, FileEdit) else []), config, _makefile(files)]
    values = _values_edit(files, chart)
    edits = tuple(part for part in parts if isinstance(part, FileEdit))
    kept = tuple(part for part in parts if isinstance(part, Kept))
    if values.changes:
        return Scaffold((*edits, values), kept)
    return Scaffold(edits, (*kept, Kept(values.path)))


# -- charts


def _chart_files(git: Git) -> tuple[str, ...]:
    """Return the files that name a chart's dependencies, in git or about to be."""
    patterns = [f":(glob)**/{name}" for name in _CHART_FILES]
    return git.names("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns)


def _charts(paths: tuple[str, ...], files: Files, dependency: str) -> Iterator[BareChart]:
    for path in paths:
        data = files.read(path)
        for requirement in requirements(data, path) if data else ():
            if requirement.name == dependency:
                yield BareChart(path.rpartition("/")[0] or ".", requirement)


# -- chartpress.yaml and the Makefile


def _root(files: Files, chart: BareChart) -> str:
    """Return the nearest folder above the chart that has a chartpress.yaml; the repository's top where none has."""
    parts = chart.folder.split("/")
    above = ("/".join(parts[:depth]) for depth in range(len(parts) - 1, 0, -1))
    return next((folder for folder in above if files.read(join(folder, CHARTPRESS_FILE)) is not None), "")


def _chartpress(
    files: Files, chart: BareChart, root: str, prefix: Callable[[], str]
) -> tuple[FileEdit, None] | tuple[Kept, ImageSpec | None]:
    """Return chartpress.yaml, new or kept, and the hub image that the one that is there has already."""
    path = join(root, CHARTPRESS_FILE)
    below = chart.folder.removeprefix(f"{root}/") if root else chart.folder
    image = CHARTPRESS_IMAGE.format(values_path=".".join(chart.image_keys))
    name = CHART if below == "." else below.rpartition("/")[2]

    def whole() -> str:
        return CHARTPRESS.format(name=name, path=below, prefix=prefix()) + image

    data = files.read(path)
    if data is None:
        return FileEdit(path, None, whole().encode(), "new"), None
    charts = [one for one in read_chartpress(data, path).charts if one.path == below]
    wanted = ".".join(chart.image_keys)
    for spec in (spec for one in charts for spec in one.images):
        if wanted in spec.values_paths:
            return Kept(path), spec
    return Kept(path, image if charts else whole().partition("\n")[2]), None


def _makefile(files: Files) -> FileEdit | Kept:
    data = files.read(_MAKEFILE)
    if data is None:
        rules = "\n".join(MAKE_TARGETS.values())
        text = f"{MAKEFILE}{rules}\n.PHONY: {' '.join(MAKE_TARGETS)}\n"
        return FileEdit(_MAKEFILE, None, text.encode(), "new")
    there = {line.partition(":")[0].strip() for line in data.decode("utf-8", "replace").splitlines() if ":" in line}
    return Kept(_MAKEFILE, "\n".join(rule for name, rule in MAKE_TARGETS.items() if name not in there))


def _new_or_kept(files: Files, path: str, text: str) -> FileEdit | Kept:
    return Kept(path) if files.read(path) is not None else FileEdit(path, None, text.encode(), "new")


# -- values.yaml


def _values_edit(files: Files, chart: BareChart) -> FileEdit:
    """Return the edit that gives values.yaml the keys ``name`` and ``tag`` of the hub image, where it lacks them."""
    path = join(chart.folder, "values.yaml")
    before = files.read(path)
    steps = chart.image_keys
    if before is None:
        return FileEdit(path, None, _block(steps, 0).encode(), "new")
    document = parse(before, path)
    found = reach(document, steps)
    if not found.missing:
        return FileEdit(path, before, before, "has the image's keys")
    after = _with_block(document, steps, len(steps) - len(found.missing))
    return FileEdit(path, before, after, f"{'.'.join(steps)} added")


def _with_block(document: Document, steps: tuple[str, ...], known: int) -> bytes:
    """Return the file with the missing keys as the first of the mapping that ``known`` steps lead to."""
    content = document.text.content
    node = reach(document, steps[:known]).node
    if known == 0 and is_nothing(node):
        ending = "" if not content or content.endswith("\n") else "\n"
        return document.text.edited([Edit(len(content), len(content), ending + _block(steps, 0))])
    if not isinstance(node, MappingNode) or node.flow or not node.children:
        raise Unusable(
            f"{'.'.join(steps[:known])} is no block of keys that another one can be added to",
            where=document.where,
            hint=f"add {'.'.join(steps)} with name: and tag: by hand",
        )
    first = node.children[0]
    line = content.rfind("\n", 0, first.start) + 1
    return document.text.edited([Edit(line, line, _block(steps[known:], first.start - line))])


def _block(steps: tuple[str, ...], indent: int) -> str:
    lines = [f"{' ' * (indent + 2 * depth)}{step}:" for depth, step in enumerate(steps)]
    inner = " " * (indent + 2 * len(steps))
    return "\n".join([*lines, f"{inner}name:", f"{inner}tag:"]) + "\n"
