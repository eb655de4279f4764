"""Plan the files that a repository lacks for its hub image; an existing image is adopted.

Longer texts are in ``templates/``.
"""

from __future__ import annotations

import contextlib
import posixpath
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from importlib import resources
from itertools import chain, count
from typing import NamedTuple

from ..core.faults import CLI, Refused, Unusable
from ..core.names import Reference, is_name
from ..core.plan import Action, Step
from ..core.settings import FILE, SECTION, DeploymentSetting, WholeImage, how_to_correct, read_settings, section_in
from ..core.yaml_tree import Alias, Edit, MappingNode, parse
from ..releases.index import Release, newest
from ..releases.repository import HelmRepository
from .charts import JUPYTERHUBS, BareChart, ChartSpec, ImageSpec, NotNamed, Requirement, address_of
from .deployments import PROSE, installations, staying_installations, unused_images
from .files import SUFFIX, FileEdit, Files, Listing, behind_links, edit_action, files_with, is_below, join, last_part
from .hub import Hub
from .layout import BRINGING, CHARTPRESS_FILE, Layout, found_image, from_chartpress, image_setting, no_hub_image
from .remotes import upstream_repository
from .values import SettingEntry, fields_of, in_brackets, is_nothing, quoted, reach

# The hub image's path in z2jh's own values, and the settings to write for an image without a chart.
_Z2JHS_OWN = "hub.image"
_WRITTEN = ("images", "values", "pins", "deployments")
# Signs that jupyterhub is deployed without a chart in the repository.
_PINS = ("hub.jupyter.org/helm-chart", "jupyterhub.github.io/helm-chart", "hubpress: jupyterhub")
_TEMPLATES = resources.files(__package__) / "templates"
# The names that make looks for, in its order.
_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
_RULE = r"(?m)^([a-z]+): .*\n(?:\t.*\n)+"
# The targets of plain rules, and signs that a Makefile has targets elsewhere, or another recipe prefix.
_TARGETS = r"(?m)^([\w. -]+)::?(?!=)"
_ELSEWHERE = r"(?m)^(?:[-s]?include\s|\.RECIPEPREFIX)"
_IGNORES = ".gitignore"


class Kept(NamedTuple):
    """An existing file, left unchanged; ``lacks`` are the lines to add by hand."""

    path: str
    lacks: Sequence[str] = ()


Part = FileEdit | Kept


def plan_init(hub: Hub, prefix: str | None) -> tuple[Step, Hub]:
    """Plan what the repository lacks; ``prefix`` is the beginning of the image's name."""
    try:
        images = hub.images
    except NotNamed:
        if hub.settings.whole_images:
            raise
        images = ()
    called = [(f" {image.spec.named}" if image.spec.named else "", image.dockerfile) for image in images]
    adopted = [f"the hub image{name} is built from {file}" for name, file in called]
    chart, parts = (_adopting if adopted else _beginning)(hub, prefix)
    parts = [*parts, _makefile_part(hub.files), _ignores_part(hub, chart)]
    edits = [part for part in parts if isinstance(part, FileEdit)]
    kept = {part.path: "".join(f"{line}\n" for line in part.lacks) for part in parts if isinstance(part, Kept)}
    to_add = {path: lines for path, lines in kept.items() if lines}
    texts = [*to_add.values(), *(edit.after.decode("utf-8", "replace") for edit in edits)]
    texts += [image.spec.named or "" for image in images]
    is_unused = prefix is not None and not any(_prefix(hub, prefix) in text for text in texts)
    named_in = hub.layout.file if images else CHARTPRESS_FILE
    if images and not hub.layout.charts and not hub.settings.whole_images:
        named_in = hub.values_file or FILE
    unused = [f"--prefix {prefix} is not used: {named_in} has the image's name"] if is_unused else []
    actions = []
    if edits:
        depends = [f"{chart.folder} depends on {chart.requirement.name} {chart.requirement.version}"] if chart else []
        write = edit_action(hub.git.folder, edits, "; ".join((*adopted, *depends)))
        shown = (line for edit in edits for line in (f"{edit.path}:", *(f"  {line}" for line in edit.diff())))
        actions = [write._replace(what=f"write {', '.join(edit.path for edit in edits)}", details=tuple(shown))]
    for path, lines in kept.items():
        what = f"{path}: exists, left unchanged"
        actions.append(Action(f"{what}; add by hand:", details=(lines,)) if lines else Action(what))
    step = Step(
        "init",
        (*actions, *map(Action, unused)),
        report=lambda _: {"files": [edit.path for edit in edits], "kept": [*kept], "to_add": to_add},
        summary=lambda _: [
            *(f"{line}: left unchanged" for line in adopted if edits),
            *(f"{edit.path}: {edit.summary}" for edit in edits),
            *unused,
            *(f"{path}: add by hand:\n{lines.rstrip()}" for path, lines in to_add.items()),
        ],
    )
    return step, _hub_after(hub, edits)


