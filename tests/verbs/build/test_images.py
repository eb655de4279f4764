"""Several images of one chart: which are built, how, where they are written; and tags of the content."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tasks.image.inputs import INPUTS_LABEL
from tasks.rehearsal.registry import Registry
from tests.support.calls import refused
from tests.support.cli import run_task, sh, succeed
from tests.support.engine import files_of
from tests.support.fixtures import Hubpress
from tests.support.hubs import BASE, FROM_BASE, Hub, Maker
from tests.support.registry import Repository
from tests.support.steps import build, chartpress, committed_files
from tests.support.world import commands, data, demand_fault, fault, images_in, labels, values_of

pytestmark = pytest.mark.engine

ONE = {"images/hub/Dockerfile": FROM_BASE, "lib/which.txt": "lib\n"}
TWO = {"images/hub/Dockerfile": FROM_BASE, "images/lab/Dockerfile": f"{FROM_BASE}LABEL which=lab\n"}
PATHS = "hub: {valuesPath: hub.image}\nlab: {valuesPath: lab.image}\n"
BOTH = "hub:\n  image: {name: , tag: }\nlab:\n  image: {name: , tag: }\n"


def planned(hubpress: Hubpress, hub: Hub, *flags: str) -> Any:  # noqa: ANN401 - a bake definition
    """Return the definition that a dry run shows behind its one ``docker buildx bake``."""
    shown = hubpress(hub, "--dry", "build", *flags)
    assert shown.code == 0, shown
    assert shown.out.count("docker buildx bake") == 1, shown
    return json.loads(shown.out.partition("<<'END'\n")[2].rpartition("END")[0])


def test_pasted_commands_build_each_image_from_the_commit_that_its_tag_names(make: Maker, hubpress: Hubpress) -> None:
    files = {**TWO, "images/lab/Dockerfile": f"{FROM_BASE}COPY which.txt /which\n", "images/lab/which.txt": "first\n"}
    hub = make(PATHS.replace("{valuesPath: lab", "{rebuildOnContextPathChanges: false, valuesPath: lab"), files, BOTH)
    hub.write("images/lab/which.txt", "second\n")
    hub.put("images/hub/Dockerfile", f"{hub.read('images/hub/Dockerfile')}LABEL a=b\n")
    for command in commands(hubpress(hub, "--dry", "build").out):
        sh("bash", "-c", command, cwd=hub.path)
    told = {image["name"]: image for image in build(hub)["images"]}
    assert [image["status"] for image in told.values()] == ["present", "present"]
    lab = f"{told['lab']['repository']}:{told['lab']['tag']}"
    pushed = files_of(lab)["/which"]
    build(hub, "--force", "--image", "lab")
    assert files_of(lab)["/which"] == pushed


def test_one_bake_builds_what_the_registry_lacks_alone(make: Maker, hubpress: Hubpress) -> None:
    hub = make(PATHS, TWO, BOTH)
    build(hub, "--image", "hub")
    assert list(planned(hubpress, hub)["target"]) == ["lab"]
    assert [(one["name"], one["status"]) for one in build(hub)["images"]] == [("hub", "present"), ("lab", "built")]


def test_a_last_stage_on_another_image_is_refused_unless_a_target_is_named(make: Maker, hubpress: Hubpress) -> None:
    other = f"{FROM_BASE.strip()} AS site\nFROM scratch\nCOPY --from=site /etc/passwd /\n"
    hub = make("hub: {valuesPath: jupyterhub.hub.image}\n", {**ONE, "images/hub/Dockerfile": other})
    where = f"does not build on {make.mirror}:3.2.1 (images/hub/Dockerfile)"
    assert refused(hubpress, hub, "build")[:2] == (1, f"the last stage {where}")
    option = "hub: {valuesPath: jupyterhub.hub.image, extraBuildCommandOptions: [--target=site]}"
    hub.change("chartpress.yaml", "hub: {valuesPath: jupyterhub.hub.image}", option)
    assert build(hub)["images"][0]["status"] == "built"
    for wrong in ("1", "sitte"):
        hub.put("chartpress.yaml", hub.read("chartpress.yaml").replace("--target=site", f"--target={wrong}"))
        for task in (("--dry", "build"), ("build",)):
            assert refused(hubpress, hub, *task)[:2] == (1, f"the stage {wrong} {where}")
        hub.put("chartpress.yaml", hub.read("chartpress.yaml").replace(f"--target={wrong}", "--target=site"))


def test_two_images_with_one_name_and_tag_are_refused(make: Maker, prefix: str, hubpress: Hubpress) -> None:
    name = f"imageName: {prefix}/core/same"
    hub = make(f"hub: {{{name}, valuesPath: hub.image}}\nlab: {{{name}, valuesPath: lab.image}}\n", TWO, BOTH)
    same = f"{prefix}/core/same:0.0.1-0.dev.git.1.h{hub.git('log', '-1', '--pretty=%h')}"
    assert refused(hubpress, hub, "build") == (
        1,
        f"the images hub and lab have the same name and tag ({same})",
        "give each its own imageName in chartpress.yaml",
    )


# -- build arguments and options


def test_options_and_arguments_come_to_the_same_with_chartpress(
    make: Maker, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "three")
    hub = make(
        """\
        hub:
          valuesPath: jupyterhub.hub.image
          buildArgs: {ONE: "{TAG}{LAST_COMMIT}", TWO: "{{x}}"}
          extraBuildCommandOptions:
          - --build-arg=TWO={BRANCH}
          - --build-arg
          - TOKEN
          - --build-context=lib=lib
          - --label=mine={TAG}
          - --label=org.opencontainers.image.source=https://hub.example/{BRANCH}
          - --rm
          - --target=hub
        """,
        {
            "lib/which.txt": "lib\n",
            "images/hub/Dockerfile": f"FROM {BASE} AS hub\nARG ONE TWO TOKEN\nLABEL args=$ONE,$TWO,$TOKEN\n"
            "COPY --from=lib which.txt /\nFROM hub\nLABEL args=no\n",
        },
    )
    image = f"{prefix}/hub:{build(hub)['images'][0]['tag']}"
    ours = labels(image)
    chartpress(hub, tmp_path, "--push", "--force-build", "--force-push")
    theirs = labels(image)
    assert theirs != ours
    assert ours["args"].endswith(",main,three")
    assert ours["org.opencontainers.image.source"] == theirs["org.opencontainers.image.source"]
    standard = {name for name in ours if name.startswith(("org.opencontainers.image.", INPUTS_LABEL))}
    assert {name: value for name, value in ours.items() if name not in standard or name in theirs} == theirs


def test_an_image_that_skips_the_platform_is_left_out(make: Maker, registry: Registry, prefix: str) -> None:
    hub = make(
        "hub: {valuesPath: hub.image}\nlab: {valuesPath: lab.image, skipPlatforms: [linux/amd64, linux/s390x]}\n",
        TWO,
        BOTH.replace("lab:\n  image: {name: , tag: }", "lab:\n  image: {name: older/lab, tag: '1'}"),
    )
    report = build(hub)
    assert [(image["name"], image["status"]) for image in report["images"]] == [("hub", "built"), ("lab", "skipped")]
    below = prefix.partition("/")[2]
    assert [name.rpartition(":")[0] for name in images_in(registry.address, below)] == [f"{below}/hub"]
    assert values_of(hub)["lab"]["image"] == {"name": "older/lab", "tag": "1"}
    assert values_of(hub)["hub"]["image"]["name"] == f"{prefix}/hub"
    for task in ("commit", "release"):
        told = succeed("--dry", task, "--pr", "--json", cwd=hub.path).json["pull_request"]["body"]
        assert ("/hub:" in told, "/lab:" in told, "Not verified" in told) == (True, False, False), task


# -- values


def test_values_paths_of_every_kind_are_written_as_by_chartpress(make: Maker, tmp_path: Path) -> None:
    hub = make(
        """\
        hub: {valuesPath: [jupyterhub.hub.image, jobs.1.image, "culler.image"]}
        lab: {valuesPath: lab}
        mute: {valuesPath: []}
        mum: {}
        """,
        {**TWO, **{f"images/{name}/Dockerfile": FROM_BASE for name in ("mute", "mum")}},
        """\
