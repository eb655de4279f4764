"""``check`` finds every inconsistency that is planted into a consistent hub repository, and says nothing else."""

from collections.abc import Callable

import pytest

from tasks.core.problems import Code, Problem, Severity
from tests.support.cli import run_task, succeed
from tests.support.hubs import Hub

from .places import (
    DOCKERFILE,
    LOCK,
    PINS,
    REQUIREMENTS,
    VALUES,
    base_name,
    built,
    check,
    computed_tag,
    consistent,
    digest_of,
    found,
    image_name,
    pin,
    pinned_tag,
    push_in_place_of,
)

BUILD, BUILD_AND_COMMIT = "invoke build", "invoke build, then invoke commit"
IMAGE = f"{VALUES}:6"
NO_DIGEST = f"sha256:{'1' * 64}"
_LABEL = "org.opencontainers.image."


# -- what files and git tell


def chart_moved_without_the_base(hub: Hub) -> Problem:
    hub.change(REQUIREMENTS, "version: 3.3.8", "version: 3.3.7")
    message = f"the base image is {base_name(hub)}:3.3.8, but jupyterhub 3.3.7 uses 3.3.7"
    return Problem(Code.BASE, f"{DOCKERFILE}:2", message, "invoke bump --to 3.3.7")


def base_without_a_tag(hub: Hub) -> Problem:
    """A build takes the registry's ``latest``, whatever the chart's release is."""
    name = base_name(hub)
    hub.change(DOCKERFILE, ":3.3.8", "")
    pin(hub)
    message = f"the base image is {name}, but jupyterhub 3.3.8 uses 3.3.8"
    return Problem(Code.BASE, f"{DOCKERFILE}:2", message, "invoke bump --to 3.3.8")


def copied_file_left_behind(hub: Hub) -> Problem:
    line = len(hub.read(DOCKERFILE).splitlines()) + 1
    hub.put(DOCKERFILE, f"{hub.read(DOCKERFILE)}COPY --from={base_name(hub)}:3.3.7 /etc/passwd /passwd\n")
    pin(hub)
    message = f"{base_name(hub)}:3.3.7 is used here, but line 2 has {base_name(hub)}:3.3.8"
    return Problem(Code.BASES_DIFFER, f"{DOCKERFILE}:{line}", message, "invoke bump --to 3.3.8")


def second_requirement_left_behind(hub: Hub) -> Problem:
    second = hub.read(REQUIREMENTS).partition("\n")[2].replace("3.3.8", "3.3.7")
    hub.put(REQUIREMENTS, f"{hub.read(REQUIREMENTS)}{second}    alias: staging\n")
    message = "jupyterhub is at 3.3.7 here and at 3.3.8 above"
    return Problem(Code.REQUIREMENTS_DIFFER, f"{REQUIREMENTS}:8", message, "give all of them the same version")


def lock_left_behind(hub: Hub) -> Problem:
    hub.put(LOCK, "dependencies:\n- name: jupyterhub\n  repository: https://hub.jupyter.org/\n  version: 3.2.1\n")
    message = "the lock has jupyterhub 3.2.1, the requirement 3.3.8"
    return Problem(Code.LOCK, f"{LOCK}:4", message, "helm dependency update hub")


def copy_left_behind(hub: Hub) -> Problem:
    hub.put("clusters/a/requirements.yaml", hub.read(REQUIREMENTS).replace("3.3.8", "3.3.7"))
    message = "jupyterhub is at 3.3.7 here, and at 3.3.8 in hub/requirements.yaml"
    return Problem(Code.COPIES, "clusters/a/requirements.yaml:4", message, "invoke bump --to 3.3.8")


def marked_line_left_behind(hub: Hub) -> Problem:
    hub.put("main.tf", '# hubpress: jupyterhub\nversion = "3.3.7"\n')
    message = "jupyterhub is at 3.3.7 here, and at 3.3.8 in hub/requirements.yaml"
    return Problem(Code.PIN, "main.tf:2", message, "invoke bump --to 3.3.8")


def values_without_an_image(hub: Hub) -> Problem:
    hub.change(VALUES, f"      tag: {pinned_tag(hub)}\n", "      tag:\n")
    return Problem(Code.VALUES_EMPTY, IMAGE, "jupyterhub.hub.image names no image", BUILD)


