"""``--engine chartpress``: the runbook's own commands, with the same preparation, proof and commits around them."""

from functools import partial
from pathlib import Path

import pytest

from tasks.core.names import Host
from tasks.rehearsal.registry import Registry, forget_images
from tests.support.calls import refused
from tests.support.cli import run, run_task, sh, succeed
from tests.support.fixtures import Hubpress
from tests.support.hubs import FROM_BASE, Hub, Maker
from tests.support.steps import chartpress, set_image
from tests.support.world import data, demand_fault, fault, images_in, nothing_written

pytestmark = pytest.mark.engine

ENGINE = ("--engine", "chartpress")
PC = Host("linux", "x86_64")
FOR_AMD64 = "chartpress --push --builder docker-buildx --platform linux/amd64"


def test_chartpress_builds_and_we_prove_and_write(hub: Hub, registry: Registry, prefix: str, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    before = hub.snapshot()
    done = succeed("--debug", "build", "--json", *ENGINE, cwd=hub.path, env={"TMPDIR": str(temporary)})
    (image,) = done.json["images"]
    assert (image["status"], image["platforms"], image["base"]["inherited"]) == ("built", ["linux/amd64"], True)
    assert image["tag"] == f"0.0.1-0.dev.git.1.h{hub.git('log', '-1', '--pretty=%h')}"
    name = f"{prefix.partition('/')[2]}/core/hub:{image['tag']}"
    assert images_in(registry.address, name.partition("/")[0]) == {name: image["digest"]}
    values = before["hub/values.yaml"].decode()
    expected = values.replace("      name:\n", f"      name: {prefix}/core/hub\n")
    expected = expected.replace("      tag:\n", f"      tag: {image['tag']}\n")
    assert hub.snapshot() == {**before, "hub/values.yaml": expected.encode()}
    assert list(temporary.iterdir()) == []
    assert "$> docker push" in done.err


@pytest.mark.parametrize("engine", [(), ENGINE], ids=["buildx", "chartpress"])
def test_a_secret_in_a_file_that_git_ignores_is_found(hub: Hub, engine: tuple[str, ...]) -> None:
    """The folder has a comma, which separates a secret's fields."""
    hub.write("token.txt", "tulip\n")
    hub.write(".gitignore", "token.txt\n")
    set_image(hub, 'extraBuildCommandOptions: ["--secret=id=token,src=token.txt"]')
    uses = "USER root\nRUN --mount=type=secret,id=token grep tulip /run/secrets/token\n"
    hub.change("images/hub/Dockerfile", "USER root\n", uses)
    moved = Hub(hub.path.rename(hub.path.parent / "Uni, Berkeley"), hub.remote)
    (image,) = succeed("build", "--json", *engine, cwd=moved.path).json["images"]
    assert image["status"] == "built"


def test_commits_are_counted_in_a_history_that_was_cut_by_git_replace(hub: Hub) -> None:
    hub.put("images/hub/requirements.txt", "one\n")
    hub.put("images/hub/requirements.txt", "two\n")
    hub.git("replace", "--graft", "HEAD~")
    sh("git", "config", "--global", "clone.defaultRemoteName", "upstream", cwd=hub.path)
    (image,) = succeed("build", "--json", *ENGINE, cwd=hub.path).json["images"]
    assert image["tag"] == f"0.0.1-0.dev.git.2.h{hub.git('log', '-1', '--pretty=%h')}"


def test_what_either_engine_has_pushed_the_other_finds(hub: Hub) -> None:
    succeed("build", cwd=hub.path)
    found = run_task("--debug", "build", "--json", *ENGINE, cwd=hub.path)
    assert [image["status"] for image in found.json["images"]] == ["present"]
    assert "$> docker" not in found.err


def test_of_the_images_that_chartpress_builds_besides_nothing_is_told(make: Maker) -> None:
    hub = make(
        "hub: {valuesPath: jupyterhub.hub.image}\nother: {}\n",
        {"images/hub/Dockerfile": FROM_BASE, "images/other/Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"},
    )
    dry = succeed("--dry", "build", *ENGINE, cwd=hub.path).out
    assert "! chartpress builds all images of chartpress.yaml, so also other\n" in dry
    assert "other is skipped" not in dry
    told = succeed("build", "--json", *ENGINE, cwd=hub.path).json["images"]
    assert [(one["name"], one["status"]) for one in told] == [("hub", "built")]
    again = succeed("build", "--json", *ENGINE, cwd=hub.path).json["images"]
    assert [(one["name"], one["status"]) for one in again] == [("hub", "present"), ("other", "skipped")]


def test_the_macs_command_works(hub: Hub, prefix: str) -> None:
    done = succeed("--debug", "build", "--json", "--platform", "linux/amd64", *ENGINE, cwd=hub.path)
    assert "$> docker buildx build --progress plain" in done.err
    assert "--platform linux/amd64 --push" in done.err
    (image,) = done.json["images"]
    assert (image["repository"], image["platforms"]) == (f"{prefix}/core/hub", ["linux/amd64"])


COMMANDS = {
    "PC": (PC, "", "chartpress --push"),
    "Mac, Apple silicon": (Host("darwin", "arm64"), "", FOR_AMD64),
    "PC that is told the platform": (PC, "--platform linux/amd64", FOR_AMD64),
    "by force": (PC, "--force", "chartpress --push --force-build --force-push"),
    "on an engine that is named": (PC, "--builder default", f"DOCKER_CONTEXT=default {FOR_AMD64}"),
    "on a builder that is named": (PC, "--builder idle", f"BUILDX_BUILDER=idle {FOR_AMD64}"),
}


def test_the_runbooks_command_is_shown(hub: Hub, hubpress: Hubpress, monkeypatch: pytest.MonkeyPatch) -> None:
    # It is listed, in the test's own Docker folder, and never started.
    sh("docker", "buildx", "create", "--name", "idle", "--driver", "docker-container", cwd=hub.path)
    for title, (host, flags, command) in COMMANDS.items():
        monkeypatch.setattr(Host, "here", partial(Host, *host))
        with nothing_written(hub):
            shown = hubpress(hub, "--dry", "build", *ENGINE, *flags.split())
        assert shown.code == 0, shown
        commands = [line.strip() for line in shown.out.splitlines() if line.strip().startswith("$ ")]
        assert commands == [f"$ {command}"], title


# -- what it cannot do


@pytest.mark.parametrize(
    ("flags", "settings", "named"),
    [
        ("--image hub", "", "--image"),
        ("--no-cache", "", "--no-cache"),
        ("--no-push", "", "--no-push"),
        ("", "hub: {tag: '{chart_version}-{commit}'}\n", "hub.tag {chart_version}-{commit}"),
        ("", "hub: {attest: [provenance]}\n", "hub.attest provenance"),
    ],
)
def test_what_chartpress_does_not_know_is_refused(
    flags: str, settings: str, named: str, hub: Hub, hubpress: Hubpress
) -> None:
    hub.write("invoke.yaml", settings or "hub: {}\n")
    told = (1, f"chartpress does not know {named} (--engine)", "leave out --engine chartpress")
    assert refused(hubpress, hub, "build", *ENGINE, *flags.split()) == told


def test_without_chartpress_the_hint_says_how_to_get_it(hub: Hub, installed: Path) -> None:
    told = run(str(installed / "hubpress"), "build", *ENGINE, cwd=hub.path)
    demand_fault(told, 3, "chartpress is not installed (PATH)", "install chartpress: pip install chartpress")


def test_an_image_whose_folder_is_missing_stops_chartpress_and_writes_nothing(
    cal_icor: Hub, registry: Registry
) -> None:
    images = images_in(registry.address)
    with nothing_written(cal_icor):
        told = run_task("build", *ENGINE, cwd=cal_icor.path)
    assert (told.code, "Traceback" in fault(told)[0]) == (3, False), told
    # chartpress pushes each image as soon as it is built.
    assert images.items() <= images_in(registry.address).items()


# -- after our build chartpress finds nothing to do, and agrees with the values


def test_chartpress_has_nothing_to_do_for_three_images_in_a_folder_below(
    pilot: Hub, registry: Registry, tmp_path: Path
) -> None:
    assert_equivalent(pilot, "helm-charts/basehub/values.yaml", registry, tmp_path, below="helm-charts")


def test_chartpress_has_nothing_to_do_where_two_charts_have_images(
    cal_icor: Hub, registry: Registry, tmp_path: Path
) -> None:
    # chartpress stops at an image whose folder is missing.
    before, _, rest = cal_icor.read("chartpress.yaml").partition("      postgres:\n")
    cal_icor.put("chartpress.yaml", before + rest.partition("valuesPath: {}\n")[2])
    _, copy = chartpress(cal_icor, tmp_path / "before", "--push")
    cal_icor.put("node-placeholder/values.yaml", (copy / "node-placeholder/values.yaml").read_text())
    assert_equivalent(cal_icor, "hub/values.yaml", registry, tmp_path)


def assert_equivalent(hub: Hub, values: str, registry: Registry, folder: Path, *, below: str = ".") -> None:
    succeed("release", "--yes", cwd=hub.path)
    assert {one["severity"] for one in run_task("check", "--json", cwd=hub.path).json["problems"]} == {"warning"}
    # chartpress looks into the engine's own store first: it shall have to ask the registry.
    forget_images(registry.address)
    images = images_in(registry.address)
    said, chart = chartpress(hub, folder, "--push", below=below)
    assert images_in(registry.address) == images, said
    name = values.removeprefix(below).strip("/")
    assert data((chart / name).read_text()) == data(hub.read(values))
    assert "$> docker" not in said.err, said