jupyterhub:
  hub:
    image: {name: , tag: }  # ours
jobs:
- image: {repository: a/b, tag: "1"}
- image: {repository: a/b, tag: "1"}
culler:
  image:
    name: 'old'
    repository: "old"
    tag: 1.10
lab: a/b:c
""",
    )
    succeed("build", cwd=hub.path)
    _, copy = chartpress(hub, tmp_path, "--no-build")
    assert values_of(hub) == data((copy / "hub/values.yaml").read_text())


def test_a_values_file_that_sops_has_signed_is_not_edited(make: Maker, hubpress: Hubpress) -> None:
    signed = (
        "hub:\n  image: {name: , tag: }\n  cookieSecret: ENC[AES256_GCM,data:eA==]\nsops:\n  mac: ENC[AES256_GCM]\n"
    )
    hub = make("hub: {valuesPath: hub.image}\n", TWO, signed)
    code, error, hint = refused(hubpress, hub, "build")
    assert (code, error) == (2, "sops could not decrypt the file after an edit (hub/values.yaml)")
    tag = build(hub, "--no-push")["images"][0]["tag"]
    edit = f"hub.image -> {hub.prefix}hub:{tag}"
    assert hint == f"keep the secrets in another file; or edit it ({edit}): sops hub/values.yaml"
    hub.change("hub/values.yaml", "sops:\n", "sops:\n  mac_only_encrypted: true\n")
    assert hubpress(hub, "--dry", "build").code == 0


SHARED = "hub: {valuesPath: jupyterhub.hub.image}\nlab: {valuesPath: jupyterhub.hub.image}\n"


def test_of_two_images_at_one_values_path_the_one_that_is_named_there_is_built_and_written(
    make: Maker, prefix: str
) -> None:
    hub = make(SHARED, TWO, f"jupyterhub: {{hub: {{image: {{name: {prefix}/lab, tag: old}}}}}}\n")
    done = succeed("build", cwd=hub.path)
    assert done.out.count("hub is not built: hub/values.yaml names lab at jupyterhub.hub.image") == 1
    image = values_of(hub)["jupyterhub"]["hub"]["image"]
    assert (image["name"], image["tag"] != "old") == (f"{prefix}/lab", True)
    hub.commit("Use the image")
    assert run_task("check", "--offline", cwd=hub.path).out == "Files and git are consistent.\n"
    rehearsed = succeed("rehearse", "--json", cwd=hub.path)
    assert {one["name"]: one["status"] for one in rehearsed.json["images"]} == {"lab": "built", "hub": "skipped"}
    report = build(hub, "--image", "hub")
    assert [(one["name"], one["status"]) for one in report["images"]] == [("hub", "built")]
    assert report["values"]["changed"] is False


def test_two_images_at_a_values_path_that_names_neither_are_asked_about(
    make: Maker, prefix: str, hubpress: Hubpress
) -> None:
    hub = make(SHARED, TWO, "jupyterhub: {hub: {image: {name: , tag: }}}\n")
    assert refused(hubpress, hub, "build") == (
        1,
        "hub and lab share jupyterhub.hub.image, which names neither of them (hub/values.yaml)",
        f"write the one to use there: name: {prefix}/hub; or build that one: --image hub",
    )
    build(hub, "--image", "lab")
    assert values_of(hub)["jupyterhub"]["hub"]["image"]["name"] == f"{prefix}/lab"


@pytest.mark.parametrize(
    ("flags", "setting", "chosen"),
    [
        ("--image lab --image hub", "[]", ["lab", "hub"]),
        ("--image PREFIX/lab", "[]", ["lab"]),
        ("", "[lab]", ["lab"]),
        ("--image lab", "[hub, lab]", ["lab"]),
    ],
)
def test_images_are_chosen_by_key_or_name(
    flags: str, setting: str, chosen: list[str], make: Maker, hubpress: Hubpress, prefix: str
) -> None:
    hub = make(PATHS, TWO, BOTH)
    hub.write("invoke.yaml", f"hub: {{images: {setting}}}\n")
    assert list(planned(hubpress, hub, *flags.replace("PREFIX", prefix).split())["target"]) == chosen


# -- tags of the repository's own making: after the content, or after the chart and the commit


IMAGES = """\
# Ours.
hub:
  valuesPath: jupyterhub.hub.image
  buildArgs: {WHICH: one, OTHER: two}
