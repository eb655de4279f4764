import os
import shlex
import shutil
from collections.abc import Callable, Mapping
from typing import TypeAlias

import pytest

from tasks.core.names import Reference
from tasks.tools.registry import retag
from tests.support.cli import INVOKE, Result, run_on_screen, run_on_terminal, run_task, sh, succeed
from tests.support.gh import StandInGh
from tests.support.hubs import Hub, clone
from tests.support.machine import PROJECT
from tests.support.processes import write_program
from tests.support.scene import DOCKERFILE, VALUES, Scene
from tests.support.steps import BRANCH, SUBJECT, build, squash
from tests.support.world import ended, fault

pytestmark = pytest.mark.engine


def release(hub: Hub, *flags: str) -> Result:
    return succeed("release", "--yes", *flags, cwd=hub.path)


# -- the question


def test_every_answer_but_yes_leaves_all_as_it_was(scene: Scene) -> None:
    before = scene.world()
    result = run_on_terminal(*INVOKE, "release", cwd=scene.hub.path, typed="yess\n")
    assert (result.code, result.out) == (1, "")
    plan, _, verdict = result.err.partition("Go on? [y/N] yess\n")
    assert plan.startswith(f"Plan for {scene.hub.path}\n")
    assert verdict == (
        "error: cancelled, nothing was changed\n"
        "hint: invoke release --dry, for the whole plan\n"
    )  # fmt: skip
    assert scene.world() == before


def test_without_a_terminal_nobody_is_asked_and_nothing_done(scene: Scene) -> None:
    before = scene.world()
    result = run_task("release", cwd=scene.hub.path, stdin="y\n")
    assert (result.code, result.out) == (1, "")
    assert fault(result) == ("confirmation needed, but there is no terminal", "look at the plan, then add --yes")
    assert result.err.startswith(f"Plan for {scene.hub.path}\n")
    assert scene.world() == before


def test_a_release_tells_all_that_its_steps_do_and_a_dry_one_all_but_what_the_commit_decides(scene: Scene) -> None:
    told = run_task("--dry", "release", "--json", cwd=scene.hub.path).json
    (image,) = told["images"]
    assert (image["tag"], image["digest"]) == ("0.0.1-0.dev.git.2.h{commit}", None)
    assert [commit["hash"] for commit in told["commits"]] == [None, None]
    assert [step["seconds"] for step in told["steps"]] == [None] * 5
    told = run_task("release", "--yes", "--push", "--json", cwd=scene.hub.path).json
    named, moved = scene.hub.git("log", "-2", "--pretty=%H").splitlines()
    (image,) = told["images"]
    assert (told["chart"]["after"], told["base"]["image_after"]) == ("3.3.8", f"{scene.base}:3.3.8")
    assert (image["status"], image["tag"]) == ("built", f"0.0.1-0.dev.git.2.h{moved[:7]}")
    assert told["branch"] == BRANCH
    assert told["commits"] == [
        {"hash": moved, "subject": SUBJECT},
        {"hash": named, "subject": f"Use hub image {image['tag']}"},
    ]
    assert told["pull_request"] is None
    assert [(step["name"], step["status"]) for step in told["steps"]] == [
        ("auth", "skipped"),
        ("bump", "done"),
        ("commit", "done"),
        ("build", "done"),
        ("commit", "done"),
    ]
    assert all(step["seconds"] >= 0 for step in told["steps"])


def test_a_release_whose_build_fails_goes_on_once_the_dockerfile_is_mended(scene: Scene) -> None:
    scene.hub.change(DOCKERFILE, "RUN pip install", "RUN exit 7; pip install")
    failed = run_task("release", "--yes", cwd=scene.hub.path)
    assert (failed.code, failed.out) == (3, "")
    moved = scene.hub.git("log", "-1", "--pretty=%h", "--abbrev=12")
    log, standing = failed.err.partition("Done so far:\n")[::2]
    assert "did not complete successfully: exit code: 7" in log
    assert standing.splitlines()[:-2] == [
        f"  images/hub/Dockerfile: {scene.base}:3.2.1 -> {scene.base}:3.3.8",
        "  hub/requirements.yaml: jupyterhub 3.2.1 -> 3.3.8",
        f"  commit {moved} on {BRANCH}: {SUBJECT}",
        f"To continue, run: invoke --search-root {PROJECT} release --yes",
    ]
    assert scene.hub.subjects("main..HEAD") == [SUBJECT]
    scene.hub.change(DOCKERFILE, "RUN exit 7; pip install", "RUN pip install")
    told = release(scene.hub, "--json").json
    (image,) = told["images"]
    assert [step["name"] for step in told["steps"] if step["status"] == "done"] == ["build", "commit"]
    assert scene.hub.subjects("main..HEAD") == [f"Use hub image {image['tag']}", f"Change {DOCKERFILE}", SUBJECT]
    succeed("release", cwd=scene.hub.path)


