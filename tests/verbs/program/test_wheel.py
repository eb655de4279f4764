"""The installed command: the same tasks, in repositories that carry none."""

import re
from pathlib import Path

import pytest

from tasks import ns
from tasks.core.version import __version__
from tasks.rehearsal.registry import Registry
from tests.support.cli import Result, run, run_task, sh
from tests.support.hubs import Hub, make_repository
from tests.support.world import fault, images_in, labels, nothing_written

TASKS = sorted(ns.task_names)
BROKEN_TASKS = "raise RuntimeError('the tasks of another program were loaded')\n"
# What bash does when one presses the tabulator behind "hubpress re".
PRESS_TAB = """
source <(hubpress --print-completion-script bash)
COMP_WORDS=(hubpress re) COMP_CWORD=1 COMP_LINE='hubpress re' COMP_POINT=11
_complete_hubpress hubpress re hubpress
printf '%s\\n' "${COMPREPLY[@]}"
"""


def test_no_module_tasks_is_installed(installed: Path, tmp_path: Path) -> None:
    look = "import hubpress, importlib.util as find; print(hubpress.__name__, find.find_spec('tasks'))"
    assert sh(str(installed / "python"), "-c", look, cwd=tmp_path) == "hubpress None"


def test_version(installed: Path, tmp_path: Path) -> None:
    assert sh(str(installed / "hubpress"), "--version", cwd=tmp_path) == f"hubpress {__version__}"


def test_list_shows_the_same_tasks_as_in_a_checkout(installed: Path, tmp_path: Path) -> None:
    listed = run(str(installed / "hubpress"), "--list", "-F", "json", cwd=tmp_path)
    assert listed.code == 0, listed
    assert [(task["name"], task["help"]) for task in listed.json["tasks"]] == [
        (task["name"], task["help"]) for task in run_task("--list", "-F", "json", cwd=tmp_path).json["tasks"]
    ]
    assert [task["name"] for task in listed.json["tasks"]] == TASKS


@pytest.mark.parametrize("task", ["release", "check"])
def test_help_explains_every_option_of_the_checkout(task: str, installed: Path, tmp_path: Path) -> None:
    shown = run(str(installed / "hubpress"), "help", task, cwd=tmp_path)
    assert shown.code == 0, shown
    assert shown.out.startswith(f"Usage: hubpress {task} ")
    theirs = run_task("--help", task, cwd=tmp_path).out
    assert flags_in(theirs) - {"--core-opts", "--options"} <= flags_in(shown.out)


def flags_in(text: str) -> set[str]:
    return set(re.findall(r"--[a-z-]+", text))


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("hubpress", TASKS),
        ("hubpress re", TASKS),
        ("hubpress bump -", ["--dev", "--json", "--major", "--pre", "--repo", "--to"]),
        ("hubpress bump --to 3.3.8", TASKS),
    ],
)
def test_completion(typed: str, offered: list[str], installed: Path, tmp_path: Path) -> None:
    answer = run(str(installed / "hubpress"), "--complete", "--", *typed.split(), cwd=tmp_path)
    assert answer.code == 0, answer
    assert sorted(answer.out.split()) == offered


def test_bash_completes_the_command(installed: Path, tmp_path: Path) -> None:
    path = f"{installed}:/usr/bin:/bin"
    complete = run("bash", "--norc", "-c", PRESS_TAB, cwd=tmp_path, env={"PATH": path})
    assert complete.code == 0, complete
    assert sorted(complete.out.split()) == ["rehearse", "release"], complete


# -- a release, from nothing but the wheel


@pytest.mark.engine
def test_a_release_like_2i2cs(installed: Path, pilot: Hub, registry: Registry, prefix: str, mirror: str) -> None:
    done = run(str(installed / "hubpress"), "release", "--yes", "--push", cwd=pilot.path / "helm-charts" / "basehub")
    assert done.code == 0, done
    assert pilot.git("rev-parse", "--abbrev-ref", "HEAD") == "bump-z2jh-3.3.8"
    assert pilot.remote_git("rev-parse", "bump-z2jh-3.3.8") == pilot.git("rev-parse", "HEAD")
    assert '    version: "3.3.8"\n' in pilot.read("helm-charts/basehub/Chart.yaml")
    moved = pilot.git("log", "-1", "--pretty=%h", "HEAD~1")
    keys = ("pilot-hub", "unlisted-choice-experiment", "dynamic-image-building-experiment")
    below = prefix.partition("/")[2]
    assert set(images_in(registry.address, below)) == {f"{below}/2i2c/{key}:0.0.1-0.dev.git.2.h{moved}" for key in keys}
    assert pilot.read("helm-charts/basehub/values.yaml").endswith(
        f'      name: {prefix}/2i2c/pilot-hub\n      tag: "0.0.1-0.dev.git.2.h{moved}"\n'
    )
    assert pilot.git("show", "--no-patch", "--pretty=%B", "HEAD~1").splitlines()[:7] == [
        "Move z2jh from 3.2.1 to 3.3.8",
        "",
        "- chart requirement jupyterhub: 3.2.1 -> 3.3.8 (helm-charts/basehub/Chart.yaml)",
        f"- base image: {mirror}:3.2.1 -> {mirror}:3.3.8 (helm-charts/images/hub/Dockerfile)",
        "- JupyterHub: 4.0.2 -> 4.1.6",
        "- minimum Kubernetes: 1.23",
        "",
    ]
    assert changed_files(pilot) == [
        ["helm-charts/basehub/Chart.yaml", "helm-charts/images/hub/Dockerfile"],
        ["helm-charts/basehub/values.yaml"],
    ]


