"""The files and lines that a repository lacks for a hub image; longer texts are filled in from ``templates/``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import NamedTuple

from ..core.faults import Unusable
from ..core.names import Reference
from ..core.settings import FILE, SECTION
from ..core.yaml_tree import Document, Edit, MappingNode, parse
from .chartpress import ImageSpec
from .files import FileEdit, Files, join
from .layout import Layout
from .search import CHARTPRESS_FILE, BareChart
from .yaml_edit import is_nothing, reach

_TEMPLATES = resources.files(__package__) / "templates"
# The names that make looks for, in its order.
_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
_RULE = re.compile(r"^([a-z]+): .*\n(?:\t.*\n)+", re.MULTILINE)
_IGNORES = ".gitignore"


class Kept(NamedTuple):
    """An existing file, which is not changed; ``lacks`` is what to add to it by hand."""

    path: str
    lacks: str = ""


Part = FileEdit | Kept


def chart_edit(chart: BareChart) -> FileEdit:
    """Return the new Chart.yaml of a chart."""
    required = chart.requirement
    return _new(
        join(chart.folder, "Chart.yaml"),
        "Chart.yaml",
        name=chart.name,
        dependency=required.name,
        version=required.version,
        repository=required.repository,
    )


def dockerfile_parts(files: Files, dockerfile: str, context: str, base: Reference) -> Iterator[Part]:
    """Yield a new Dockerfile that inherits from ``base``, and its list of packages; one that is there is kept."""
    if files.read(dockerfile) is not None:
        yield Kept(dockerfile)
        return
    packages = join(context, "requirements.txt")
    yield _new(dockerfile, "Dockerfile", base=base)
    yield Kept(packages) if files.read(packages) is not None else _new(packages, "requirements.txt")


def chartpress_part(files: Files, layout: Layout, prefix: str | None) -> Part:
    """Return chartpress.yaml with the chart and image of ``layout``; what it lacks where it is there."""
    chart, (image,) = layout.chart, layout.chart.images
    path = join(layout.root, CHARTPRESS_FILE)
    if layout.config is not None and image.named:
        return Kept(path)
    lines = [
        f"  - name: {chart.name}",
        f"    chartPath: {chart.path}",
        *([f"    imagePrefix: {prefix}"] if prefix else []),
        *_image_lines(image),
    ]
    if files.read(path) is None:
        return FileEdit(path, None, "\n".join(["charts:", *lines, ""]).encode(), "new")
    has_chart = layout.config is not None
    return Kept(path, "\n".join([*(_image_lines(image) if has_chart else lines), ""]))


def settings_part(files: Files, image: ImageSpec, name: str) -> Part:
    """Return invoke.yaml with the image under its full ``name``; what it lacks where it has settings already."""
    lines = [f"    - context: {image.context}", f"      name: {name}"]
    if image.dockerfile != join(image.context, "Dockerfile"):
        lines.append(f"      dockerfile: {image.dockerfile}")
    before = files.read(FILE)
    document = parse(before or b"", FILE)
    if not is_nothing(document.root) and (
        not isinstance(document.root, MappingNode) or document.root.flow or not reach(document, (SECTION,)).missing
    ):
        return Kept(FILE, "\n".join([f"{SECTION}:", "  images:", *lines, ""]))
    return _with_lines(FILE, before, [f"{SECTION}:", "  images:", *lines], f"{SECTION}.images added")


def makefile_part(files: Files) -> Part:
    """Return the Makefile with the targets that it lacks, behind its own: what ``make`` alone does stays as it is."""
    path = next((name for name in _MAKEFILES if files.read(name) is not None), _MAKEFILES[-1])
    before = files.read(path)
    text = _template("Makefile")
    if before is None:
        return FileEdit(path, None, text.encode(), "new")
    own = {line.partition(":")[0].strip() for line in before.decode("utf-8", "replace").splitlines() if ":" in line}
    rules = {rule[1]: rule[0].rstrip("\n") for rule in _RULE.finditer(text) if rule[1] not in own}
    if not rules:
        return Kept(path)
    lines = [line for rule in rules.values() for line in ("", *rule.split("\n"))]
    phony = ["", f".PHONY: {' '.join(rules)}"]
    return _with_lines(path, before, [*lines, *phony], f"{' and '.join(rules)} added")


def ignores_part(files: Files, lines: Sequence[str]) -> Part:
    """Return .gitignore with ``lines``."""
    before = files.read(_IGNORES)
    return _with_lines(_IGNORES, before, lines, f"{' and '.join(lines)} added") if lines else Kept(_IGNORES)


def values_part(files: Files, chart: BareChart) -> Part:
    """Return the chart's values with the keys ``name`` and ``tag`` of the hub image, where they lack them.

    Raises:
        Unusable: it has no place for them.
    """
    path, steps = chart.values_file, tuple(chart.values_path.split("."))
    before = files.read(path)
    if before is None:
        return FileEdit(path, None, _block(steps, 0).encode(), "new")
    document = parse(before, path)
    found = reach(document, steps)
    if not found.missing:
        return Kept(path)
    after = _with_block(document, steps, len(steps) - len(found.missing))
    return FileEdit(path, before, after, f"{chart.values_path} added")


def _image_lines(image: ImageSpec) -> list[str]:
    """Return what chartpress.yaml says of an image, but for what chartpress takes without it."""
    usual = join("images", image.key)
    told = {
        "imageName": image.named,
        "contextPath": image.context if image.context != usual else None,
        "dockerfilePath": image.dockerfile if image.dockerfile != join(image.context, "Dockerfile") else None,
        "valuesPath": ", ".join(image.values_paths),
    }
    return ["    images:", f"      {image.key}:", *(f"        {key}: {text}" for key, text in told.items() if text)]


def _template(name: str) -> str:
    return (_TEMPLATES / f"{name}.in").read_text("utf-8")


def _new(path: str, template: str, /, **fields: object) -> FileEdit:
    return FileEdit(path, None, _template(template).format(**fields).encode(), "new")


def _with_lines(path: str, before: bytes | None, lines: Sequence[str], summary: str) -> FileEdit:
    """Return the edit that puts ``lines`` at the end of a file, with its own line ends."""
    old = before or b""
    ending = "\r\n" if b"\r\n" in old else "\n"
    start = "" if not old or old.endswith(b"\n") else ending
    text = start + "".join(f"{line}{ending}" for line in lines)
    return FileEdit(path, before, old + text.encode(), "new" if before is None else summary)


def _with_block(document: Document, steps: tuple[str, ...], known: int) -> bytes:
    """Return the file with the missing keys as the first of the mapping that ``known`` steps lead to."""
    content = document.text.content
    node = reach(document, steps[:known]).node
    if known == 0 and is_nothing(node):
        ending = "" if not content or content.endswith("\n") else "\n"
        return document.text.edited([Edit(len(content), len(content), ending + _block(steps, 0))])
    if not isinstance(node, MappingNode) or node.flow or not node.children:
        raise Unusable(
            f"{'.'.join(steps[:known])} is not a mapping that a key can be added to",
            where=document.text.where,
            hint=f"add {'.'.join(steps)} with name: and tag: by hand",
        )
    first = node.children[0]
    line = content.rfind("\n", 0, first.start) + 1
    return document.text.edited([Edit(line, line, _block(steps[known:], first.start - line))])


def _block(steps: tuple[str, ...], indent: int) -> str:
    lines = [f"{' ' * (indent + 2 * depth)}{step}:" for depth, step in enumerate(steps)]
    inner = " " * (indent + 2 * len(steps))
    return "\n".join([*lines, f"{inner}name:", f"{inner}tag:"]) + "\n"