# -- an image whose files are those of another commit now gets the tag of today, and is not built again


def codes(scene: Scene, *flags: str) -> list[str]:
    """Return the codes of what ``check`` finds; that 4.4.0 fixes what 3.3.8 has is no matter here."""
    found = run_task("check", "--json", *flags, cwd=scene.hub.path).json["problems"]
    return [one["code"] for one in found if one["code"] != "security-release"]


def test_a_check_without_a_network_knows_the_same_files_by_any_tag_and_others_are_built(scene: Scene) -> None:
    scene.hub.put("invoke.yaml", "hub: {tag: 'z2jh.{commit}.{commits}'}\n")
    release(scene.hub)
    squash(scene.hub)
    assert codes(scene, "--offline") == codes(scene) == []
    scene.hub.put("images/hub/requirements.txt", "another==1\n")
    assert codes(scene, "--offline") != []
    assert build(scene.hub)["images"][0]["status"] == "built"


@pytest.mark.parametrize("template", ["chartpress", "{chart_version}-{commits}"])
def test_a_tag_that_names_no_commit_is_not_taken_for_that_of_other_files(scene: Scene, template: str) -> None:
    scene.hub.put("invoke.yaml", f"hub: {{tag: '{template}'}}\n")
    scene.hub.git("tag", "1.0.0")
    (first,) = build(scene.hub)["images"]
    assert build(scene.hub)["images"][0]["status"] == "present"
    scene.hub.write("images/hub/requirements.txt", "another==1\n")
    scene.hub.git("commit", "--quiet", "--all", "--amend", "--message", "Mend it")
    scene.hub.git("tag", "--force", "1.0.0")
    another = "give the commit another git tag" if template == "chartpress" else "put {commit} into hub.tag"
    assert ended(run_task("build", cwd=scene.hub.path)) == (
        1,
        f"the tag is there, for an image of other files ({first['repository']}:{first['tag']})",
        f"{another}, or overwrite it: invoke build --force",
    )
    assert "values-tag-stale" in codes(scene)
    assert build(scene.hub, "--force")["images"][0]["digest"] != first["digest"]


def test_a_git_tag_that_is_made_at_the_question_does_not_change_the_planned_tag(scene: Scene) -> None:
    answer = run_on_screen(
        *INVOKE, "release", cwd=scene.hub.path, columns=200, meanwhile=lambda: scene.hub.git("tag", "9.9.9")
    )
    name = f"9.9.9-0.dev.git.2.h{scene.hub.git('rev-parse', '--short', 'HEAD')}"
    what = "the tag is not the planned 0.0.1-0.dev.git.2.h{commit} any more: git's tags have changed since"
    assert (answer.code, f"error: {what} (" in answer.out, f"core/hub:{name})\n" in answer.out) == (1, True, True)
    assert release(scene.hub, "--json").json["images"][0]["tag"] == name


def release_without(scene: Scene, image: Mapping[str, str]) -> Result:
    """Run ``release``, whose question is answered with yes when the registry has lost an image of a build's report."""
    place = f"http://{scene.registry}/v2/{image['repository'].partition('/')[2]}/manifests/{image['digest']}"
    return run_on_screen(
        *INVOKE,
        "release",
        cwd=scene.hub.path,
        columns=1000,
        meanwhile=lambda: sh("curl", "-sfX", "DELETE", place, cwd=PROJECT),
    )


def test_an_image_that_disappears_meanwhile_is_named_and_the_next_run_builds(scene: Scene) -> None:
    release(scene.hub)
    (old,) = build(scene.hub)["images"]
    squash(scene.hub)
    scene.hub.git("branch", "--quiet", "--delete", "--force", BRANCH)
    scene.hub.git("reflog", "expire", "--expire=now", "--all")
    scene.hub.git("gc", "--quiet", "--prune=now")
    gone = f"{old['repository']}:{old['tag']}@{old['digest']}"
    answer = release_without(scene, old)
    assert answer.code == 1
    assert f"the plan no longer holds: the image {gone} is not in the registry any more" in answer.out
    assert build(scene.hub)["images"][0]["status"] == "built"


