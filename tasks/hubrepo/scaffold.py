"""What a chart repository lacks for a hub image of its own: new files, and the values keys that name it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..faults import Unusable
from .document import parse
from .files import FileEdit
from .layout import CHARTPRESS_FILE
from .nodes import Mapping
from .paths import join
from .requirement import Requirement, requirements
from .route import is_nothing, reach
from .text import Edit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..image.reference import Reference
    from ..tools.git import Git
    from .document import Document
    from .files import Files

DOCKERFILE = "images/hub/Dockerfile"
REQUIREMENTS = "images/hub/requirements.txt"
MAKEFILE = "Makefile"
_CHART_FILES = ("requirements.yaml", "Chart.yaml")
_IMAGE = ("hub", "image")


@dataclass(frozen=True)
class BareChart:
    """A chart that depends on Zero to JupyterHub.

    Attributes:
        folder: its folder, relative to the repository's top.
        requirement: its dependency.
    """

    folder: str
    requirement: Requirement


def find_chart(git: Git, files: Files, dependency: str, wanted: str | None) -> BareChart:
    """Return the repository's chart that depends on ``dependency``; no chartpress.yaml is needed for that.

    Args:
        git: the clone, at its top.
        files: its files.
        dependency: the requirement's name.
        wanted: the chart's folder or its last part, where several have the dependency.

    Raises:
        Unusable: no chart has it, or several have and none is named.
    """
    found = {chart.folder: chart for chart in _charts(git, files, dependency)}
    fitting = [chart for folder, chart in found.items() if wanted in (None, folder, folder.rpartition("/")[2])]
    if len(fitting) == 1:
        return fitting[0]
    if not found:
        raise Unusable(
            f"no chart here depends on {dependency}",
            where=git.folder,
            hint=f"add {dependency} to the dependencies of a chart, with version and repository",
        )
    raise Unusable(
        f"several charts depend on {dependency}: {', '.join(found)}",
        where=git.folder,
        hint=f"say which: INVOKE_HUB_CHART={next(iter(found))}",
    )


def scaffold(files: Files, chart: BareChart, base: Reference, prefix: str) -> tuple[list[FileEdit], list[str]]:
    """Return what is to be written, and what is there already and stays as it is.

    Args:
        files: the repository's files.
        chart: the chart that gets a hub image.
        base: z2jh's own hub image for the pinned release.
        prefix: what the image's name begins with: ``HOST/PATH/``.

    Raises:
        Unusable: values.yaml has no place for the image's keys.
    """
    new = {
        DOCKERFILE: _DOCKERFILE.format(base=base),
        REQUIREMENTS: _REQUIREMENTS,
        CHARTPRESS_FILE: _CHARTPRESS.format(chart=chart.folder.rpartition("/")[2], path=chart.folder, prefix=prefix,
                                            key=chart.requirement.alias or chart.requirement.name),
        MAKEFILE: _MAKEFILE,
    }  # fmt: skip
    there = [path for path in new if files.read(path) is not None]
    edits = [FileEdit(path, None, text.encode(), "new") for path, text in new.items() if path not in there]
    values = _values_edit(files, chart)
    if values.changes:
        return [*edits, values], there
    return edits, [*there, values.path]


def _charts(git: Git, files: Files, dependency: str) -> Iterator[BareChart]:
    patterns = [f":(glob)**/{name}" for name in _CHART_FILES]
    for path in git.read("ls-files", "-z", "--", *patterns).split("\0"):
        data = files.read(path) if path else None
        for requirement in requirements(data, path) if data else ():
            if requirement.name == dependency:
                yield BareChart(path.rpartition("/")[0] or ".", requirement)


def _values_edit(files: Files, chart: BareChart) -> FileEdit:
    """Return the edit that gives values.yaml the keys ``name`` and ``tag`` of the hub image, where it lacks them."""
    path = join(chart.folder, "values.yaml")
    before = files.read(path)
    steps = (chart.requirement.alias or chart.requirement.name, *_IMAGE)
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
    if not isinstance(node, Mapping) or node.flow or not node.children:
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


_DOCKERFILE = """\
# The hub image: z2jh's own for the chart's release, with what our hubs need besides.
FROM {base}

USER root
COPY requirements.txt /tmp/requirements.txt
RUN pip install --no-cache-dir --requirement /tmp/requirements.txt

USER jovyan
"""
_REQUIREMENTS = """\
# Python packages that z2jh's hub image does not bring along, each pinned: NAME==VERSION
"""
_CHARTPRESS = """\
charts:
  - name: {chart}
    chartPath: {path}
    imagePrefix: {prefix}
    images:
      hub:
        valuesPath: {key}.hub.image
"""
_MAKEFILE = """\
# VERSION=4.4.0 names the z2jh release; without it, it is the newest of the current major version.
release: ## move to a z2jh release, build its hub image, commit both
\thubpress release $(if $(VERSION),--to '$(VERSION)')

check: ## fail when chart, base image and values do not agree
\thubpress check

.PHONY: release check
"""
