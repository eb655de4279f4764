"""What cannot be used: one error that names the place, one hint, the contract's code, and nothing written."""

from pathlib import Path

import pytest

from tests.support.cli import run_task
from tests.support.fixtures import Hubpress
from tests.support.helm import HelmServer
from tests.support.hubs import Hub, make_hub
from tests.support.world import fault, nothing_written


def test_files_that_leave_the_repository_are_not_followed(
    tmp_path: Path, helm_repository: HelmServer, hubpress: Hubpress
) -> None:
    hub = make_hub(tmp_path / "hub", chart_repository=helm_repository.url)
    outside = tmp_path / "Dockerfile"
    outside.write_text("FROM quay.io/jupyterhub/k8s-hub:3.2.1\n")
    (hub.path / "images/hub/Dockerfile").unlink()
    (hub.path / "images/hub/Dockerfile").symlink_to(outside)
    with nothing_written(hub):
        told = hubpress(hub, "bump")
    assert (told.code, fault(told)[0]) == (2, "the file lies outside the repository (images/hub/Dockerfile)")
    assert outside.read_text() == "FROM quay.io/jupyterhub/k8s-hub:3.2.1\n"


def test_a_link_within_the_repository_stays_a_link(
    tmp_path: Path, helm_repository: HelmServer, hubpress: Hubpress
) -> None:
    hub = make_hub(tmp_path / "hub", chart_repository=helm_repository.url)
    (hub.path / "images/hub/Dockerfile").replace(hub.path / "Dockerfile.hub")
    (hub.path / "images/hub/Dockerfile").symlink_to("../../Dockerfile.hub")
    hub.commit("Link")
    done = hubpress(hub, "bump")
    assert done.code == 0, done
    assert (hub.path / "images/hub/Dockerfile").is_symlink()
    assert "FROM quay.io/jupyterhub/k8s-hub:3.3.8\n" in hub.read("Dockerfile.hub")


@pytest.mark.engine
def test_a_release_commits_the_files_behind_links(plain: Hub) -> None:
    links = {"hub/requirements.yaml": "shared/needs.yaml", "hub/values.yaml": "shared/values.yaml"}
    (plain.path / "shared").mkdir()
    for link, file in links.items():
        (plain.path / link).replace(plain.path / file)
        (plain.path / link).symlink_to(f"../{file}")
    plain.git("mv", "images", "pictures")
    (plain.path / "images").symlink_to("pictures")
    plain.commit("Link")
    with nothing_written(plain):
        told = run_task("release", "--yes", cwd=plain.path)
    dockerfile = "images/hub/Dockerfile is a link to pictures/hub/Dockerfile"
    assert (told.code, *fault(told)) == (
        1,
        f"{dockerfile}, whose changes give the image no new tag (chartpress.yaml: images.hub)",
        "add pictures/hub/Dockerfile to the image's paths in chartpress.yaml, or replace the link by the file",
    )
    plain.edit("chartpress.yaml", "        valuesPath:", "        paths: [pictures/hub]\n        valuesPath:")
    plain.commit("Let the files behind the link make the tag")
    done = run_task("release", "--yes", "--json", cwd=plain.path)
    assert done.code == 0, done
    assert done.json["files"] == ["pictures/hub/Dockerfile", "shared/needs.yaml"]
    assert plain.git("diff", "--name-only", "main").splitlines() == [
        "pictures/hub/Dockerfile",
        "shared/needs.yaml",
        "shared/values.yaml",
    ]
    assert all((plain.path / link).is_symlink() for link in (*links, "images"))
    assert plain.git("status", "--porcelain") == ""