def _hub_after(hub: Hub, edits: Sequence[FileEdit]) -> Hub:
    """Return the repository after ``edits``, with the chart and the image that they add."""
    new = {edit.path: edit.after for edit in edits}
    settings = hub.settings
    if FILE in new:
        added = read_settings({key: value for key, value in section_in(new[FILE]).items() if key in _WRITTEN})
        settings = settings._replace(**{key: getattr(added, key) for key in _WRITTEN})
    listing = Listing.of(hub.git, settings)
    files, telling = (tuple(dict.fromkeys((*known, *new))) for known in (listing.files, listing.telling))
    return replace(hub.edited(edits), settings=settings, listing=listing._replace(files=files, telling=telling))


def _adopting(hub: Hub, prefix: str | None) -> tuple[BareChart | None, list[Part]]:
    """Return the chart, and the files to keep and add for existing hub images."""
    layout = hub.layout
    parts: list[Part] = [Kept(path) for path in dict.fromkeys(image.dockerfile for image in hub.images)]
    chart = hub.chart_in(layout.folder)
    if layout.charts:
        lacks = [f"      {key}:\n        valuesPath: {path}" for key, path in unused_images(hub, hub.images).items()]
        parts.append(Kept(layout.file, ["    images:", *lacks] if lacks else ()))
    elif chart is not None and not hub.roots and not hub.settings.whole_images:
        parts.append(_chartpress_part(hub, layout, None))
    if chart is None and (settings := [f"  {line}" for line in _settings_lines(hub, prefix)]):
        lines = [f"{SECTION}:", *settings]
        edit = _with_lines(FILE, hub.files.read(FILE), lines, f"{SECTION} added")
        parts.append(_if_read(edit, (SECTION,), lines))
    if chart is not None and any(chart.values_path in image.spec.values_paths for image in hub.images):
        parts.append(_values_part(hub.files, chart))
    return chart, parts


def _beginning(hub: Hub, prefix: str | None) -> tuple[BareChart, list[Part]]:
    """Return the chart, and the files to keep and add if there is no hub image with a name."""
    settings, files = hub.settings, hub.files
    found = hub.only_chart if hub.folders else None
    dockerfile = next(iter(hub.dockerfiles), None)
    if found is None and (hub.folders or dockerfile):
        raise Unusable(
            f"no chart here depends on {settings.dependency}",
            where=", ".join(map(hub.dependencies_of, hub.folders)) or dockerfile,
            hint=how_to_correct(
                "dependency", f"add {settings.dependency} to the dependencies of one, with version and repository"
            ),
        )
    if found is None:
        _require_no_pin(hub)
    released = None if dockerfile else _released(hub, found)
    version = released[0].version if released else ""
    name = settings.dependency
    chart = found or BareChart(settings.chart or "hub", Requirement(name, version, JUPYTERHUBS, key=name, line=1))
    layout = _layout_for(hub, chart, dockerfile)
    (image,) = layout.chart.images
    place, context = join(layout.root, image.dockerfile), join(layout.root, image.context)
    prefix = None if layout.charts and prefix is None else _prefix(hub, prefix)
    parts: list[Part] = []
    if not found:
        parts.append(_new(files, f"{chart.folder}/Chart.yaml", "Chart.yaml", name=layout.chart.name, chart=chart))
    parts.append(_new(files, place, "Dockerfile", base=released and released[1]))
    if isinstance(parts[-1], FileEdit):
        parts.append(_new(files, join(context, "requirements.txt"), "requirements.txt"))
    return chart, [*parts, _chartpress_part(hub, layout, prefix), _values_part(files, chart)]


