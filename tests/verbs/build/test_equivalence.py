"""After our build chartpress finds nothing to do, and agrees with what stands in values.yaml."""

import shutil
import sys
from pathlib import Path

import pytest

from tasks.rehearsal.registry import Registry, forget_images
from tests.support.cli import Result, run, succeed
from tests.support.hubs import Hub
from tests.support.world import data, images_in

pytestmark = pytest.mark.engine

DATABASE = """\
      postgres:
      # Set by hand: chartpress writes one values.yaml alone.
        valuesPath: {}
"""


def chartpress_push(hub: Hub, folder: Path, *, below: str = ".") -> tuple[Result, Path]:
    """Run ``chartpress --push`` in a copy of the repository; return what it said, and the copy's chart folder."""
    copy = folder / "copy"
    shutil.copytree(hub.path, copy, symlinks=True)
    return run(sys.executable, "-m", "chartpress", "--push", cwd=copy / below), copy / below


def test_chartpress_has_nothing_to_do_for_three_images_in_a_folder_below(
    pilot: Hub, registry: Registry, tmp_path: Path
) -> None:
    assert_equivalent(
        pilot, "release --yes", "helm-charts/basehub/values.yaml", registry, tmp_path, below="helm-charts"
    )


def test_chartpress_has_nothing_to_do_where_two_charts_have_images(
    cal_icor: Hub, registry: Registry, tmp_path: Path
) -> None:
    # chartpress stops at an image whose folder is missing.
    cal_icor.change("chartpress.yaml", DATABASE, "")
    first, copy = chartpress_push(cal_icor, tmp_path / "before")
    assert first.code == 0, first
    cal_icor.put("node-placeholder/values.yaml", (copy / "node-placeholder/values.yaml").read_text())
    assert_equivalent(cal_icor, "release --yes", "hub/values.yaml", registry, tmp_path)


def assert_equivalent(hub: Hub, task: str, values: str, registry: Registry, folder: Path, *, below: str = ".") -> None:
    succeed(*task.split(), cwd=hub.path)
    # chartpress looks into the engine's own store first: it shall have to ask the registry.
    forget_images(registry.address)
    images = images_in(registry.address)
    said, chart = chartpress_push(hub, folder, below=below)
    assert said.code == 0, said
    assert_idle(said)
    assert images_in(registry.address) == images
    name = values.removeprefix(below).strip("/")
    assert data((chart / name).read_text()) == data(hub.read(values))


def assert_idle(said: Result) -> None:
    lines = said.err.splitlines()
    assert [line for line in lines if line.startswith("$> docker")] == [], said
    assert any(line.startswith("Skipping build for ") and line.endswith(", it already exists") for line in lines), said
    assert not any("values.yaml" in line for line in lines), said
    skipped = [line for line in lines if line.startswith("Skipping push for ")]
    assert skipped, said
    assert all(line.endswith(", already on registry") for line in skipped), said