@pytest.mark.engine
def test_a_release_like_cal_icors(installed: Path, cal_icor: Hub, registry: Registry, prefix: str) -> None:
    before = cal_icor.snapshot()
    done = run(str(installed / "hubpress"), "release", "--yes", cwd=cal_icor.path)
    assert done.code == 0, done
    assert "postgres is left alone (images/postgres/Dockerfile: no such file)" in done.err
    moved = cal_icor.git("log", "-1", "--pretty=%h", "HEAD~1")
    below = prefix.partition("/")[2]
    tag = f"0.0.1-0.dev.git.2.h{moved}"
    assert set(images_in(registry.address, below)) == {f"{below}/core/jupyterhub-hub:{tag}"}
    assert labels(f"{prefix}/core/jupyterhub-hub:{tag}")["org.opencontainers.image.revision"].startswith(moved)
    after = {
        **before,
        "hub/requirements.yaml": swapped(before["hub/requirements.yaml"], "version: 3.2.1", "version: 3.3.8"),
        "images/hub/Dockerfile": swapped(before["images/hub/Dockerfile"], "k8s-hub:3.2.1", "k8s-hub:3.3.8"),
        "hub/values.yaml": swapped(
            before["hub/values.yaml"],
            "    image:\n      name:\n      tag:\n",
            f"    image:\n      name: {prefix}/core/jupyterhub-hub\n      tag: {tag}\n",
        ),
    }
    assert cal_icor.snapshot() == after
    again = run(str(installed / "hubpress"), "release", "--yes", cwd=cal_icor.path)
    assert again.code == 0, again
    assert "Nothing to do." in again.err


# -- and a rehearsal of one: nothing of the checkout is there, and the hub may have a folder `tasks` of its own


@pytest.mark.engine
@pytest.mark.parametrize(
    ("kind", "built"),
    [
        ("cal_icor", ["core/jupyterhub-hub"]),
        ("pilot", ["2i2c/pilot-hub", "2i2c/unlisted-choice-experiment", "2i2c/dynamic-image-building-experiment"]),
    ],
)
def test_a_rehearsal(
    kind: str, built: list[str], request: pytest.FixtureRequest, installed: Path, registry: Registry, tmp_path: Path
) -> None:
    hub: Hub = request.getfixturevalue(kind)
    hub.write("tasks/__init__.py", BROKEN_TASKS)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with nothing_written(hub):
        done = run(str(installed / "hubpress"), "rehearse", "--json", cwd=hub.path, env={"TMPDIR": str(temporary)})
    assert done.code == 0, done
    told = done.json
    images = [image for image in told["images"] if image["status"] == "built"]
    below = f"{told['registry']}/{registry.address.replace(':', '-')}/"
    assert [image["repository"].removeprefix(below).partition("/")[2] for image in images] == built
    assert [image["base"]["inherited"] for image in images] == [True] * len(built)
    assert told["diff"].count("\n+++ ") == 3
    assert told["stand_ins"] == []
    assert list(temporary.glob("hubpress-rehearsal-*")) == []


def changed_files(hub: Hub) -> list[list[str]]:
    """Return what each commit of the release has changed, the first commit first."""
    return [hub.git("show", "--name-only", "--pretty=", commit).splitlines() for commit in ("HEAD~1", "HEAD")]


def swapped(data: bytes, old: str, new: str) -> bytes:
    assert data.count(old.encode()) == 1
    return data.replace(old.encode(), new.encode())


# -- whose settings and whose tasks


def test_the_hubs_own_tasks_are_never_loaded(installed: Path, hub: Hub) -> None:
    hub.write("tasks.py", BROKEN_TASKS)
    hub.write("tasks/__init__.py", BROKEN_TASKS)
    hub.write("hubpress/__init__.py", BROKEN_TASKS)
    assert bumped(installed, hub).json["chart"]["after"] == "3.3.8"


def test_the_hubs_own_settings_are_read_from_wherever_one_stands(installed: Path, hub: Hub) -> None:
    hub.write("invoke.yaml", "hub:\n  branch: z2jh/{version}\n  base_branch: main\n")
    below = hub.path / "images" / "hub"
    assert bumped(installed, hub, cwd=below, dry=False).code == 0
    done = run(str(installed / "hubpress"), "commit", cwd=below)
    assert done.code == 0, done
    assert hub.git("rev-parse", "--abbrev-ref", "HEAD") == "z2jh/3.3.8"


def test_a_hub_is_named_from_elsewhere_with_its_settings(installed: Path, hub: Hub, tmp_path: Path) -> None:
    hub.write("invoke.yaml", "hub: {chart: nobody}\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    told = run(str(installed / "hubpress"), "bump", "--repo", str(hub.path), cwd=elsewhere)
    assert (told.code, fault(told)[0]) == (2, "there is no chart nobody (chartpress.yaml)")


def test_a_hint_has_one_type_the_command_that_is_there(installed: Path, tmp_path: Path) -> None:
    nothing = make_repository(tmp_path / "nothing", {"README.md": "# Nothing\n"})
    told = run(str(installed / "hubpress"), "status", cwd=nothing.path)
    assert fault(told)[1].endswith(": hubpress init")
    assert fault(run_task("status", cwd=nothing.path))[1].endswith(": invoke init")


def bumped(installed: Path, hub: Hub, *, cwd: Path | None = None, dry: bool = True) -> Result:
    flags = ("--dry",) if dry else ()
    done = run(str(installed / "hubpress"), *flags, "bump", "--json", cwd=cwd or hub.path)
    assert done.code == 0, done
    return done