def _layout_for(hub: Hub, chart: BareChart, dockerfile: str | None) -> Layout:
    """Return the layout of ``chart`` and its hub image, in chartpress.yaml or to be added there."""
    named = None
    if hub.roots:
        with contextlib.suppress(NotNamed):
            named = from_chartpress(hub)
    if named is not None:
        claimed = [image for image in named.chart.images if chart.values_path in image.values_paths]
        if claimed and dockerfile:
            raise no_hub_image(hub, named)
        if claimed:
            return named._replace(chart=named.chart._replace(images=(claimed[0],)))
    above = [root for root in hub.roots if is_below(chart.folder, [root or "."])]
    root = named.root if named else max(above, key=len, default="")
    context = posixpath.relpath(hub.context_of(dockerfile), root or ".") if dockerfile else "images/hub"
    place = posixpath.relpath(dockerfile, root or ".") if dockerfile else join(context, "Dockerfile")
    image = found_image(WholeImage(context, "", place, (chart.values_path,)))
    path = posixpath.relpath(chart.folder, root or ".")
    spec = ChartSpec(last_part(chart.folder), path, None, (image,))
    return Layout(root, join(root, CHARTPRESS_FILE), spec, named.charts if named else ())


def _released(hub: Hub, chart: BareChart | None) -> tuple[Release, Reference]:
    settings, address = hub.settings, hub.settings.chart_repository or JUPYTERHUBS
    if chart:
        address = address_of(settings, chart.requirement, hub.dependencies_of(chart.folder))
    repository = HelmRepository.of(settings, address)
    index = repository.index()
    release = index.get(chart.requirement.version) if chart else newest(index)
    if release is None:
        raise Refused(
            f"there is no {settings.dependency} {chart.requirement.version if chart else 'that is stable'}",
            where=index.where,
            hint="fix the requirement's version; helm search repo lists what there is",
        )
    return release, repository.base_image(release)


def _require_no_pin(hub: Hub) -> None:
    """Check that nothing else deploys jupyterhub: a new chart would be a second hub."""
    found = [one.file for one in installations(hub, (hub.settings.dependency, *BRINGING))]
    found += files_with(hub.git, "--fixed-strings", _PINS, ".", *PROSE, where="--untracked")
    if found:
        raise Refused(
            f"{found[0]} deploys {hub.settings.dependency}, and no chart here does",
            where=found[0],
            hint=f"write a Dockerfile FROM quay.io/jupyterhub/k8s-hub:VERSION with that version, then: {CLI} init",
        )


def _ignores_part(hub: Hub, chart: BareChart | None) -> Part:
    """Return .gitignore with missing lines for files that a killed run leaves, and for archives that helm fetches."""
    wanted = {f"x{SUFFIX}": f"*{SUFFIX}"}
    archives = behind_links(hub.git.folder, join(chart.folder, "charts")) if chart else ""
    if chart and not hub.git.names("ls-files", "-z", "--", f"{archives}/*.tgz"):
        wanted[f"{archives}/x.tgz"] = f"/{archives}/*.tgz"
    before, check = hub.files.read(_IGNORES), ("check-ignore", "--quiet", "--no-index", "--")
    # Git does not read a .gitignore that is a link.
    there = (before or b"").decode("utf-8", "replace").splitlines()
    lines = [line for path, line in wanted.items() if line not in there and not hub.git.ask(*check, path).ok]
    return _with_lines(_IGNORES, before, lines, f"{' and '.join(lines)} added") if lines else Kept(_IGNORES)


