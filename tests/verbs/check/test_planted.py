"""``check`` finds every planted inconsistency, and says nothing else."""

from typing import Any

import pytest

from tasks.checks.problems import Code
from tests.support.cli import run_task, succeed
from tests.support.hubs import Hub
from tests.support.world import images_in

from .corpus import IN_FILES, IN_THE_WORLD, Planted, image_changed_and_not_rebuilt, values_without_an_image
from .places import DOCKERFILE, VALUES, check, consistent, image_name, pinned_tag

# Planted in test_consistent.py, test_misspelt.py, test_pins.py, bump/test_pins.py, preview/test_preview.py and
# build/test_signing.py.
ELSEWHERE = {
    "base-images-differ",
    "context-missing",
    "kubernetes-too-old",
    "pin-older-than-base",
    "pin-stays",
    "values-invalid",
    "unsigned",
    "wrong-signature",
}


def found(hub: Hub, *flags: str) -> Any:  # noqa: ANN401 - the JSON that it prints
    """Return what ``check`` finds, which is something; it fails for a fault alone."""
    result = check(hub, "--json", *flags)
    told = result.json
    fails = any(problem["severity"] == "fault" for problem in told["problems"])
    assert (result.code, result.err, told["ok"]) == (int(fails), "", not fails), result
    assert list(told) == ["ok", "problems", "not_checked"]
    return told["problems"]


@pytest.mark.parametrize("planted", IN_FILES, ids=lambda planted: planted.report)
def test_files_and_git_tell(planted: Planted, settled: Hub) -> None:
    problem = planted.plant(settled)
    assert found(settled, "--offline") == [
        {
            "code": planted.code,
            "path": problem.path.partition(":")[0],
            "line": int(problem.path.partition(":")[2]) if ":" in problem.path else None,
            "message": problem.message,
            "hint": problem.hint,
            "severity": problem.severity.value,
        }
    ]


@pytest.mark.engine
@pytest.mark.parametrize("planted", IN_THE_WORLD, ids=lambda planted: planted.report)
def test_the_world_outside_tells_and_offline_does_not_guess_it(planted: Planted, released: Hub) -> None:
    problem = planted.plant(released)
    assert found(released) == [problem.report()]
    consistent(released, "--offline")


@pytest.mark.engine
@pytest.mark.parametrize(
    ("name", "tag"), [("«N»", "«T»@sha256:«H»"), ("«N»@sha256", "«H»")], ids=["behind the tag", "in its place"]
)
def test_a_digest_that_the_registry_has_for_the_image_is_in_order(name: str, tag: str, released: Hub) -> None:
    image = f"{image_name(released)}:{pinned_tag(released)}"
    host, _, path = image.partition("/")
    texts = {"«N»": image_name(released), "«T»": pinned_tag(released), "«H»": images_in(host)[path][7:]}
    lines = f"      name: {name}\n      tag: {tag}\n"
    for mark, value in texts.items():
        lines = lines.replace(mark, value)
    released.edit(VALUES, f"      name: {texts['«N»']}\n      tag: {texts['«T»']}\n", lines)
    released.commit("Pin the digest")
    consistent(released)
    told = run_task("status", cwd=released.path)
    assert told.out.splitlines()[:: len(told.out.splitlines()) - 1] == [
        "invoke release has nothing to do.",
        "Everything is consistent.",
    ], told
    succeed("build", cwd=released.path)
    assert released.git("status", "--short") == ""


@pytest.mark.engine
def test_a_content_that_was_changed_and_not_built(content_named: Hub) -> None:
    consistent(content_named)
    pinned = pinned_tag(content_named)
    content_named.edit(DOCKERFILE, "RUN pip", "RUN true && pip")
    content_named.commit("Change the image")
    (problem,) = found(content_named)
    assert (problem["code"], problem["path"], problem["line"]) == ("values-tag-stale", "hub/values.yaml", 6)
    assert problem["message"].startswith(f"the tag is {pinned}, but the image's files make 3.3.8-")
    consistent(content_named, "--offline")