def values_without_an_image_that_no_build_may_push(hub: Hub) -> Problem:
    """A build alone ended well, and left the values as they were."""
    hub.put("invoke.yaml", "hub: {push: false}\n")
    return values_without_an_image(hub)._replace(hint=f"remove hub.push from invoke.yaml, then {BUILD}")


def image_changed_that_no_build_may_push(hub: Hub) -> Problem:
    hub.put("invoke.yaml", "hub: {push: false}\n")
    return image_changed_and_not_rebuilt(hub)._replace(
        hint=f"remove hub.push from invoke.yaml, then {BUILD_AND_COMMIT}"
    )


def values_with_another_image(hub: Hub) -> Problem:
    other = "us-central1-docker.pkg.dev/somebody/elses/hub"
    hub.change(VALUES, image_name(hub), other)
    message = f"jupyterhub.hub.image names {other}, but chartpress.yaml says {image_name(hub)}"
    return Problem(Code.VALUES_NAME, IMAGE, message, BUILD)


def one_of_two_values_left_behind(hub: Hub) -> Problem:
    hub.write("invoke.yaml", "hub:\n  values:\n  - {file: staging.yaml, path: jupyterhub.hub.image}\n")
    hub.put("staging.yaml", f"jupyterhub:\n  hub:\n    image:\n      name: {image_name(hub)}\n      tag: older\n")
    message = f"hub is pinned to older here and to {pinned_tag(hub)} elsewhere"
    return Problem(Code.VALUES_DIFFER, "staging.yaml:5", message, BUILD)


def image_changed_and_not_rebuilt(hub: Hub) -> Problem:
    hub.put(PINS, "jupyterhub-nativeauthenticator==1.3.1\n")
    message = f"the tag is {pinned_tag(hub)}, but the image's files make {computed_tag(hub)}"
    return Problem(Code.TAG_STALE, IMAGE, message, BUILD_AND_COMMIT)


def history_rewritten(hub: Hub) -> Problem:
    hub.git("checkout", "--quiet", "--orphan", "rewritten")
    hub.commit("Set up the hub, in one commit")
    hub.change(DOCKERFILE, "USER root\n", "USER root\nRUN true\n")
    hub.git("branch", "--move", "--force", "main")
    message = f"the tag {pinned_tag(hub)} names a commit that is not in the history"
    return Problem(Code.COMMIT_GONE, IMAGE, message, BUILD_AND_COMMIT)


# -- what the world outside tells besides


def release_that_was_never_published(hub: Hub) -> Problem:
    """As where an image's tag was pasted as the chart's version."""
    version = "4.3.3-0.dev.git.7263.h1d8bfb12"
    hub.change(REQUIREMENTS, "version: 3.3.8", f"version: {version}")
    return Problem(
        Code.RELEASE_UNKNOWN, f"{REQUIREMENTS}:4", f"the Helm repository has no jupyterhub {version}", "invoke bump"
    )


def image_never_pushed(hub: Hub) -> Problem:
    return Problem(Code.NOT_IN_REGISTRY, IMAGE, f"the registry does not have {pinned_without_a_push(hub)}", BUILD)


def image_for_another_platform(hub: Hub) -> Problem:
    image = pinned_without_a_push(hub)
    push_in_place_of(image, hub.path.parent, "FROM scratch\nLABEL lab=1\n", "--platform=linux/arm64")
    return Problem(Code.PLATFORM, IMAGE, f"{image} is for linux/arm64, not for linux/amd64", "invoke build --force")


def image_on_another_base(hub: Hub) -> Problem:
    image = pinned_without_a_push(hub)
    push_in_place_of(image, hub.path.parent, f"FROM {base_name(hub)}:3.2.1\n")
    message = f"{image} is not built on {base_name(hub)}:3.3.8, which {DOCKERFILE} names"
    return Problem(Code.WRONG_BASE, IMAGE, message, f"{BUILD} --force")


def digest_of_another_image(hub: Hub) -> Problem:
    push_in_place_of(f"{image_name(hub)}:other", hub.path.parent, f"FROM {base_name(hub)}:3.2.1\n")
    tag = pinned_tag(hub)
    ours, other = (digest_of(f"{image_name(hub)}:{one}") for one in (tag, "other"))
    pin_digest(hub, other)
    message = f"{other} is pinned, but the registry has {ours} as {tag}"
    return Problem(Code.DIGEST, IMAGE, message, BUILD_AND_COMMIT)