def _prefix(hub: Hub, given: str | None) -> str:
    """Return the beginning of the image's name: from the user, else for the remote's owner on GitHub."""
    hint = f"use: {CLI} init --prefix us-central1-docker.pkg.dev/PROJECT/REPOSITORY/"
    if given is not None:
        prefix = given if given.endswith(("/", "-")) else f"{given}/"
        if not is_name(f"{prefix}hub"):
            raise Unusable(f"{given!r} cannot begin an image's name", where="--prefix", hint=hint)
        return prefix
    remote = upstream_repository(hub.git, hub.settings)
    if remote is not None and remote.host == "github.com":
        return f"ghcr.io/{remote.path.split('/')[0].lower()}/"
    raise Unusable("cannot tell where to push the image", where="git remote", hint=hint)


def _chartpress_part(hub: Hub, layout: Layout, prefix: str | None) -> Part:
    """Return chartpress.yaml with the chart and image of ``layout``, or the lines that an existing one lacks."""
    chart, (image,) = layout.chart, layout.chart.images
    path = join(layout.root, CHARTPRESS_FILE)
    if layout.charts and image.named:
        return Kept(path)
    if prefix and layout.charts and not any(one.prefix for one in layout.charts if one.path == chart.path):
        image = image._replace(named=f"{prefix}{image.key}")
    lines = [
        *([] if hub.charts_in(layout.root) else ["charts:"]),
        f"  - name: {quoted(chart.name)}",
        f"    chartPath: {quoted(str(chart.path))}",
        *([f"    imagePrefix: {prefix}"] if prefix else []),
        *_image_lines(image),
    ]
    if hub.files.read(path) is None:
        return _with_lines(path, None, lines)
    return Kept(path, _image_lines(image) if layout.charts else lines)


def _settings_lines(hub: Hub, prefix: str | None) -> Iterator[str]:
    """Yield the missing settings for an image without a chart: its name, its values, and the places of the release."""
    settings = hub.settings
    known = {place.file for place in hub.targets(None)}
    found = hub.naming(_Z2JHS_OWN)
    unnamed = next((image for image in hub.layout.chart.images if image.named is None), None)
    names = [image.named for image in hub.layout.chart.images if image.named] or [*found.values()][:1]
    places = [place for place, name in found.items() if name in names and place.file not in known]
    if unnamed:
        begin = _prefix(hub, prefix) if prefix is not None or not names else ""
        name = next((one for one in names if one.startswith(begin)), f"{begin}{unnamed.key}")
        files = [place.file for place in places]
        first, *others = fields_of(image_setting(hub, unnamed._replace(named=name), None, files))
        yield from ("images:", f"  - {first}", *(f"    {line}" for line in others))
    pins = [] if settings.pins else [one.pin for one in staying_installations(hub) if one.pin]
    deployed: dict[str, DeploymentSetting] = {}
    deploying = [] if settings.deployments else [one.deployment for one in installations(hub) if one.deployment]
    for one in dict.fromkeys(deploying):
        # Helm releases in different namespaces can have the same name, deployments cannot.
        numbered = (f"{one.name}-{number}" for number in count(2))
        name = next(name for name in chain([one.name], numbered) if name not in deployed)
        deployed[name] = one if name == one.name else one._replace(name=name, release=one.name)
    added: dict[str, Collection[SettingEntry]] = {"values": places, "pins": pins, "deployments": deployed.values()}
    for key, entries in added.items():
        if entries:
            yield from (f"{key}:", *(f"  - {in_brackets(one)}" for one in dict.fromkeys(entries)))