"""
FILES = {
    ".gitignore": "*.local\n",
    "images/hub/Dockerfile": f"{FROM_BASE}ARG WHICH\nCOPY --chown=1000 . /srv\n",
    "images/hub/a.txt": "a\n",
}
CONTENT = "hub: {tag: '{chart_version}-{content}'}\n"


@pytest.fixture
def hub(make: Maker) -> Hub:
    """A hub repository whose tags are those of the image's content."""
    made = make(IMAGES, {**FILES, "invoke.yaml": CONTENT})
    (made.path / "images/hub/link").symlink_to("a.txt")
    made.commit("Link")
    return made


def tag_of(hubpress: Hubpress, hub: Hub, *flags: str) -> str:
    shown = hubpress(hub, "--dry", "build", "--json", *flags)
    assert shown.code == 0, shown
    (image,) = shown.json["images"]
    return str(image["tag"])


def test_files_and_arguments_decide_the_tag_and_nothing_else(hub: Hub, hubpress: Hubpress) -> None:
    before = tag_of(hubpress, hub)
    for path in (hub.path / "images/hub").rglob("*"):
        path.touch()
    hub.write("images/hub/settings.local", "git ignores it\n")
    hub.edit("chartpress.yaml", "{WHICH: one, OTHER: two}", "{OTHER: two, WHICH: one}")
    hub.put("docs/index.md", "# Docs\n")
    assert tag_of(hubpress, hub) == before
    hub.write("images/hub/new.txt", "not in git\n")
    new = tag_of(hubpress, hub)
    hub.edit("chartpress.yaml", "WHICH: one", "WHICH: three")
    tags = {before, new, tag_of(hubpress, hub)}
    assert len(tags) == 3
    assert all(re.fullmatch(r"3\.2\.1-\w{12}", tag) for tag in tags)


