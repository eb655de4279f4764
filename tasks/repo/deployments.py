"""The deployments of a hub repository's chart: each one's values files, Helm release and namespace.

The layout is hubploy's (https://github.com/berkeley-dsep-infra/hubploy): ``NAME/hubploy.yaml``, ``NAME/config/`` with
``common.yaml`` and a file for each environment, and ``NAME/secrets/``. It installs the release ``NAME-ENVIRONMENT``
into the namespace of that name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from ..core.faults import Unusable, nearest
from .files import join
from .hub import Hub

HUBPLOY_FILE = "hubploy.yaml"
_COMMON = "common"
_CONFIG = re.compile(r"(?P<folder>.+)/(?P<kind>config|secrets)/(?P<name>[^/]+)\.ya?ml")


class Deployment(NamedTuple):
    """One installation of the chart, with its values files, the strongest last, besides the chart's own."""

    name: str
    values: tuple[str, ...]
    namespace: str
    release: str


def deployments(hub: Hub, names: Sequence[str] = ()) -> tuple[Deployment, ...]:
    """Return the deployments of the settings, else those that hubploy would install, else the chart alone."""
    said = (
        Deployment(one.name, one.values, one.namespace or one.name, one.release or one.name)
        for one in hub.settings.deployments
    )
    alone = Deployment(hub.chart.name, (), hub.chart.name, hub.chart.name)
    found = tuple(said) or tuple(_of_hubploy(hub)) or (alone,)
    known = {one.name: one for one in found}
    for name in names:
        if name not in known:
            near = nearest(name, known)
            hint = f"did you mean --deployment {near}?" if near else f"the deployments are: {', '.join(known)}"
            raise Unusable(f"there is no deployment {name}", where=hub.git.folder, hint=hint)
    return tuple(known[name] for name in dict.fromkeys(names)) or found


def _of_hubploy(hub: Hub) -> Iterator[Deployment]:
    marks = hub.git.names("ls-files", "-z", "--", f":(glob)**/{HUBPLOY_FILE}")
    folders = {path.rpartition("/")[0] for path in marks} - {""}
    listed = hub.git.names("ls-files", "-z", "--", *sorted(folders)) if folders else ()
    fitting = [found for path in sorted(listed) if (found := _CONFIG.fullmatch(path)) and found["folder"] in folders]
    for folder, group in groupby(fitting, key=lambda found: found["folder"]):
        files = {(found["kind"], found["name"]): found[0] for found in group}
        for environment in sorted(name for kind, name in files if kind == "config" and name != _COMMON):
            # hubploy gives helm what all environments share first.
            order = [(kind, name) for name in (_COMMON, environment) for kind in ("config", "secrets")]
            name = f"{folder.rpartition('/')[2]}-{environment}"
            yield Deployment(name, tuple(join(files[one]) for one in order if one in files), name, name)
