"""The files and values keys that a chart repository lacks for a hub image, filled in from ``templates/``."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import resources
from typing import NamedTuple

from ..core.faults import Unusable
from ..core.names import Reference
from ..core.yaml_tree import Document, Edit, MappingNode, parse
from ..tools.git import Git
from .chart import Requirement, requirements
from .chartpress import ImageSpec, read_chartpress
from .files import FileEdit, Files, join
from .layout import CHARTPRESS_FILE
from .yaml_edit import is_nothing, reach

CHART = "hub"
_TEMPLATES = resources.files(__package__) / "templates"
_CONTEXT = "images/hub"
_MAKEFILE = "Makefile"
_RULE = re.compile(r"^([a-z]+): .*\n(?:\t.*\n)+", re.MULTILINE)
_CHART_FILES = ("requirements.yaml", "Chart.yaml")
_IMAGE = ("hub", "image")


class BareChart(NamedTuple):
    """A chart that depends on Zero to JupyterHub; its folder is relative to the repository's top."""

    folder: str
    requirement: Requirement

    @property
    def image_keys(self) -> tuple[str, ...]:
        """The keys that lead to the hub image in the chart's values."""
        return (self.requirement.alias or self.requirement.name, *_IMAGE)


class Kept(NamedTuple):
    """An existing file, which is not changed; ``lacks`` is what to add to it by hand."""

    path: str
    lacks: str = ""


class Scaffold(NamedTuple):
    """The new files with the edit of values.yaml, and the files that are kept."""

    edits: tuple[FileEdit, ...]
    kept: tuple[Kept, ...]


def find_chart(git: Git, files: Files, dependency: str, wanted: str | None) -> BareChart | None:
    """Return the chart that depends on ``dependency``, without the help of a chartpress.yaml.

    Args:
        git: the clone, at its top.
        files: its files.
        dependency: the requirement's name.
        wanted: the chart's folder or its last part, where several have the dependency.

    Returns:
        None where the repository has no chart at all.

    Raises:
        Unusable: no chart has the dependency, or several have and none is named.
    """
    patterns = [f":(glob)**/{name}" for name in _CHART_FILES]
    paths = git.names("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns)
    if not paths:
        return None
    found = {
        path.rpartition("/")[0] or ".": requirement
        for path in paths
        for requirement in requirements(files.read(path) or b"", path)
        if requirement.name == dependency
    }
    fitting = [folder for folder in found if wanted in (None, folder, folder.rpartition("/")[2])]
    if len(fitting) == 1:
        return BareChart(fitting[0], found[fitting[0]])
    if not found:
        raise Unusable(
            f"no chart here depends on {dependency}",
            where=", ".join(paths),
            hint=f"add {dependency} to the dependencies of one, with version and repository",
        )
    raise Unusable(
        f"several charts depend on {dependency}: {', '.join(found)}",
        where=git.folder,
        hint=f"say which: INVOKE_HUB_CHART={next(iter(found))}",
    )


def chart_edit(chart: BareChart) -> FileEdit:
    """Return the new Chart.yaml of a chart."""
    required = chart.requirement
    return _new(
        join(chart.folder, "Chart.yaml"),
        "Chart.yaml",
        name=chart.folder.rpartition("/")[2],
        dependency=required.name,
        version=required.version,
        repository=required.repository,
    )


def scaffold(files: Files, chart: BareChart, base: Reference, prefix: Callable[[], str]) -> Scaffold:
    """Return what the repository lacks for a hub image of the chart.

    Args:
        files: the repository's files.
        chart: the chart that gets a hub image.
        base: z2jh's hub image for the pinned release.
        prefix: returns the beginning of the image's name, ``HOST/PATH/``; called where no chartpress.yaml has it.

    Raises:
        Unusable: values.yaml has no place for the image's keys, or chartpress.yaml cannot be read.
    """
    root = _root(files, chart)
    config, spec = _chartpress(files, chart, root, prefix)
    dockerfile, context = (spec.dockerfile, spec.context) if spec else (join(_CONTEXT, "Dockerfile"), _CONTEXT)
    parts = [config, _makefile(files), _values_edit(files, chart)]
    dockerfile, packages = join(root, dockerfile), join(root, context, "requirements.txt")
    if files.read(dockerfile) is not None:
        # It does not copy our list of packages.
        parts.insert(0, Kept(dockerfile))
    else:
        listed = files.read(packages) is not None
        parts[:0] = [
            _new(dockerfile, "Dockerfile", base=base),
            Kept(packages) if listed else _new(packages, "requirements.txt"),
        ]
    edits = tuple(part for part in parts if isinstance(part, FileEdit))
    return Scaffold(edits, tuple(part for part in parts if isinstance(part, Kept)))


def _template(name: str) -> str:
    return (_TEMPLATES / f"{name}.in").read_text("utf-8")


def _new(path: str, template: str, /, **fields: object) -> FileEdit:
    return FileEdit(path, None, _template(template).format(**fields).encode(), "new")


# -- chartpress.yaml and the Makefile


def _root(files: Files, chart: BareChart) -> str:
    """Return the nearest folder above the chart that has a chartpress.yaml; the repository's top where none has."""
    parts = chart.folder.split("/")
    above = ("/".join(parts[:depth]) for depth in range(len(parts) - 1, 0, -1))
    return next((folder for folder in above if files.read(join(folder, CHARTPRESS_FILE)) is not None), "")


def _chartpress(
    files: Files, chart: BareChart, root: str, prefix: Callable[[], str]
) -> tuple[FileEdit | Kept, ImageSpec | None]:
    """Return chartpress.yaml, new or kept, and the hub image that it has already."""
    path = join(root, CHARTPRESS_FILE)
    below = chart.folder.removeprefix(f"{root}/") if root else chart.folder
    values_path = ".".join(chart.image_keys)
    name = CHART if below == "." else below.rpartition("/")[2]
    fields = {"name": name, "path": below, "values_path": values_path}
    data = files.read(path)
    if data is None:
        return _new(path, CHARTPRESS_FILE, **fields, prefix=prefix()), None
    charts = [one for one in read_chartpress(data, path).charts if one.path == below]
    spec = next((spec for one in charts for spec in one.images if values_path in spec.values_paths), None)
    if spec:
        return Kept(path), spec
    template = _template(CHARTPRESS_FILE)
    if charts:
        return Kept(path, template[template.index("    images:") :].format(**fields)), None
    return Kept(path, template.partition("\n")[2].format(**fields, prefix=prefix())), None


def _makefile(files: Files) -> FileEdit | Kept:
    data = files.read(_MAKEFILE)
    if data is None:
        return _new(_MAKEFILE, _MAKEFILE)
    targets = {line.partition(":")[0].strip() for line in data.decode("utf-8", "replace").splitlines() if ":" in line}
    rules = (rule for rule in _RULE.finditer(_template(_MAKEFILE)) if rule[1] not in targets)
    return Kept(_MAKEFILE, "\n".join(rule[0] for rule in rules))


# -- values.yaml


def _values_edit(files: Files, chart: BareChart) -> FileEdit | Kept:
    """Return the edit that gives values.yaml the keys ``name`` and ``tag`` of the hub image, where it lacks them."""
    path = join(chart.folder, "values.yaml")
    before = files.read(path)
    steps = chart.image_keys
    if before is None:
        return FileEdit(path, None, _block(steps, 0).encode(), "new")
    document = parse(before, path)
    found = reach(document, steps)
    if not found.missing:
        return Kept(path)
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
