"""What to say when a hub repository lacks something, or has it twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..door import DOOR
from ..faults import Unusable
from .paths import join

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .chartpress import ChartSpec
    from .layout import Hub

_BINDERHUB = "binderhub"


def no_single_root(top: Path, roots: Sequence[str], fitting: Sequence[str]) -> Unusable:
    """Return the fault of a repository without exactly one chartpress.yaml that could be meant.

    Args:
        top: the repository's top.
        roots: the folders that have one.
        fitting: those of them with a chart that depends on z2jh.
    """
    if not roots:
        return Unusable(
            "there is no chartpress.yaml in this repository",
            where=top,
            hint=f"name the hub repository (--repo PATH), or give a chart its hub image: {DOOR} init",
        )
    candidates = fitting or roots
    return Unusable(
        f"there are several chartpress.yaml: {', '.join(candidates)}",
        where=top,
        hint=f"say which in invoke.yaml: hub: {{root: {candidates[0]}}}",
    )


def no_dependency(hub: Hub, charts: Sequence[ChartSpec]) -> Unusable:
    """Return the fault of ``charts`` none of which depends on z2jh itself."""
    wanted = hub.settings.dependency
    for chart in charts:
        brought = hub.requirement_of(chart, _BINDERHUB)
        if brought is None:
            continue
        return Unusable(
            f"the chart {chart.name} gets {wanted} through {_BINDERHUB}, which pins it",
            where=hub.requirement_file_of(chart),
            hint=f"move {_BINDERHUB} instead, by hand; a release's own {wanted}: "
            f"helm show chart {_BINDERHUB} --repo {brought.repository} --version {brought.version}",
        )
    return Unusable(
        f"no chart depends on {wanted}",
        where=hub.requirement_file_of(charts[0]) if len(charts) == 1 else hub.config_file,
        hint=f"add {wanted} to the chart's dependencies, with version and repository",
    )


def no_hub_image(hub: Hub) -> Unusable:
    """Return the fault of a chart none of whose images inherits from z2jh's hub image."""
    dockerfiles = [join(hub.root, spec.dockerfile) for spec in hub.chart.images]
    there = [path for path in dockerfiles if hub.files.read(path) is not None]
    return Unusable(
        "no FROM inherits from z2jh's hub image" if there else "there is no Dockerfile of a hub image",
        where=", ".join(there or dockerfiles) or hub.config_file,
        hint="write FROM quay.io/jupyterhub/k8s-hub:VERSION, the version being the one in "
        f"{hub.requirement_file_of(hub.chart)}",
    )
