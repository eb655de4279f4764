"""What cannot be used: one error that names the place, one hint, the contract's code, and nothing written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.cli import run_task
from tests.support.hubs import Hub, make_hub
from tests.support.looks import fault, nothing_written

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.fixtures import Hubpress
    from tests.support.helm import HelmServer

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

CHARTPRESS = [
    ("not YAML", "charts: [\n", "chartpress.yaml:2", None),
    ("not YAML, with a tabulator", "charts:\n\t- name: hub\n", "chartpress.yaml:2", None),
    ("not text", "charts: \udcff\n", "chartpress.yaml", None),
    ("no charts", "charts: []\n", "no charts (chartpress.yaml)", "list them under charts:, each with its name:"),
    ("empty", "", "no charts (chartpress.yaml)", "list them under charts:, each with its name:"),
    ("another file", "name: hub\nversion: 1\n", "no charts (chartpress.yaml)", None),
    ("a list", "- name: hub\n", "the file is a list, not a mapping (chartpress.yaml:1)", None),
    ("a text", "hub\n", "the file is the text 'hub', not a mapping (chartpress.yaml:1)", None),
    ("charts as a mapping", "charts: {name: hub}\n", "charts is a mapping, not a list (chartpress.yaml:1)", None),
    ("a chart without a name", "charts:\n- images: {hub: }\n", "charts[0].name is missing (chartpress.yaml)", None),
    (
        "a chart that is a text",
        "charts: [hub]\n",
        "charts[0] is the text 'hub', not a mapping (chartpress.yaml:1)",
        None,
    ),
    (
        "a number for a name",
        "charts: [{name: 5}]\n",
        "charts[0].name is the number '5', not a text (chartpress.yaml:1)",
        None,
    ),
    (
        "images as a list",
        "charts: [{name: hub, images: [hub]}]\n",
        "charts[0].images is a list, not a mapping (chartpress.yaml:1)",
        None,
    ),
    (
        "build arguments as a list",
        "charts: [{name: hub, images: {hub: {buildArgs: [A=1]}}}]\n",
        "charts[0].images.hub.buildArgs is a list, not a mapping (chartpress.yaml:1)",
        None,
    ),
    (
        "a build argument that is a number",
        "charts: [{name: hub, images: {hub: {buildArgs: {A: 1}}}}]\n",
        "charts[0].images.hub.buildArgs.A is the number '1', not a text (chartpress.yaml:1)",
        "put quotes around it",
    ),
    (
        "extra options as one text",
        "charts: [{name: hub, images: {hub: {extraBuildCommandOptions: --pull}}}]\n",
        "charts[0].images.hub.extraBuildCommandOptions is the text '--pull', not a list (chartpress.yaml:1)",
        None,
    ),
    ("two documents", "charts: []\n---\ncharts: []\n", "chartpress.yaml", None),
    ("an alias bomb", BOMB, "chartpress.yaml", None),
    ("a thousand levels", "charts: " + "[" * 5000 + "]" * 5000 + "\n", "chartpress.yaml", None),
    ("an alias of itself", "charts: &a [*a]\n", "chartpress.yaml", None),
]


VALUES = [
    (
        "a path that is missing",
        "jupyterhub: {hub: {config: {}}}\n",
        "values path jupyterhub.hub.image is missing (hub/values.yaml)",
        'add "image: {name: , tag: }" under jupyterhub.hub, line 1',
    ),
    (
        "a path through a text",
        "jupyterhub:\n  hub: none\n",
        "jupyterhub.hub is the text 'none', not a mapping or a list (hub/values.yaml:2)",
        None,
    ),
    ("a path through null", "jupyterhub:\n  hub:\n", "values path jupyterhub.hub.image is missing", None),
    (
        "a path through a list",
        "jupyterhub:\n- hub: {}\n",
        "jupyterhub is a list, so hub is not in it (hub/values.yaml:2)",
        None,
    ),
    (
        "a number for an image",
        "jupyterhub: {hub: {image: 5}}\n",
        "values path jupyterhub.hub.image is the number '5', not an image (hub/values.yaml:1)",
        'write a mapping with "name:" and "tag:" there',
    ),
    (
        "an image without a name",
        "jupyterhub: {hub: {image: {tag: x}}}\n",
        "values path jupyterhub.hub.image has neither name nor repository (hub/values.yaml:1)",
        'add "name:" under jupyterhub.hub.image',
    ),
    (
        "an image whose name is a mapping",
        "jupyterhub: {hub: {image: {name: {a: b}, tag: x}}}\n",
        "hub/values.yaml:1",
        None,
    ),
    (
        "a path that stands twice",
        "jupyterhub:\n  hub: {image: {name: , tag: }}\njupyterhub:\n  hub: {image: {name: , tag: }}\n",
        "jupyterhub is ambiguous: the key jupyterhub stands on lines 1 and 3 (hub/values.yaml)",
        None,
    ),
    (
        "an image that others share",
        "one: &image {name: a, tag: b}\njupyterhub: {hub: {image: *image}}\n",
        "hub/values.yaml:",
        None,
    ),
    ("not YAML", "jupyterhub: {hub: [}\n", "hub/values.yaml:1", None),
    ("an alias bomb", BOMB, "hub/values.yaml", None),
]


EXACT = "name: jupyterhub, version: 3.2.1, repository: URL"
REQUIREMENTS = [
    ("no version", "- {name: jupyterhub, repository: URL}", "the dependency jupyterhub has no version"),
    ("a range", "- {name: jupyterhub, version: ^3.2.0, repository: URL}", "has the range '^3.2.0'"),
    ("a wildcard", "- {name: jupyterhub, version: 3.x, repository: URL}", "has the range '3.x'"),
    ("an empty list", " []", "no chart depends on jupyterhub"),
    ("a mapping", " {name: jupyterhub}", "dependencies is a mapping, not a list"),
    ("a text in the list", "- jupyterhub", "dependencies[0] is the text 'jupyterhub', not a mapping"),
    ("no name", "- {version: 3.2.1, repository: URL}", "dependencies[0] has no name"),
    (
        "two aliases that disagree",
        f"- {{alias: a, {EXACT}}}\n- {{alias: b, {EXACT.replace('3.2.1', '3.2.0')}}}",
        "the dependency jupyterhub stands at 3.2.1 on line 2 and at 3.2.0 here",
    ),
]


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
    assert (told.code, fault(told)[0]) == (2, "error: the file lies outside the repository (images/hub/Dockerfile)")
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
        f"error: {dockerfile}, whose changes give the image no new tag (chartpress.yaml: images.hub)",
        "hint: add pictures/hub/Dockerfile to the image's paths in chartpress.yaml, or replace the link by the file",
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
