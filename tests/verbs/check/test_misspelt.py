"""What is misspelt in the settings, in chartpress.yaml and in markers is named, and so are files that are none."""

import os
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import pytest

from tests.support.cli import run_task
from tests.support.hubs import Hub
from tests.support.layouts import make_2i2c_like
from tests.support.steps import set_image
from tests.support.world import demand_fault, each, ended, fault

from .places import CHARTPRESS, DOCKERFILE, LOCK, REQUIREMENTS, VALUES, check, consistent, found, pin


def told(hub: Hub) -> list[tuple[str, ...]]:
    """Return what ``check`` warns of: code, place, message and hint."""
    problems = found(hub, "--offline")
    assert {one["severity"] for one in problems} <= {"warning"}
    return each(problems, "code path message hint")


# What is put into a file in place of something, what is said of it, and what would be right.
MISSPELT = {
    "a key of a chart": (
        *(CHARTPRESS, "    images:\n", "    imagePrefx: quay.io/us/\n    images:\n"),
        *("charts[0].imagePrefx is not a chartpress key, and is ignored", "did you mean imagePrefix?"),
    ),
    "a key of the charts' repository": (
        *(CHARTPRESS, "    images:\n", "    repo: {giit: x}\n    images:\n"),
        *("charts[0].repo.giit is not a chartpress key, and is ignored", "did you mean git?"),
    ),
    "a key of an image": (
        *(CHARTPRESS, "        valuesPath", "        buildArg: {}\n        valuesPath"),
        *("charts[0].images.hub.buildArg is not a chartpress key, and is ignored", "did you mean buildArgs?"),
    ),
    "a key in the wrong place": (
        *(CHARTPRESS, "charts:\n", "buildArgs: {}\ncharts:\n"),
        "buildArgs is not a chartpress key, and is ignored",
        "move buildArgs to where chartpress reads it, of a chart or an image",
    ),
    "a pattern that matches nothing": (
        *("invoke.yaml", "", "hub: {values: [{file: 'cluster/*/values.yaml', path: hub.image}]}\n"),
        *("no committed file matches cluster/*/values.yaml", "correct it in invoke.yaml, or remove the entry"),
    ),
    "a pattern whose path names no image": (
        *("invoke.yaml", "", "hub: {values: [{file: 'hub/*.yaml', path: hub.imge}]}\n"),
        *("no file of hub/*.yaml names a hub image at hub.imge", "correct it in invoke.yaml, or remove the entry"),
    ),
    "a marker that names almost the chart": (
        *("Makefile", "", "VERSION = 3.2.1 # hubpress: jupterhub\nOTHER = 1.0.0 # hubpress: binderhub\n"),
        "the marker names jupterhub, so the version there does not move",
        "did you mean # hubpress: jupyterhub?",
    ),
}


@pytest.mark.parametrize(("file", "old", "new", "message", "hint"), MISSPELT.values(), ids=MISSPELT)
def test_what_is_misspelt_and_has_no_effect_is_a_warning(
    settled: Hub, file: str, old: str, new: str, message: str, hint: str
) -> None:
    settled.put(file, settled.read(file).replace(old, new) if old else new)
    if file == CHARTPRESS:
        pin(settled)
    assert told(settled) == [("no-effect", file, message, hint)]


def test_a_named_build_context_whose_changes_make_no_new_tag(settled: Hub) -> None:
    option = '        extraBuildCommandOptions: ["--build-context=lib=lib"]'
    settled.edit(CHARTPRESS, "        valuesPath", f"{option}\n        valuesPath")
    settled.put("lib/which.txt", "lib\n")
    pin(settled)
    message = "hub: changes of its build context lib make no new tag"
    assert told(settled) == [("no-effect", CHARTPRESS, message, "add lib to its paths in chartpress.yaml")]
    settled.change(CHARTPRESS, option, f"{option}\n        paths: [lib]")
    pin(settled)
    consistent(settled, "--offline")


