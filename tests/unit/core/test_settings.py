"""Settings: from the hub's own invoke.yaml, from the environment, and what is refused of them."""

import os
from pathlib import Path

import pytest

from tasks.core.faults import Unusable
from tasks.core.settings import (
    KEYS,
    Accepted,
    DeploymentSetting,
    Settings,
    ValuesTarget,
    WholeImage,
    read_settings,
    variable,
)
from tests.support.calls import raised
from tests.support.cli import HUBPRESS, Result, run, run_module, run_task, succeed
from tests.support.fixtures import Hubpress
from tests.support.hubs import Hub, make_hub
from tests.support.machine import PROJECT
from tests.support.world import demand_fault


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the lab's own setting out: it is a variable."""
    monkeypatch.delenv("INVOKE_HUB_CACHE_FOLDER")
    monkeypatch.delenv("INVOKE_HUB_PREVIEW")


# -- what is read


ACCEPTED = (Accepted("image-override"), Accepted("lock-differs", "hub/*"))


@pytest.mark.parametrize(
    ("key", "given", "read"),
    [
        ("repo", "~/hub", "~/hub"),
        ("root", "/helm-charts/", "helm-charts"),
        ("chart", " hub ", "hub"),
        ("images", ["hub", "second"], ("hub", "second")),
        ("images", "hub, second", ("hub", "second")),
        ("images", {"context": "./", "name": "a/b"}, (WholeImage(".", "a/b"),)),
        (
            "images",
            [{"context": "i", "name": "a/b", "dockerfile": "i/D", "values": "hub.image", "paths": ["i", "lib"]}],
            (WholeImage("i", "a/b", "i/D", ("hub.image",), ("i", "lib")),),
        ),
        ("base", "chart", "chart"),
        ("platform", "linux/arm/v7", "linux/arm/v7"),
        ("push", False, False),
        ("push", "No", False),
        ("push", "0", False),
        ("push", "yes", True),
        ("cache", True, "on"),
        ("cache", "inline", "inline"),
        ("tag", "{chart_version}-{commit}", "{chart_version}-{commit}"),
        (
            "values",
            [{"file": "a.yaml", "path": "a.b"}, {"file": "b.yaml", "path": "c", "image": "hub"}],
            (ValuesTarget("a.yaml", "a.b"), ValuesTarget("b.yaml", "c", "hub")),
        ),
        ("values", "a.yaml:a.b,b.yaml:c", (ValuesTarget("a.yaml", "a.b"), ValuesTarget("b.yaml", "c"))),
        ("accept", ["image-override", {"code": "lock-differs", "path": "hub/*"}], ACCEPTED),
        ("accept", "image-override,lock-differs:hub/*", ACCEPTED),
        ("deployments", [{"name": "prod", "values": ["a", "b"]}], (DeploymentSetting("prod", ("a", "b")),)),
    ],
)
def test_a_setting_is_read(key: str, given: object, read: object) -> None:
    assert getattr(read_settings({key: given}), key) == read


@pytest.mark.parametrize(
    ("key", "text", "read"),
    [
        ("labels", "[a, 'b c']", ("a", "b c")),
        ("attest", "[provenance, sbom]", ("provenance", "sbom")),
        ("next_steps", "[Merge it, Deploy]", ("Merge it", "Deploy")),
        ("next_steps", "[ ] Merge it", ("[ ] Merge it",)),
        ("branch", "{version}-bump", "{version}-bump"),
        ("images", "{context: i, name: a/b}", (WholeImage("i", "a/b"),)),
    ],
)
def test_a_list_in_brackets_is_read_from_a_variable(
    key: str, text: str, read: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable(key), text)
    assert getattr(read_settings({}), key) == read


IMAGES = "write images: [hub], or [{context: images/hub, name: HOST/PATH/hub}]"
TEXT, PLATFORM = "quote it; it may not be empty, or begin with -", "write platform: linux/amd64"
FOLDER, NAME = "name it relative to the repository's top", "write it as HOST/PATH/NAME in small letters, without a tag"
KEYS_OF_IMAGES = "the keys of hub.images are: context, name, dockerfile, values, paths"
TARGETS = "write values: [{file: ..., path: ...}]"
NO_PATH = "not a path in the repository"
BOTH = {"file": "a", "marker": "c", "path": "b"}
ACCEPT = "write accept: [image-override, {code: ..., path: ...}]"


