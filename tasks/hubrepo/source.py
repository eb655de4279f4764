"""Where the chart's dependency comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..faults import Unusable
from ..z2jh.repository import HelmRepository

if TYPE_CHECKING:
    from .layout import Hub

_HELMS_OWN = ("@", "alias:", "oci:")
JUPYTERHUBS = "https://hub.jupyter.org/helm-chart/"


def helm_repository(hub: Hub) -> str:
    """Return the address of the dependency's Helm repository: the setting's, else the requirement's own.

    Raises:
        Unusable: the requirement has none, or one without an index: a name from helm's own configuration
            (``@name``, ``alias:name``) or an OCI registry (https://helm.sh/docs/helm/helm_dependency/).
    """
    if hub.settings.chart_repository:
        return hub.settings.chart_repository
    address = hub.requirement.repository
    if address and not address.startswith(_HELMS_OWN):
        return address
    raise Unusable(
        f"the requirement names {address or 'no Helm repository'}, which has no index to read",
        where=f"{hub.requirement_file}:{hub.requirement.line}",
        hint=f"name one that has, in invoke.yaml: hub: {{chart_repository: {JUPYTERHUBS}}}",
    )


def open_repository(hub: Hub) -> HelmRepository:
    """Return the dependency's Helm repository.

    An address that the setting names was asked for by the user, the requirement's own was not.

    Raises:
        Unusable: as :func:`helm_repository`, or its address is none.
        Refused: the requirement names plain http to another machine.
    """
    asked = hub.settings.chart_repository is not None
    return HelmRepository(helm_repository(hub), hub.settings.fetched, hub.requirement.name, asked=asked)