@pytest.mark.parametrize(
    ("settings", "what", "hint"),
    [
        (
            "hub: {values: [{file: hub/valus.yaml, path: a}]}",
            "the values file is missing (hub/valus.yaml)",
            f"correct hub.values in invoke.yaml: did you mean {VALUES}?",
        ),
        (
            "hub: {deployments: [{name: one}, {name: two}, {name: one}]}",
            "several of hub.deployments are called one (invoke.yaml)",
            "give each its own name",
        ),
        (
            "hub: {deployments: [{name: edx, values: [edx.yaml]}]}",
            "hub.deployments names edx.yaml, which does not exist (invoke.yaml)",
            "correct the values of edx there",
        ),
        (
            "hub: {deployments: [{name: edx, chart: web}]}",
            "hub.deployments: no chart web depends on the hub's chart by file:// (invoke.yaml)",
            "name its folder there; the hub's own chart needs no name",
        ),
        (
            "hub: {values: [{file: hub/values.yaml, path: a, image: hubb}]}",
            "hub.values names the image 'hubb', which is not one here (invoke.yaml)",
            "did you mean hub?",
        ),
        (
            "hub: {pins: [{file: Makefil, marker: x}]}",
            "the file is missing (Makefil)",
            "correct hub.pins in invoke.yaml: did you mean Makefile?",
        ),
        (
            "hub: {pins: [{file: Makefile, path: x}]}",
            "not YAML: found character '\\t' that cannot start any token (Makefile:2)",
            "correct the file there; or, if it is no YAML file, hub: {pins: [{file: Makefile, marker: TEXT}]}",
        ),
        (
            "hub: {accept: [image-overide]}",
            "hub.accept names 'image-overide', which is not a problem code (invoke.yaml)",
            "did you mean image-override?",
        ),
        (
            "hub: {images: [{context: imags/hub, name: registry.example/us/hub}]}",
            "invoke.yaml does not name images/hub/Dockerfile, which inherits from z2jh's hub image (invoke.yaml)",
            "set it in hub.images: context: images/hub, dockerfile: images/hub/Dockerfile",
        ),
    ],
)
def test_a_setting_that_names_what_is_not_there(settings: str, what: str, hint: str, settled: Hub) -> None:
    settled.write("Makefile", "all:\n\ttrue\n")
    settled.put("invoke.yaml", f"{settings}\n")
    demand_fault(check(settled, "--offline"), 2, what, hint)


