"""helm: fetch a chart, and render one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .command import Command, Output
from .process import capture, run_checked

UPDATE_SECONDS = 300.0
_RENDER_SECONDS = 30.0


def pull(chart: str, version: str, repository: str, folder: Path) -> None:
    """Download a chart's archive into ``folder``; of a range, the newest version."""
    oci = repository.startswith("oci://")
    named = (f"{repository.rstrip('/')}/{chart}",) if oci else (chart, "--repo", repository)
    argv = ("helm", "pull", *named, *(("--version", version) if version else ()))
    command = Command((*argv, "--destination", "."), folder, hidden_env=_apart(folder.parent))
    run_checked(command, hint=" ".join(argv), seconds=UPDATE_SECONDS)


def template(
    folder: Path, chart: str, release: str, namespace: str, values: Sequence[str], kubernetes: str | None
) -> Output:
    """Render the chart in ``folder`` with values files there, strongest last, for a version of Kubernetes."""
    files = (word for path in values for word in ("--values", path))
    cluster = ("--kube-version", kubernetes) if kubernetes else ()
    argv = ("helm", "template", release, f"./{chart}", "--namespace", namespace, *files, *cluster)
    return capture(Command(argv, folder, hidden_env=_apart(folder)), seconds=_RENDER_SECONDS)


def _apart(folder: Path) -> dict[str, str]:
    """Return the variables that separate helm from the user's configuration, plugins and cache."""
    homes = {f"HELM_{kind}_HOME": str(folder.parent / "helm") for kind in ("CACHE", "CONFIG", "DATA")}
    # It ends before garbage matters: https://go.dev/doc/gc-guide#Memory_limit.
    return {**homes, "HELM_NO_PLUGINS": "1", "GOGC": "off", "GOMEMLIMIT": "512MiB"}