def test_every_code_is_planted_somewhere() -> None:
    assert {planted.code for planted in (*IN_FILES, *IN_THE_WORLD)} | ELSEWHERE == {code.value for code in Code}


def test_people_read_the_place_the_problem_its_code_and_what_mends_it(settled: Hub) -> None:
    problem = IN_FILES[0].plant(settled)
    result = check(settled, "--offline")
    assert (result.code, result.err) == (1, "")
    assert result.out == f"{problem.path}: {problem.message} [base-not-of-release]\n  hint: {problem.hint}\n"


# -- what is meant so


def accepting(hub: Hub, accept: str) -> list[tuple[str, str]]:
    """Return the codes of what ``check`` finds with that setting, and how much each matters."""
    hub.write("invoke.yaml", f"hub: {{accept: {accept}}}\n")
    hub.commit("Accept it")
    return [(problem["code"], problem["severity"]) for problem in found(hub, "--offline")]


@pytest.mark.parametrize(
    ("accept", "severity"),
    [
        ("[base-not-of-release]", "accepted"),
        ("base-not-of-release", "accepted"),
        ("[{code: base-not-of-release, path: images/*}]", "accepted"),
        ("[lock-differs, {code: base-not-of-release, path: images/hub/Dockerfile}]", "accepted"),
        ("[{code: base-not-of-release, path: hub/*}]", "fault"),
        ("[lock-differs]", "fault"),
        ("[]", "fault"),
    ],
)
def test_a_problem_that_is_meant_so_is_shown_and_does_not_fail(settled: Hub, accept: str, severity: str) -> None:
    problem = IN_FILES[0].plant(settled)
    assert accepting(settled, accept) == [("base-not-of-release", severity)]
    result = check(settled, "--offline")
    if severity == "accepted":
        message = f"{problem.path}: accepted: {problem.message} [base-not-of-release]\nNo faults, 1 accepted.\n"
        assert (result.code, result.out) == (0, message)


def test_a_code_that_does_not_exist_is_refused_with_the_nearest(settled: Hub) -> None:
    settled.write("invoke.yaml", "hub: {accept: [image-overide]}\n")
    result = check(settled, "--offline")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        "error: hub.accept names 'image-overide', which is not a problem code (invoke.yaml)\n"
        "hint: did you mean image-override?\n"
    )


# -- what waits for a commit


def test_empty_values_are_a_warning_while_the_images_files_are_not_committed(settled: Hub) -> None:
    values_without_an_image(settled)
    settled.write("images/hub/new", "")
    result = check(settled, "--offline")
    warning = "hub/values.yaml:6: warning: jupyterhub.hub.image names no image yet"
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        f"{warning}: its files are not committed [values-empty]",
        "  hint: git add -- images/hub/new && git commit -- images/hub/new; then invoke build",
        "not checked: the last commit: images/hub/new differs from it",
        "  hint: git add -- images/hub/new && git commit -- images/hub/new; then check again",
        "No faults, 1 warning.",
    ]


@pytest.mark.parametrize("tag", ["1.0.0", "pr-499", "2024-11-08"])
def test_a_tag_that_was_made_by_hand_is_not_called_stale(settled: Hub, tag: str) -> None:
    settled.edit("hub/values.yaml", pinned_tag(settled), f'"{tag}"')
    settled.commit("Name it by hand")
    result = check(settled, "--offline", "--json")
    assert (result.code, result.json["problems"]) == (0, [])
    assert result.json["not_checked"] == [
        {"message": f"whether hub:{tag} is current: the tag names no commit", "hint": "invoke build"}
    ]
    settled.git("tag", tag)
    image_changed_and_not_rebuilt(settled)
    assert [problem["code"] for problem in found(settled, "--offline")] == ["values-tag-stale"]
