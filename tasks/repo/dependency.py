"""The release that a hub repository depends on: the Helm repository that offers it, and which one it is."""

from __future__ import annotations

from ..core.faults import Unusable
from ..core.settings import Settings
from ..releases.index import Index, Release, pinned_release, release_with_image
from ..releases.repository import HelmRepository
from .charts import Requirement
from .hub import JUPYTERHUBS, Hub

_HELMS_OWN = ("@", "alias:", "oci:")


def helm_repository(hub: Hub) -> str:
    """Return the address of the dependency's Helm repository."""
    return address_of(hub.settings, hub.requirement, hub.requirement_file)


def address_of(settings: Settings, required: Requirement, file: str) -> str:
    """Return the address of a Helm repository: the setting's, else that of the requirement in ``file``.

    A name from helm's own configuration or an OCI registry has no index (https://helm.sh/docs/helm/helm_dependency/).
    """
    if settings.chart_repository:
        return settings.chart_repository
    address = required.repository
    if address and not address.startswith(_HELMS_OWN):
        return address
    raise Unusable(
        f"the requirement names {address or 'no Helm repository'}, which has no index to read",
        where=f"{file}:{required.line}",
        hint=f"name one that has, in invoke.yaml: hub: {{chart_repository: {JUPYTERHUBS}}}",
    )


def open_repository(hub: Hub, address: str | None = None) -> HelmRepository:
    """Return the dependency's Helm repository; raises Refused where the requirement's is plain http elsewhere."""
    settings, asked = hub.settings, hub.settings.chart_repository is not None
    return HelmRepository(address or helm_repository(hub), settings.fetched, settings.dependency, asked=asked)


def release_of(hub: Hub, index: Index) -> Release | None:
    """Return the release that the repository pins, without a chart the one of its base image, or None."""
    found = pinned_release(index, hub.decided)
    if found is None and hub.layout.folder is None:
        return release_with_image(index, hub.requirement.version)
    return found