@pytest.mark.parametrize(
    ("key", "given", "what", "hint"),
    [
        ("tag", 1.1, "hub.tag is 1.1, not text", TEXT),
        ("remote", "", "hub.remote is '', not text", TEXT),
        ("branch", ["a"], "hub.branch is ['a'], not text", TEXT),
        ("images", 3, "hub.images is 3, not a list of names, or of context and name", IMAGES),
        *(
            ("images", [image], f"hub.images is {image}, not a list of names, or of context and name", IMAGES)
            for image in ({"context": "i"}, {"context": None, "name": "a/b"})
        ),
        ("images", [{"context": "../i", "name": "a/b"}], f"hub.images.context is '../i', {NO_PATH}", FOLDER),
        ("images", [{"context": "i", "name": "a/b:1"}], "hub.images.name is 'a/b:1', not the name of an image", NAME),
        ("images", [{"context": "i", "name": "a/b", "tag": "1"}], "unknown setting hub.images.tag", KEYS_OF_IMAGES),
        ("values", [{"file": "a.yaml", "pth": "a"}], "unknown setting hub.values.pth", "did you mean path?"),
        ("base", "charts", "hub.base is 'charts', not keep or chart", "write base: keep"),
        ("root", "../etc", f"hub.root is '../etc', {NO_PATH}", FOLDER),
        ("root", "a\0b", rf"hub.root is 'a\x00b', {NO_PATH}", FOLDER),
        ("base_branch", "\ud800", r"hub.base_branch is '\ud800', not text", TEXT),
        ("platform", "amd64", "hub.platform is 'amd64', not a platform", PLATFORM),
        ("platform", "linux/amd64 --load", "hub.platform is 'linux/amd64 --load', not a platform", PLATFORM),
        ("push", "maybe", "hub.push is 'maybe', not true or false", "write push: false"),
        ("kubernetes", 1.3, "hub.kubernetes is 1.3, not a version of Kubernetes", 'write kubernetes: "1.30"'),
        ("values", [{"file": "a.yaml"}], "hub.values is {'file': 'a.yaml'}, not file and path", TARGETS),
        ("values", "a.yaml", "hub.values is 'a.yaml', not file and path", TARGETS),
        ("pins", [BOTH], f"hub.pins is {BOTH}, not file with path or marker", TARGETS.replace("values", "pins")),
        ("accept", [{"path": "a"}], "hub.accept is {'path': 'a'}, not a problem's code", ACCEPT),
        (
            "attest",
            "sbom, all",
            "hub.attest is 'sbom, all', not a list of provenance, provenance-max, sbom",
            "write attest: [provenance]",
        ),
        ("base", "x" * 99, f"hub.base is '{'x' * 27}...{'x' * 28}', not keep or chart", "write base: keep"),
        ("imgaes", ["hub"], "unknown setting hub.imgaes", "did you mean hub.images?"),
        ("xyz", ["hub"], "unknown setting hub.xyz", f"the settings are: {', '.join(KEYS)}"),
    ],
)
def test_a_wrong_setting_is_refused_with_the_keys_name(key: str, given: object, what: str, hint: str) -> None:
    assert raised(Unusable, read_settings, {key: given}) == f"error: {what} (invoke.yaml)\nhint: {hint}"


@pytest.mark.parametrize(
    ("name", "text", "what", "hint"),
    [
        ("INVOKE_HUB_PUSH", "maybe", "hub.push is 'maybe', not true or false", None),
        ("INVOKE_HUB_VALUES", "[2024-13-45]", "hub.values is '[2024-13-45]', not file and path", None),
        ("INVOKE_HUB_VALUES", "[!!bool x]", "hub.values is '[!!bool x]', not file and path", None),
        ("INVOKE_HUB_VALUES", "[{fil: a, path: b}]", "unknown setting hub.values.fil", None),
        ("INVOKE_HUB_IMGAES", "hub", "unknown setting hub.imgaes", "did you mean INVOKE_HUB_IMAGES?"),
    ],
)
def test_a_fault_of_a_variable_names_the_variable(
    name: str, text: str, what: str, hint: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, text)
    told = f"error: {what} ({name})\nhint: {hint or f'fix {name}, or unset it'}"
    assert raised(Unusable, read_settings, {}) == told


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """CI passes on what it does not have as an empty text."""
    for key in KEYS:
        monkeypatch.setenv(variable(key), " ")
    assert read_settings({}) == Settings()