def test_a_code_in_the_environment_that_is_none(settled: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOKE_HUB_ACCEPT", "image-overide")
    what = "hub.accept names 'image-overide', which is not a problem code (INVOKE_HUB_ACCEPT)"
    demand_fault(check(settled, "--offline"), 2, what, "did you mean image-override?")


def test_a_build_context_that_is_not_there(settled: Hub) -> None:
    text = "        contextPath: image/hub\n        dockerfilePath: images/hub/Dockerfile\n        valuesPath"
    settled.edit(CHARTPRESS, "        valuesPath", text)
    what, hint = "hub: the build context image/hub does not exist", "correct contextPath in chartpress.yaml"
    told = each(found(settled, "--offline"), "code severity message hint")[0]
    assert told == ("context-missing", "fault", what, hint)


def test_a_values_file_that_is_missing_is_told_with_what_belongs_in_it(settled: Hub) -> None:
    """The hint was to run ``init``, which adds nothing for an image at a place of its own."""
    settled.edit(CHARTPRESS, "jupyterhub.hub.image", "jupyterhub.other.image")
    settled.git("rm", "--quiet", VALUES)
    settled.commit("Take the values out")
    hint = 'write it, with "name:" and "tag:" under jupyterhub.other.image'
    demand_fault(check(settled, "--offline"), 2, f"the values file is missing ({VALUES})", hint)


def test_a_tag_that_stays_the_same_for_other_files_is_not_called_consistent(settled: Hub) -> None:
    settled.write("invoke.yaml", "hub: {tag: 1.4.0}\n")
    values = settled.read(VALUES).partition("      tag:")
    settled.put(VALUES, f"{values[0]}      tag: 1.4.0\n{values[2].partition(chr(10))[2]}")
    result = check(settled, "--offline")
    what = "not checked: whether hub:1.4.0 is current: hub.tag has neither {commit} nor {content}\n"
    assert (result.code, result.out.startswith(what)) == (0, True), result


def test_a_wrong_dockerfile_path_below_the_top_is_named_as_chartpress_reads_it(tmp_path: Path) -> None:
    """The hint's path is relative to chartpress.yaml, so that whoever follows it is not told the same again."""
    hub = make_2i2c_like(tmp_path / "2i2c", version="3.3.8")
    file = "helm-charts/chartpress.yaml"
    text = hub.read(file).replace("images/hub/Dockerfile", "images/hub/Dockerfil")
    hub.put(file, text.replace("      hub:\n", "      hub:\n        dockerfilePath: images/hub/Dockerfil\n", 1))
    keys = "contextPath: images/hub, dockerfilePath: images/hub/Dockerfile, valuesPath: jupyterhub.hub.image"
    assert fault(check(hub, "--offline"))[1] == f"set it there: {keys}"


# -- files that are none, and paths that name none: each ends at once in one error and one hint, with nothing written


READ = (CHARTPRESS, DOCKERFILE, VALUES, REQUIREMENTS, LOCK, "invoke.yaml")


KINDS: dict[str, Callable[[Path], object]] = {
    "a named pipe": os.mkfifo,
    "a loop of symbolic links": lambda path: path.symlink_to(path.name),
    "a folder": lambda path: path.mkdir(),
    "a device": lambda path: path.symlink_to("/dev/zero"),
}
# What the system says itself of what cannot be opened.
WORDS = {"a loop of symbolic links": "Too many levels of symbolic links"}


# Each file once, and each kind.
@pytest.mark.parametrize(
    ("file", "kind"), [*zip(READ, cycle(KINDS)), *((CHARTPRESS, kind) for kind in list(KINDS)[1:])]
)
def test_what_is_no_file_is_refused_by_name_wherever_one_is_read(hub: Hub, file: str, kind: str) -> None:
    (hub.path / file).unlink(missing_ok=True)
    KINDS[kind](hub.path / file)
    done = run_task("check", "--offline", cwd=hub.path, seconds=30)
    # What a link leads out of the repository is not even looked at.
    outside = kind == "a device" and file != "invoke.yaml"
    what = "lies outside the repository" if outside else f"cannot be read: {WORDS.get(kind, f'it is {kind}')}"
    assert (done.code, fault(done)[0]) == (2, f"the file {what} ({file})"), done


# -- paths


@pytest.mark.parametrize(("task", "file"), [("check --offline", "hub/values.yaml"), ("init", "Makefile")])
def test_a_link_into_gits_own_folder_leads_outside(hub: Hub, task: str, file: str) -> None:
    config = hub.path / ".git/config"
    before = config.read_bytes()
    (hub.path / file).unlink(missing_ok=True)
    (hub.path / file).symlink_to(config)
    what = f"the file lies outside the repository ({file})"
    hint = "name a file of the repository; a link to one must be relative"
    demand_fault(run_task(*task.split(), cwd=hub.path), 2, what, hint)
    assert config.read_bytes() == before


PASSABLE = "a text holds a character that cannot be passed to a program: NUL, or half of a surrogate pair"


@pytest.mark.parametrize("line", ['contextPath: "{}"', 'extraBuildCommandOptions: ["{}"]'])
def test_text_that_no_program_can_be_given_is_refused_with_its_line(hub: Hub, line: str) -> None:
    config = hub.read(CHARTPRESS)
    for value in ("a\\0b", "a\\ud83d/b"):
        hub.write(CHARTPRESS, config)
        set_image(hub, line.format(value))
        told = ended(run_task("check", "--offline", cwd=hub.path))
        assert told[:2] == (2, f"{PASSABLE} (chartpress.yaml:6)")


@pytest.mark.parametrize(
    ("line", "key", "path"),
    [
        ('contextPath: "{}"', "contextPath", "/etc"),
        ('dockerfilePath: "{}"', "dockerfilePath", "images/../../outside"),
        ('paths: ["{}"]', "paths[0]", "/etc"),
    ],
)
def test_a_path_that_leads_outside_is_refused_with_its_key(hub: Hub, line: str, key: str, path: str) -> None:
    set_image(hub, line.format(path))
    what = f"charts[0].images.hub.{key} is {path!r}, which lies outside the repository (chartpress.yaml:6)"
    hint = "name a path in the repository, relative to chartpress.yaml"
    demand_fault(run_task("check", "--offline", cwd=hub.path), 2, what, hint)
