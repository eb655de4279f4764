"""What cannot be used: one error that names the place, one hint, the contract's code, and nothing written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ..support.cli import run_task
from ..support.hubs import Hub, make_hub, make_repository
from .looks import fault, images_in, nothing_written
from .several import FROM_BASE

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.rehearsal.registry import Registry

    from ..support.helm import HelmServer
    from .conftest import Hubpress
    from .several import Maker

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


@pytest.mark.parametrize(
    ("text", "named", "hinted"), [row[1:] for row in CHARTPRESS], ids=[row[0] for row in CHARTPRESS]
)
def test_a_chartpress_yaml_that_cannot_be_used(
    text: str, named: str, hinted: str | None, tmp_path: Path, helm_repository: HelmServer, hubpress: Hubpress
) -> None:
    hub = make_hub(tmp_path / "hub", chart_repository=helm_repository.url)
    (hub.path / "chartpress.yaml").write_bytes(text.encode(errors="surrogateescape"))
    for task in ("bump", "build", "commit"):
        with nothing_written(hub):
            told = hubpress(hub, task)
        error, hint = fault(told)
        assert told.code == 2, told
        assert named in error
        assert hinted is None or hint == f"hint: {hinted}"


def test_a_chartpress_yaml_of_20_megabytes(tmp_path: Path, hubpress: Hubpress) -> None:
    hub = make_hub(tmp_path / "hub")
    hub.write("chartpress.yaml", "#" * 20_000_000)
    told = hubpress(hub, "bump")
    assert (told.code, fault(told)[0]) == (
        2,
        "error: the file cannot be read: it is larger than 16 MiB (chartpress.yaml)",
    )


def test_no_chartpress_yaml_at_all(tmp_path: Path, hubpress: Hubpress) -> None:
    hub = make_repository(tmp_path / "hub", {"README.md": "# Not a hub\n"})
    with nothing_written(hub):
        told = hubpress(hub, "bump")
    error, hint = fault(told)
    assert (told.code, error) == (2, f"error: there is no chartpress.yaml in this repository ({hub.path})")
    assert "--repo PATH" in hint


@pytest.mark.engine
def test_unknown_keys_are_ignored_and_named(make: Maker, hubpress: Hubpress) -> None:
    hub = make(
        "hub: {valuesPath: jupyterhub.hub.image, platforms: [linux/amd64]}\n",
        {"images/hub/Dockerfile": FROM_BASE},
        imagePrefx="quay.io/",
    )
    hub.edit("chartpress.yaml", "charts:\n", "version: 3\ncharts:\n")
    hub.commit("Write more than chartpress knows")
    done = hubpress(hub, "--dry", "build")
    assert done.code == 0, done
    named = [line.strip() for line in done.out.splitlines() if "is no key of chartpress's" in line]
    assert named == [
        f"! chartpress.yaml: {key} is no key of chartpress's, and is ignored"
        for key in ("version", "charts[0].imagePrefx", "charts[0].images.hub.platforms")
    ]


@pytest.fixture
def make_known(make: Maker) -> Hub:
    """A hub repository that can be built."""
    return make("hub: {valuesPath: jupyterhub.hub.image}\n", {"images/hub/Dockerfile": FROM_BASE})


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


@pytest.mark.engine
@pytest.mark.parametrize(("text", "named", "hinted"), [row[1:] for row in VALUES], ids=[row[0] for row in VALUES])
def test_values_that_cannot_be_written_are_refused_before_anything_is_built(
    text: str, named: str, hinted: str | None, make: Maker, hubpress: Hubpress, registry: Registry
) -> None:
    hub = make("hub: {valuesPath: jupyterhub.hub.image}\n", {"images/hub/Dockerfile": FROM_BASE}, text)
    with nothing_written(hub):
        told = hubpress(hub, "build")
    error, hint = fault(told)
    assert told.code == 2, told
    assert named in error
    assert hinted is None or hint == f"hint: {hinted}"
    assert images_in(registry.address, make.prefix.partition("/")[2]) == {}


@pytest.mark.engine
def test_a_values_file_that_is_missing(make_known: Hub, hubpress: Hubpress) -> None:
    (make_known.path / "hub/values.yaml").unlink()
    with nothing_written(make_known):
        told = hubpress(make_known, "build")
    assert (told.code, fault(told)[0]) == (2, "error: the values file is missing (hub/values.yaml)")


EXACT = "name: jupyterhub, version: 3.2.1, repository: URL"
REQUIREMENTS = [
    ("no version", "- {name: jupyterhub, repository: URL}", "the dependency jupyterhub has no version"),
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


@pytest.mark.parametrize(("listed", "named"), [row[1:] for row in REQUIREMENTS], ids=[row[0] for row in REQUIREMENTS])
def test_a_requirement_that_cannot_be_moved(
    listed: str, named: str, tmp_path: Path, helm_repository: HelmServer, hubpress: Hubpress
) -> None:
    hub = make_hub(tmp_path / "hub", chart_repository=helm_repository.url)
    hub.write("hub/requirements.yaml", f"dependencies:\n{listed}\n".replace("URL", helm_repository.url))
    with nothing_written(hub):
        told = hubpress(hub, "bump")
    assert told.code == 2, told
    assert named in fault(told)[0]
    assert "hub/requirements.yaml" in fault(told)[0]


LOCATIONS = [
    ("hub.root that is no folder", "hub: {root: helm}\n", "the file is missing (helm/chartpress.yaml)"),
    (
        "hub.root outside",
        "hub: {root: ../other}\n",
        "hub.root is '../other', not a path in the repository (invoke.yaml)",
    ),
    ("hub.chart that is none", "hub: {chart: none}\n", "there is no chart none (chartpress.yaml)"),
    ("hub.images that are none", "hub: {images: [none]}\n", "none is no image that inherits from z2jh's hub image"),
    ("hub.dependency that is none", "hub: {dependency: none}\n", "no chart depends on none (hub/requirements.yaml)"),
]


@pytest.mark.parametrize(("settings", "named"), [row[1:] for row in LOCATIONS], ids=[row[0] for row in LOCATIONS])
def test_a_setting_that_leads_nowhere(
    settings: str, named: str, tmp_path: Path, helm_repository: HelmServer, hubpress: Hubpress
) -> None:
    hub = make_hub(tmp_path / "hub", chart_repository=helm_repository.url)
    make_repository(tmp_path / "other", {"chartpress.yaml": "charts: []\n"})
    hub.write("invoke.yaml", settings)
    with nothing_written(hub):
        told = hubpress(hub, "bump")
    assert told.code == 2, told
    assert named in fault(told)[0]


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


@pytest.mark.engine
def test_the_whole_release_refuses_before_its_first_step(make_known: Hub) -> None:
    make_known.write("hub/values.yaml", "jupyterhub: {hub: none}\n")
    make_known.commit("Break the values")
    with nothing_written(make_known):
        told = run_task("release", "--yes", cwd=make_known.path)
    assert told.code == 2
    assert fault(told)[0] == ("error: jupyterhub.hub is the text 'none', not a mapping or a list (hub/values.yaml:1)")