# -- the hub repository's own invoke.yaml


def own_file(folder: Path, text: str) -> Path:
    path = folder / "invoke.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("hub:\n  tag: '{commits}'\n  images: [hub]\nrun:\n  echo: true\n", Settings(tag="{commits}", images=("hub",))),
        *((text, Settings()) for text in ("# nothing\n", "hub:\n", "hub: {branch: }\nrun: {echo: true}\n")),
    ],
)
def test_the_hubs_own_file_is_read(text: str, read: Settings, tmp_path: Path) -> None:
    assert read_settings({}, own_file(tmp_path, text)) == read


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("hub: [1, 2\n", id="not YAML"),
        pytest.param("hub: 3\n", id="a number for the settings"),
        pytest.param("- hub\n", id="a list for the file"),
        pytest.param("\x00", id="no text"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_fault(tmp_path: Path, text: str) -> None:
    error, _ = raised(Unusable, read_settings, {}, own_file(tmp_path, text)).splitlines()
    assert "invoke.yaml" in error


def test_a_folder_for_downloads_is_relative_to_the_file_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = own_file(tmp_path, "hub: {cache_folder: downloads}\n")
    assert read_settings({}, file).cache_folder == str(tmp_path / "downloads")
    monkeypatch.setenv("INVOKE_HUB_CACHE_FOLDER", "here")
    assert read_settings({}, file).cache_folder == "here"


@pytest.mark.parametrize("key", ["base_branch", "hbu"])
def test_a_setting_beside_its_section_is_refused_unless_there_is_one(key: str, tmp_path: Path) -> None:
    assert raised(Unusable, read_settings, {}, own_file(tmp_path, f"{key}: staging\n")) == (
        f"error: {key} is outside of hub (invoke.yaml)\n"
        "hint: put settings under hub; if it is another program's, add hub: {}"
    )
    assert read_settings({}, own_file(tmp_path, f"{key}: staging\nhub: {{}}\n")) == Settings()


@pytest.mark.parametrize(
    "setting",
    [
        *("remote: --upload-pack=evil", "branch: --evil-{version}", "base_branch: --evil", "builder: --evil"),
        *("root: --evil", "chart: --evil", "tag: --evil"),
        *("values: [{file: --evil, path: a}]", "values: [{file: a, path: --evil}]", "platform: --evil/x"),
    ],
)
def test_a_name_that_would_be_an_option_is_refused(tmp_path: Path, setting: str) -> None:
    with pytest.raises(Unusable, match=r"not (text|a platform|a path in the repository) \(invoke\.yaml\)"):
        read_settings({}, own_file(tmp_path, f"hub:\n  {setting}\n"))


# -- the two ways in


@pytest.fixture
def carrier(hub: Hub) -> Hub:
    """A hub repository that carries the tasks itself, with a move to commit."""
    for name in ("tasks", "tasks.py"):
        (hub.path / name).symlink_to(PROJECT / name)
    hub.edit("hub/requirements.yaml", "version: 3.2.1", "version: 3.3.8")
    return hub


WAYS = pytest.mark.parametrize("way", ["invoke", "hubpress"])


def in_hub(way: str, hub: Hub, *arguments: str, env: dict[str, str] | None = None) -> Result:
    whole = {**os.environ, "PYTHONPATH": str(PROJECT), **(env or {})}
    if way == "invoke":
        return run_module("invoke", *arguments, cwd=hub.path, env=whole)
    return run(*HUBPRESS, *arguments, cwd=hub.path, env=whole)


def test_a_file_that_invoke_stumbles_over_ends_without_a_traceback(carrier: Hub) -> None:
    for text, typed in (("- hub\n", "--list"), ("hub: {1: 2}\n", "commit"), ("hub: !!timestamp x\n", "commit")):
        own_file(carrier.path, text)
        done = in_hub("invoke", carrier, typed)
        demand_fault(
            done, 2, "the file is not a mapping that Invoke can read (invoke.yaml)", f"fix {carrier.path}/invoke.yaml"
        )


@WAYS
def test_a_variable_that_invoke_cannot_read_is_one_fault(way: str, carrier: Hub) -> None:
    done = in_hub(way, carrier, "commit", env={"INVOKE_RUN_WATCHERS": "x"})
    what = "Invoke cannot read its variables: Can't adapt an environment string into a <class 'list'>!"
    demand_fault(done, 2, f"{what} (INVOKE_RUN_WATCHERS)", "unset INVOKE_RUN_WATCHERS")


@WAYS
def test_each_source_wins_over_those_before(way: str, carrier: Hub, tmp_path: Path) -> None:
    command, env = ("commit", "--dry", "--json"), {"HOME": str(tmp_path)}
    (tmp_path / ".invoke.yaml").write_text("hub: {branch: theirs}\n")
    assert in_hub(way, carrier, *command, env=env).json["branch"] == "theirs"
    own_file(carrier.path, "hub: {branch: own}\nrun: {echo: true}\n")
    assert in_hub(way, carrier, *command, env=env).json["branch"] == "own"
    (carrier.path / "mine.yaml").write_text("hub: {branch: mine}\n")
    assert in_hub(way, carrier, "-f", "mine.yaml", *command, env=env).json["branch"] == "mine"
    # Variables win over values of other types too.
    own_file(carrier.path, "hub: {images: [other], values: [{file: other.yaml, path: a}], branch: 3}\n")
    env |= {"INVOKE_HUB_IMAGES": "hub", "INVOKE_HUB_VALUES": "hub/values.yaml:jupyterhub.hub.image"}
    env["INVOKE_HUB_BRANCH"] = "shell"
    assert in_hub(way, carrier, "-f", "mine.yaml", *command, env=env).json["branch"] == "shell"


def test_a_fault_names_the_file_that_it_is_in(
    hub: Hub, hubpress: Hubpress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    mine, theirs = tmp_path / "mine.yaml", tmp_path / ".invoke.yaml"
    mine.write_text("hub: {branhc: x}\n")
    done = hubpress(hub, "-f", str(mine), "check", "--offline")
    demand_fault(done, 2, f"unknown setting hub.branhc ({mine})", "did you mean hub.branch?")
    mine.write_text("- hub\n")
    what = "error: the file is not a mapping that Invoke can read (mine.yaml)"
    assert hubpress(hub, "-f", str(mine), "check", "--offline").err.splitlines()[0] == what
    for text, what, hint in (
        ("hub: [1]\n", "hub is not a mapping of settings", "write hub: {}"),
        ("hub: {push: maybe}\n", "hub.push is 'maybe', not true or false", "write push: false"),
    ):
        theirs.write_text(text)
        demand_fault(hubpress(hub, "check", "--offline"), 2, f"{what} ({theirs})", hint)
    theirs.write_text("remote: of another program\n")
    assert hubpress(hub, "bump", "--dry", "--to", "3.3.7").code == 0


# -- which repository


def planned(done_in: Path, *arguments: str, env: dict[str, str] | None = None) -> str:
    """Return the folder that a dry commit is planned for."""
    done = succeed("commit", "--dry", *arguments, cwd=done_in, env=env)
    return done.out.splitlines()[0].removeprefix("Plan for ")


def test_a_home_folder_that_is_not_known_is_refused_with_what_to_set(hub: Hub) -> None:
    told = run_task("check", "--offline", "--repo", "~nobody-here/hub", cwd=hub.path)
    demand_fault(
        told, 2, "the home folder is not known (~nobody-here/hub)", "write the whole path, or: export HOME=FOLDER"
    )


def test_repo_wins_over_the_variable_and_both_over_the_current_folder(hub: Hub, tmp_path: Path) -> None:
    hub.edit("hub/requirements.yaml", "version: 3.2.1", "version: 3.3.8")
    other = make_hub(tmp_path / "other")
    env = {"INVOKE_HUB_REPO": str(other.path)}
    assert planned(hub.path, env=env) == str(other.path)
    assert planned(tmp_path, "--repo", str(hub.path), env=env) == str(hub.path)
    assert planned(hub.path, "--repo", "~/other", env={"HOME": str(tmp_path)}) == str(other.path)


def test_a_repository_that_git_does_not_open_is_told_of_in_gits_words(hub: Hub) -> None:
    """It belongs to somebody else, as in many a container; git's own tests pretend so by this variable."""
    done = run_task("commit", cwd=hub.path, env={"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"})
    demand_fault(
        done,
        3,
        f"git rev-parse: detected dubious ownership in repository at '{hub.path}' ({hub.path})",
        f"git config --global --add safe.directory {hub.path}",
    )