def _makefile_part(files: Files) -> Part:
    """Return the Makefile with missing targets at its end, so that plain ``make`` does not change.

    If its targets cannot be determined, they must be added by hand.
    """
    path = next((name for name in _MAKEFILES if files.read(name) is not None), _MAKEFILES[-1])
    before = files.read(path)
    text = (_TEMPLATES / "Makefile.in").read_text("utf-8")
    if before is None:
        return FileEdit(path, None, text.encode(), "new")
    makefile = "\n".join(line for line in before.decode("utf-8", "replace").splitlines() if line[:1] not in {"\t", "#"})
    own = {target for targets in re.findall(_TARGETS, makefile) for target in targets.split()}
    rules = {rule[1]: rule[0].rstrip("\n") for rule in re.finditer(_RULE, text) if rule[1] not in own}
    if not rules:
        return Kept(path)
    if re.search(_ELSEWHERE, makefile) or re.search(rf"\b(?:{'|'.join(rules)})\b", makefile):
        return Kept(path, [line for rule in rules.values() for line in (*rule.split("\n"), "")])
    lines = [line for rule in rules.values() for line in ("", *rule.split("\n"))]
    phony = ["", f".PHONY: {' '.join(rules)}"]
    return _with_lines(path, before, [*lines, *phony], f"{' and '.join(rules)} added")


def _values_part(files: Files, chart: BareChart) -> Part:
    """Return the chart's values with the image's missing keys, as the first ones of their parent mapping.

    If that mapping is in flow style or empty, or the file has aliases, they must be added by hand.
    """
    path, steps = chart.values_file, tuple(chart.values_path.split("."))
    before, added = files.read(path), f"{chart.values_path} added"
    document = parse(before or b"", path)
    found = reach(document, steps)
    node, content = found.around, document.text.content
    if not found.missing:
        return Kept(path)
    if is_nothing(document.root):
        return _if_read(_with_lines(path, before, _block(steps), added), steps, _block(steps))
    has_aliases = any(isinstance(one, Alias) for one in document.nodes)
    if not isinstance(node, MappingNode) or not node.children or has_aliases:
        return Kept(path, _block(steps))
    first = node.children[0].start
    at = content.rfind("\n", 0, first) + 1
    lines = "".join(f"{line}\n" for line in _block(found.missing, first - at))
    edit = FileEdit(path, before, document.text.edited([Edit(at, at, lines)]), added)
    return _if_read(edit, steps, _block(steps))


def _if_read(edit: FileEdit, steps: tuple[str, ...], added: Sequence[str]) -> Part:
    """Return the edit if the file can then be parsed, with keys at ``steps``; else the lines to add by hand."""
    with contextlib.suppress(Unusable):
        if not reach(parse(edit.after, edit.path), steps).missing:
            return edit
    return Kept(edit.path, added)


def _image_lines(image: ImageSpec) -> list[str]:
    usual = join("images", image.key)
    fields = {
        "imageName": image.named,
        "contextPath": quoted(image.context) if image.context != usual else None,
        "dockerfilePath": quoted(image.dockerfile) if image.dockerfile != join(image.context, "Dockerfile") else None,
        "valuesPath": ", ".join(image.values_paths),
    }
    return ["    images:", f"      {image.key}:", *(f"        {key}: {text}" for key, text in fields.items() if text)]


def _new(files: Files, path: str, template: str, /, **fields: object) -> Part:
    """Return a new file with the filled ``template``; an existing one is kept."""
    if files.read(path) is not None:
        return Kept(path)
    text = (_TEMPLATES / f"{template}.in").read_text("utf-8")
    return FileEdit(path, None, text.format(**fields).encode(), "new")


def _with_lines(path: str, before: bytes | None, lines: Sequence[str], summary: str = "") -> FileEdit:
    """Return the edit that appends ``lines`` to a file, with the file's line ends."""
    old = before or b""
    ending = "\r\n" if b"\r\n" in old else "\n"
    start = "" if not old or old.endswith(b"\n") else ending
    text = start + "".join(f"{line}{ending}" for line in lines)
    return FileEdit(path, before, old + text.encode(), "new" if before is None else summary)


def _block(steps: tuple[str, ...], indent: int = 0) -> list[str]:
    """Return the lines with an image's keys under ``steps``."""
    lines = [f"{' ' * (indent + 2 * depth)}{step}:" for depth, step in enumerate(steps)]
    inner = " " * (indent + 2 * len(steps))
    return [*lines, f"{inner}name:", f"{inner}tag:"]