def test_an_image_that_is_there_and_goes_at_the_question_is_not_written_into_the_values(scene: Scene) -> None:
    release(scene.hub)
    (image,) = build(scene.hub)["images"]
    scene.hub.git("reset", "--quiet", "--hard", "HEAD~")
    answer = release_without(scene, image)
    assert answer.code == 1
    assert f"the tag {image['repository']}:{image['tag']} is gone, or of another image" in answer.out
    assert scene.hub.git("status", "--porcelain") == ""


def test_an_image_of_another_commit_that_was_given_this_tag_is_not_taken_for_this_commits(scene: Scene) -> None:
    (first,) = build(scene.hub)["images"]
    scene.hub.put("images/hub/requirements.txt", "another==1\n")
    tag = scene.tag
    retag(Reference(first["repository"], first["tag"], first["digest"]), tag)
    assert ended(run_task("build", cwd=scene.hub.path)) == (
        1,
        f"the tag is there, for an image of other files ({first['repository']}:{tag})",
        "find out who gave it that tag, or overwrite it: invoke build --force",
    )
    scene.hub.change(VALUES, first["tag"], tag)
    assert "values-tag-stale" in codes(scene)


# -- what somebody has changed by hand


def test_a_base_image_changed_by_hand_that_the_release_puts_back_is_no_change(scene: Scene) -> None:
    release(scene.hub)
    scene.hub.edit(DOCKERFILE, ":3.3.8\n", ":3.3.7\n")
    succeed("--dry", "bump", "commit", "build", "commit", cwd=scene.hub.path)
    release(scene.hub)
    assert scene.hub.git("status", "--porcelain") == ""


def test_values_that_name_an_image_that_no_registry_has_are_not_committed(scene: Scene) -> None:
    release(scene.hub)
    tag = scene.hub.read(VALUES).partition("tag: ")[2].split()[0]
    scene.hub.edit(VALUES, tag, "broken")
    for dry in (("--dry",), ("--yes",)):
        assert ended(run_task("release", *dry, cwd=scene.hub.path)) == (
            1,
            f"no registry has {scene.prefix}/core/hub:broken, which these values name ({VALUES})",
            f"put that aside: git stash push -- {VALUES}; then run the same command again",
        )
    scene.hub.edit(VALUES, "broken", tag)
    release(scene.hub)


# -- a plan holds only in the world that it was made in


AGAIN = "run the same command again"
Somebody: TypeAlias = Callable[[str], None]


@pytest.fixture
def during_build(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Somebody:
    """What lets somebody do something in the clone when the engine has built, before anything is proved."""
    programs, docker = scene.folder / "path", shutil.which("docker")

    def let(somebody: str) -> None:
        once = f"test -e {programs}/built || (cd {shlex.quote(str(scene.hub.path))} && {somebody}) >&2"
        build = f'{docker} "$@"; status=$?; {once}; touch {programs}/built; exit $status'
        write_program(programs, "docker", f'case "$*" in *bake*) {build} ;; esac\nexec {docker} "$@"\n')
        monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)

    return let


# -- during the build


def test_a_branch_switched_during_the_build_gets_nothing(scene: Scene, during_build: Somebody) -> None:
    hub = scene.hub
    before = (hub.git("rev-parse", "main"), hub.remote_git("for-each-ref"))
    during_build("git switch --quiet main")
    moved = ("the plan no longer holds: the current branch is now main", f"git switch {BRANCH}, then {AGAIN}")
    assert ended(run_task("release", "--yes", "--push", cwd=hub.path)) == (1, *moved)
    assert (hub.git("rev-parse", "main"), hub.remote_git("for-each-ref")) == before
    assert hub.git("status", "--porcelain") == ""
    assert hub.subjects(f"main..{BRANCH}") == [SUBJECT]
    hub.git("switch", "--quiet", BRANCH)
    succeed("release", "--yes", "--push", cwd=hub.path)
    assert hub.remote_git("log", "--format=%s", f"main..{BRANCH}").splitlines()[1:] == [SUBJECT]