def test_what_no_commit_takes_of_a_built_image_is_told(hub: Hub, hubpress: Hubpress) -> None:
    told = "! hub has files that are not committed: "
    hub.edit("images/hub/Dockerfile", "3.2.1", "3.3.7")
    assert told not in hubpress(hub, "--dry", "build").out
    hub.write("images/hub/new.txt", "new\n")
    command = "git add -- images/hub/new.txt && git commit -- images/hub/new.txt"
    assert f"{told}{command}\n" in hubpress(hub, "--dry", "build").out


def test_another_clone_has_the_same_tag(hub: Hub, hubpress: Hubpress, tmp_path: Path) -> None:
    sh("git", "clone", "--quiet", "--depth=1", hub.path.as_uri(), str(tmp_path / "shallow"), cwd=tmp_path)
    shallow = type(hub)(tmp_path / "shallow", hub.remote)
    assert shallow.git("rev-parse", "--is-shallow-repository") == "true"
    assert tag_of(hubpress, shallow) == tag_of(hubpress, hub)


def test_several_platforms_are_refused_where_the_engine_cannot_build_them(
    make: Maker, hubpress: Hubpress, prefix: str, registry: Registry
) -> None:
    base = Repository(registry.address, f"{prefix.partition('/')[2]}/k8s-hub")
    base.push_index("3.2.1", base.push("a", "linux/amd64", "a"), base.push("b", "linux/arm64", "b"))
    hub = make(IMAGES, {**FILES, "images/hub/Dockerfile": f"FROM {prefix}/k8s-hub:3.2.1\n", "invoke.yaml": CONTENT})
    both = hubpress(hub, "--dry", "build", "--platform", "linux/amd64,linux/arm64")
    what = "Docker's current builder cannot build for several platforms: its engine has no containerd image store"
    assert (both.code, fault(both)[0]) == (1, f"{what} (docker info)")


def test_a_release_makes_one_commit(hub: Hub, registry: Registry, prefix: str) -> None:
    succeed("release", "--yes", cwd=hub.path)
    assert hub.subjects("origin/main..HEAD")[0] == "Move z2jh from 3.2.1 to 3.3.8"
    assert committed_files(hub) == "hub/Chart.yaml\nhub/values.yaml\nimages/hub/Dockerfile"
    image = values_of(hub)["jupyterhub"]["hub"]["image"]
    assert image["tag"].startswith("3.3.8-")
    assert list(images_in(registry.address, prefix.partition("/")[2])) == [
        f"{prefix.partition('/')[2]}/hub:{image['tag']}"
    ]
    again = succeed("release", "--yes", cwd=hub.path)
    assert "Nothing to do." in again.err


def test_a_dirty_tree_is_built_as_it_lies(hub: Hub, prefix: str) -> None:
    hub.edit("images/hub/Dockerfile", "ARG WHICH\n", "ARG WHICH\nLABEL tree=dirty\n")
    hub.write("images/hub/new.txt", "not in git\n")
    succeed("build", cwd=hub.path)
    image = values_of(hub)["jupyterhub"]["hub"]["image"]
    found = labels(f"{prefix}/hub:{image['tag']}")
    assert found["tree"] == "dirty"
    assert "org.opencontainers.image.revision" not in found


@pytest.mark.parametrize("typed", ["--dry build --force", "build --force"])
def test_force_builds_nothing_for_a_registry_that_does_not_answer(make: Maker, hubpress: Hubpress, typed: str) -> None:
    hub = make(PATHS, TWO, BOTH)
    hub.change("chartpress.yaml", f"imagePrefix: {make.prefix}/", "imagePrefix: 127.0.0.1:1/")
    told = hubpress(hub, *typed.split())
    demand_fault(
        told, 4, "cannot reach the registry: connection refused (127.0.0.1:1)", "curl -I http://127.0.0.1:1/v2/"
    )


def test_a_build_into_the_local_store_changes_nothing_in_the_registry(make: Maker, hubpress: Hubpress) -> None:
    options = "['--cache-to=type=registry,ref=x/y']"
    hub = make(f"hub: {{valuesPath: hub.image, extraBuildCommandOptions: {options}}}\n", TWO, BOTH)
    pushed, local = (hubpress(hub, "--dry", "build", "--force", *flags).out for flags in ((), ("--no-push",)))
    assert "because --no-push builds into the local store\n" in local
    assert [("cache-to" in text, "--force" in text) for text in (pushed, local)] == [(True, True), (False, False)]