def digest_never_pushed(hub: Hub) -> Problem:
    pin_digest(hub, NO_DIGEST)
    message = f"the registry does not have {image_name(hub)}@{NO_DIGEST}"
    return Problem(Code.NOT_IN_REGISTRY, IMAGE, message, BUILD)


def pin_digest(hub: Hub, digest: str) -> None:
    """Pin an image by digest behind its tag."""
    hub.change(VALUES, f"tag: {pinned_tag(hub)}\n", f"tag: {pinned_tag(hub)}@{digest}\n")


def base_pushed_anew(hub: Hub) -> Problem:
    image, base = pinned_without_a_push(hub), f"{base_name(hub)}:3.3.8"
    old = f"sha256:{'0' * 64}"
    labels = f'LABEL {_LABEL}base.name="{base}" {_LABEL}base.digest="{old}"\n'
    push_in_place_of(image, hub.path.parent, f"FROM {base_name(hub)}:3.2.1\n{labels}")
    message = f"{base} is {digest_of(base)} now, and {image} was built on {old}"
    return Problem(Code.BASE_MOVED, f"{DOCKERFILE}:2", message, "invoke build --force", Severity.WARNING)


def base_with_the_digest_of_another_release(hub: Hub) -> Problem:
    older, base = (f"{base_name(hub)}:{tag}" for tag in ("3.2.1", "3.3.8"))
    old, new = digest_of(older), digest_of(base)
    hub.change(DOCKERFILE, base, f"{base}@{old}")
    push_in_place_of(f"{image_name(hub)}:{pin(hub)}", hub.path.parent, f"FROM {older}\n")
    message = f"{base} is {new} now, and {DOCKERFILE} pins {old}"
    return Problem(Code.BASE_MOVED, f"{DOCKERFILE}:2", message, "invoke bump --to 3.3.8", Severity.WARNING)


def image_on_another_base_than_the_pinned_one(hub: Hub) -> Problem:
    """Also if the tag has moved since."""
    older, base = (f"{base_name(hub)}:{tag}" for tag in ("3.2.1", "3.3.8"))
    pinned = f"{base}@{digest_of(older)}"
    hub.change(DOCKERFILE, base, pinned)
    image = f"{image_name(hub)}:{pin(hub)}"
    push_in_place_of(image, hub.path.parent, f"FROM {base}\n")
    message = f"{image} is not built on {pinned}, which {DOCKERFILE} names"
    return Problem(Code.WRONG_BASE, IMAGE, message, "invoke build --force")


def pinned_without_a_push(hub: Hub) -> str:
    """Write an image into the values that was never pushed, and return it."""
    hub.put(PINS, "jupyterhub-nativeauthenticator==1.3.2\n")
    return f"{image_name(hub)}:{pin(hub)}"


# What spoils a repository and returns what is to be said of it, with the problem's code as scripts know it.
IN_FILES: dict[Callable[[Hub], Problem], str] = {
    chart_moved_without_the_base: "base-not-of-release",
    base_without_a_tag: "base-not-of-release",
    copied_file_left_behind: "base-images-differ",
    second_requirement_left_behind: "requirements-differ",
    lock_left_behind: "lock-differs",
    copy_left_behind: "chart-copies-differ",
    marked_line_left_behind: "pin-differs",
    values_without_an_image: "values-empty",
    values_without_an_image_that_no_build_may_push: "values-empty",
    values_with_another_image: "values-name-differs",
    one_of_two_values_left_behind: "values-differ",
    image_changed_and_not_rebuilt: "values-tag-stale",
    image_changed_that_no_build_may_push: "values-tag-stale",
    history_rewritten: "values-commit-gone",
}
IN_THE_WORLD: dict[Callable[[Hub], Problem], str] = {
    release_that_was_never_published: "release-unknown",
    image_never_pushed: "tag-not-in-registry",
    image_for_another_platform: "wrong-platform",
    image_on_another_base: "wrong-base",
    digest_of_another_image: "values-digest-differs",
    digest_never_pushed: "tag-not-in-registry",
    base_pushed_anew: "base-moved",
    base_with_the_digest_of_another_release: "base-moved",
    image_on_another_base_than_the_pinned_one: "wrong-base",
}


# -- each of them, found