def test_a_colleagues_release_during_the_build_is_not_overwritten_and_can_be_gone_on_with(
    scene: Scene, during_build: Somebody
) -> None:
    hub = scene.hub
    colleague = clone(hub.remote, scene.folder / "colleague")
    colleague.git("switch", "--quiet", "--create", BRANCH)
    colleague.change(VALUES, "      tag:\n", "      tag: theirs\n")
    during_build(f"git -C {colleague.path} push --quiet origin {BRANCH}")
    stopped = ended(run_task("release", "--yes", "--push", cwd=hub.path))
    there = hub.remote_git("rev-parse", "--short=12", BRANCH)
    assert stopped == (1, f"the plan no longer holds: origin's branch {BRANCH} is now {there}", AGAIN)
    assert len(hub.subjects(f"main..{BRANCH}")) == 2
    assert hub.remote_git("log", "--format=%s", f"main..{BRANCH}") == f"Change {VALUES}"
    _, error, hint = ended(run_task("release", "--yes", "--push", cwd=hub.path))
    assert error == f"the remote's branch {BRANCH} has commits that are not here (origin)"
    pull, _, meaning = hint.partition(", ")
    assert meaning == "which keeps theirs on a conflict; or use another branch: --branch NAME"
    hub.git(*shlex.split(pull)[1:])
    succeed("release", "--yes", "--push", cwd=hub.path)
    assert hub.remote_git("log", "--format=%s", f"main..{BRANCH}").splitlines()[1:] == [SUBJECT, f"Change {VALUES}"]


def test_a_remote_that_is_another_one_during_the_build_gets_nothing(scene: Scene, during_build: Somebody) -> None:
    hub, elsewhere = scene.hub, scene.folder / "elsewhere.git"
    during_build(f"git init --quiet --bare {elsewhere} && git remote set-url origin {elsewhere}")
    moved = f"the plan no longer holds: the address of origin is now {elsewhere}"
    assert ended(run_task("release", "--yes", "--push", cwd=hub.path))[:2] == (1, moved)
    assert sh("git", "for-each-ref", cwd=elsewhere) == hub.remote_git("branch", "--list", BRANCH) == ""


def test_values_saved_during_a_build_keep_it_from_writing_them(scene: Scene, during_build: Somebody) -> None:
    hub, before = scene.hub, scene.hub.read(VALUES)
    image = scene.image
    during_build(f"echo '# mine' >>{VALUES}")
    done = run_task("build", cwd=hub.path)
    assert ended(done) == (1, f"the plan no longer holds: {VALUES} has changed", AGAIN)
    assert image in done.err.partition("Done so far:\n")[2]
    assert hub.read(VALUES).removesuffix("# mine\n") == before
    hub.git("restore", VALUES)
    succeed("build", cwd=hub.path)


# -- what its pull request says of the image


def test_a_release_opens_a_pull_request_with_the_proof_of_its_image(github_hub: Hub, gh: StandInGh) -> None:
    planned = succeed("--dry", "release", "--pr", "--json", cwd=github_hub.path).json["pull_request"]["body"]
    assert "To be built and verified before this is opened:\n" in planned
    assert "The image is built and verified" not in planned
    assert "| digest | not known |\n" in planned

    (image,) = succeed("release", "--yes", "--pr", "--json", cwd=github_hub.path).json["images"]
    (request,) = gh.requests
    assert f"| image | `{image['repository']}:{image['tag']}` |\n" in request["body"]
    assert f"| digest | `{image['digest']}` |\n| platforms | `linux/amd64` |\n" in request["body"]
    assert f"| its digest | `{image['base']['digest']}` |\n" in request["body"]
    assert "| built on the base image | yes, proved by its layers |\n" in request["body"]
    # The registry alone tells the same as the build that pushed.
    again = run_task("commit", "--pr", cwd=github_hub.path)
    assert (again.code, again.out) == (0, "pull request present: https://github.com/org/hubs/pull/1\n"), again


def test_values_that_still_name_an_image_on_the_older_base_are_said_to(github_hub: Hub, gh: StandInGh) -> None:
    succeed("build", cwd=github_hub.path)
    github_hub.commit("Build it")
    github_hub.git("push", "--quiet")
    succeed("bump", "commit", "--pr", cwd=github_hub.path)
    (request,) = gh.requests
    assert "**Not verified**: the image is not built on 127.0.0.1:" in request["body"]
    assert "- [ ] The image is built and verified: `hubpress build`, then `hubpress commit --pr`.\n" in request["body"]
