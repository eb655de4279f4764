"""The deployments of a hub repository's chart: each one's values files, Helm release and namespace.

The repository's layout tells them. hubploy's (https://github.com/berkeley-dsep-infra/hubploy): ``NAME/hubploy.yaml``,
``NAME/config/`` with ``common.yaml`` and a file for each environment, and ``NAME/secrets/``; it installs the release
``NAME-ENVIRONMENT`` into the namespace of that name. 2i2c's (https://infrastructure.2i2c.org): a ``cluster.yaml`` with
``hubs``, each with its ``helm_chart``, which may wrap the hub's, and its ``helm_chart_values_files``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ..core.faults import Unusable, nearest
from ..core.safe_files import is_inside
from ..core.settings import FILE
from ..core.yaml_tree import Unreadable, load
from .files import join
from .hub import Hub
from .installations import installations
from .search import last_part

HUBPLOY_FILE = "hubploy.yaml"
LOCAL = "file://"
_CLUSTER_FILE = "cluster.yaml"
_COMMON = "common"
_CONFIG = re.compile(r"(?P<folder>.+)/(?P<kind>config|secrets)/(?P<name>[^/]+)\.ya?ml")


class Deployment(NamedTuple):
    """One installation of a chart, with its values files, the strongest last, besides the chart's own.

    Attributes:
        chart: the folder of the hub's chart, or of one that wraps it.
        group: the folder of hubploy, or the cluster, that it is one of.
    """

    name: str
    values: tuple[str, ...]
    namespace: str
    release: str
    chart: str
    group: str = ""


def deployments(hub: Hub, names: Sequence[str] = ()) -> tuple[Deployment, ...]:
    """Return the deployments of the settings, else those that the layout tells, else the chart alone.

    ``names`` are those of deployments, or of what groups them. Without a chart of the repository's own it is z2jh's,
    with the values of the settings.
    """
    if not has_deployments(hub):
        entry = next((one.deployment for one in installations(hub) if one.values), "{name: …, values: […]}")
        raise Unusable(
            "no chart here depends on z2jh, and no setting names the values that z2jh's own is deployed with",
            where=hub.git.folder,
            hint=f"name them in {FILE}: hub: {{deployments: [{entry}]}}",
        )
    alone = Deployment(hub.layout.chart.name, (), hub.layout.chart.name, hub.layout.chart.name, chart_of(hub))
    found = tuple(_of_settings(hub)) or of_hubploy(hub) or tuple(_of_clusters(hub)) or (alone,)
    wanted: dict[Deployment, None] = {}
    for name in names:
        fitting = [one for one in found if one.name == name] or [one for one in found if one.group == name]
        if not fitting:
            near = nearest(name, (known for one in found for known in (one.name, one.group)))
            listed = ", ".join(one.name for one in found)
            hint = f"did you mean --deployment {near}?" if near else f"the deployments are: {listed}"
            raise Unusable(f"there is no deployment {name}", where=hub.git.folder, hint=hint)
        wanted.update(dict.fromkeys(fitting))
    return tuple(wanted) or found


def has_deployments(hub: Hub) -> bool:
    """Whether there is a chart to render: the repository's, or z2jh's own for the deployments of the settings."""
    return hub.layout.folder is not None or bool(hub.settings.deployments)


def chart_of(hub: Hub) -> str:
    """Return the folder of the hub's chart; where it has none, the name of z2jh's own."""
    return hub.requirement.name if hub.layout.folder is None else hub.layout.folder


def of_hubploy(hub: Hub) -> tuple[Deployment, ...]:
    """Return the deployments that hubploy would install, of the hub's chart or another."""
    # The name of a template's folder holds cookiecutter's braces.
    folders = {path.rpartition("/")[0] for path in hub.listing.named(HUBPLOY_FILE) if "{" not in path}
    files = map(_CONFIG.fullmatch, sorted(hub.listing.files))
    found: dict[str, dict[tuple[str, str], str]] = {}
    for file in (one for one in files if one and one["folder"] in folders):
        found.setdefault(file["folder"], {})[file["kind"], file["name"]] = file[0]
    return tuple(one for folder, inside in found.items() for one in _in_folder(hub.layout.folder or "", folder, inside))


def _in_folder(chart: str, folder: str, files: Mapping[tuple[str, str], str]) -> Iterator[Deployment]:
    group = last_part(folder)
    environments = sorted(name for kind, name in files if kind == "config" and name != _COMMON)
    for environment in environments or [_COMMON]:
        # hubploy gives helm what all environments share first.
        order = [(kind, name) for name in dict.fromkeys((_COMMON, environment)) for kind in ("config", "secrets")]
        name = f"{group}-{environment}" if environments else group
        yield Deployment(name, tuple(join(files[one]) for one in order if one in files), name, name, chart, group)


def _of_clusters(hub: Hub) -> Iterator[Deployment]:
    for path in hub.listing.named(_CLUSTER_FILE):
        data = hub.files.read(path) or b""
        if b"helm_chart" in data:
            yield from _in_cluster(hub, path.rpartition("/")[0], data)


def _in_cluster(hub: Hub, folder: str, data: bytes) -> Iterator[Deployment]:
    try:
        content = load(data.decode("utf-8", "replace"))
    except Unreadable:
        return
    hubs = content.get("hubs") if isinstance(content, dict) else None
    group = last_part(folder)
    for entry in hubs if isinstance(hubs, list) else ():
        fields = entry if isinstance(entry, dict) else {}
        name, chart, files = map(fields.get, ("name", "helm_chart", "helm_chart_values_files"))
        place = _chart_folder(hub, chart) if isinstance(chart, str) else None
        if isinstance(name, str) and isinstance(files, list) and place:
            paths = [join(folder, file) for file in files if isinstance(file, str)]
            values = tuple(path for path in paths if is_inside(path) and hub.files.read(path) is not None)
            yield Deployment(f"{group}-{name}", values, name, name, place, group)


def _of_settings(hub: Hub) -> Iterator[Deployment]:
    told = hub.settings.deployments
    charts = {path: one.chart for one in _of_clusters(hub) for path in one.values} if told else {}
    for one in told:
        known = next((charts[path] for path in one.values if path in charts), chart_of(hub))
        chart = _chart_folder(hub, one.chart) if one.chart else known
        missing = next((path for path in one.values if hub.files.read(path) is None), None)
        if chart is None:
            what = f"hub.deployments: no chart {one.chart} depends on the hub's chart by {LOCAL}"
            raise Unusable(what, where=FILE, hint="name its folder there; the hub's own chart needs no name")
        if missing:
            what = f"hub.deployments names {missing}, which does not exist"
            raise Unusable(what, where=FILE, hint=f"correct the values of {one.name} there")
        yield Deployment(one.name, one.values, one.namespace or one.name, one.release or one.name, chart)


def _chart_folder(hub: Hub, wanted: str) -> str | None:
    """Return the folder of the hub's chart, or of one that wraps it, by its folder or the folder's name; else None."""
    for folder in hub.search.own_folders:
        if wanted.rstrip("/") in (folder, last_part(folder)):
            found = hub.search.requirement_in(folder, hub.layout.chart.name)
            if folder == hub.layout.folder or (found and found.repository.startswith(LOCAL)):
                return folder
    return None