# Planted in docs/checks.md, test_images.py, test_misspelt.py, test_pins.py, bump/test_pins.py, preview/test_preview.py
# and build/test_signing.py.
ELSEWHERE = {
    "context-missing",
    "image-missing",
    "image-override",
    "kubernetes-too-old",
    "no-effect",
    "not-yaml",
    "pin-older-than-base",
    "pin-stays",
    "security-release",
    "values-invalid",
    "unsigned",
    "wrong-signature",
}


def told_of(problem: Problem, code: str) -> dict[str, str | int | None]:
    """Return what JSON tells of a problem."""
    return {
        "code": code,
        "path": problem.path.partition(":")[0],
        "line": int(problem.path.partition(":")[2]) if ":" in problem.path else None,
        "message": problem.message,
        "hint": problem.hint,
        "severity": problem.severity.value,
    }


@pytest.mark.parametrize("plant", IN_FILES)
def test_files_and_git_tell(plant: Callable[[Hub], Problem], settled: Hub) -> None:
    problem = plant(settled)
    assert found(settled, "--offline") == [told_of(problem, IN_FILES[plant])]


@pytest.mark.engine
@pytest.mark.parametrize("plant", IN_THE_WORLD)
def test_the_world_outside_tells_and_offline_does_not_guess_it(plant: Callable[[Hub], Problem], released: Hub) -> None:
    problem = plant(released)
    assert found(released) == [told_of(problem, IN_THE_WORLD[plant])]
    consistent(released, "--offline")


@pytest.mark.engine
@pytest.mark.parametrize(
    "pinned",
    ["      name: {name}\n      tag: {tag}@sha256:{hex}\n", "      name: {name}@sha256\n      tag: {hex}\n"],
    ids=["behind the tag", "in its place"],
)
def test_a_digest_that_the_registry_has_for_the_image_is_in_order(pinned: str, released: Hub) -> None:
    name, tag = image_name(released), pinned_tag(released)
    digest = digest_of(f"{name}:{tag}").removeprefix("sha256:")
    now = f"      name: {name}\n      tag: {tag}\n"
    released.change(VALUES, now, pinned.format(name=name, tag=tag, hex=digest))
    consistent(released)
    told = run_task("status", cwd=released.path)
    assert told.out.splitlines()[:: len(told.out.splitlines()) - 1] == [
        "invoke release has nothing to do.",
        "Everything is consistent.",
    ], told
    succeed("build", cwd=released.path)
    assert released.git("status", "--short") == ""


@pytest.mark.engine
def test_a_content_that_was_changed_and_not_built(released: Hub) -> None:
    released.put("invoke.yaml", "hub: {tag: '{chart_version}-{content}'}\n")
    built(released)
    consistent(released)
    pinned = pinned_tag(released)
    released.change(DOCKERFILE, "RUN pip", "RUN true && pip")
    (problem,) = found(released)
    assert (problem["code"], problem["path"], problem["line"]) == ("values-tag-stale", VALUES, 6)
    assert problem["message"].startswith(f"the tag is {pinned}, but the image's files make 3.3.8-")
    consistent(released, "--offline")


def test_every_code_is_planted_somewhere() -> None:
    assert {*IN_FILES.values(), *IN_THE_WORLD.values()} | ELSEWHERE == {code.value for code in Code}


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
    settled.change("hub/values.yaml", pinned_tag(settled), f'"{tag}"')
    result = check(settled, "--offline", "--json")
    assert (result.code, result.json["problems"]) == (0, [])
    assert result.json["not_checked"] == [
        {"message": f"whether hub:{tag} is current: the tag names no commit", "hint": "invoke build"}
    ]
    settled.git("tag", tag)
    image_changed_and_not_rebuilt(settled)
    assert [problem["code"] for problem in found(settled, "--offline")] == ["values-tag-stale"]


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (("rm", "--quiet", PINS), f"git commit -- {PINS}"),
        (("mv", PINS, "images/hub/pins.txt"), f"git commit -- images/hub/pins.txt {PINS}"),
    ],
    ids=["removed", "renamed"],
)
def test_what_git_knows_already_need_not_be_added(settled: Hub, change: tuple[str, ...], hint: str) -> None:
    settled.git(*change)
    told = check(settled, "--offline").out.splitlines()
    assert f"  hint: {hint}; then check again" in told, told
