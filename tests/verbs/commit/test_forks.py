"""``commit --pr`` from a fork: the branch goes to the fork, the pull request to the team's ``staging``."""

import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.cli import Result, run_task, sh
from tests.support.hubs import Hub
from tests.support.processes import write_program
from tests.support.steps import BRANCH, MANAGED, SUBJECT, add_submodule, move, refs
from tests.support.team import Team
from tests.support.world import demand_fault, fault

PAGES = "https://github.com/team/hubs/pull"


def bump(team: Team, version: str = "3.3.8") -> None:
    move(team.hub, team.hub.read("hub/requirements.yaml").partition("version: ")[2].split()[0], version)


def commit(team: Team, *flags: str, env: dict[str, str] | None = None) -> Result:
    return run_task("commit", "--pr", *flags, cwd=team.hub.path, env=env)


def done(team: Team, *flags: str, env: dict[str, str] | None = None) -> Result:
    result = commit(team, *flags, env=env)
    assert result.code == 0, result
    return result


def merged(team: Team, *, squash: bool = True) -> None:
    """Let the move to 3.3.7 be requested and merged."""
    bump(team, "3.3.7")
    done(team)
    team.merge("bump-z2jh-3.3.7", squash=squash)


def everything(team: Team) -> tuple[object, ...]:
    """Return all that a run that only looks, or is refused, leaves as it is."""
    objects = sorted(str(file) for file in (team.hub.path / ".git/objects").rglob("*"))
    return refs(team.hub), team.hub.snapshot(), team.hub.git("status", "--porcelain"), objects, team.gh.changes


@pytest.mark.parametrize("known", ["to the clone", "to gh alone"])
def test_the_branch_goes_to_the_fork_and_the_request_to_the_team(team: Team, known: str) -> None:
    if known == "to gh alone":
        team.hub.git("remote", "remove", "upstream")
        team.gh.fork_of("team/hubs")
    team.work("notes.txt")
    bump(team)
    assert done(team).out.splitlines()[1:] == [f"pushed {BRANCH} to origin", f"pull request created: {PAGES}/1"]
    (request,) = team.gh.requests
    assert (request["baseRefName"], request["headRepositoryOwner"], request["headRefName"]) == (
        *("staging", {"login": "robin"}),
        BRANCH,
    )
    assert team.hub.remote_git("rev-parse", BRANCH) == team.hub.git("rev-parse", "HEAD")
    assert team.hub.git("rev-parse", "HEAD~") == team.base
    assert team.colleague.remote_git("branch", "--list", BRANCH) == ""
    assert done(team).out == f"pull request present: {PAGES}/1\n"


def test_a_push_that_the_fork_refuses_claims_no_pull_request(team: Team) -> None:
    bump(team)
    hook = team.hub.remote / "hooks/pre-receive"
    write_program(hook.parent, hook.name, "exit 1")
    commits = [f"  commit {{}} on {BRANCH}: {SUBJECT}"]
    for made in (True, False):
        stopped = commit(team)
        assert (stopped.code, team.gh.requests) == (4, []), stopped
        log, _, standing = stopped.err.partition("Done so far:\n")
        head = team.hub.git("rev-parse", "--short=12", "HEAD")
        assert standing.splitlines()[:-3] == ([line.format(head) for line in commits] if made else []), log
    hook.unlink()
    assert done(team).out.splitlines()[-1] == f"pull request created: {PAGES}/1"


def test_another_branch_of_the_teams_is_pushed_to_only_where_it_is_named(team: Team) -> None:
    team.colleague.git("push", "--quiet", "origin", "HEAD:refs/heads/main")
    team.hub.git("switch", "--quiet", "--create", "main")
    assert "because main is already merged, or not where feature branches start" in commit(team, "--dry").out
    assert done(team).code == 0
    bump(team)
    assert done(team).out.splitlines()[1:] == [f"pushed {BRANCH} to origin", f"pull request created: {PAGES}/1"]
    assert team.hub.git("rev-parse", "main") == team.base
    team.hub.git("switch", "--quiet", "main")
    bump(team)
    assert run_task("commit", "--push", "--branch", "main", cwd=team.hub.path).code == 0
    assert team.hub.remote_git("log", "-1", "--format=%s", "main") == SUBJECT


def test_two_forks_are_told_apart(team: Team) -> None:
    sams = {"headRefName": BRANCH, "isCrossRepository": True, "headRepositoryOwner": {"login": "sam"}, "state": "OPEN"}
    team.gh.keep(number=1, url=f"{PAGES}/1", title="Sam's", body="", **sams)
    bump(team)
    dry = done(team, "--dry")
    assert "because of --pr\n" in dry.out
    assert done(team).out.splitlines()[-1] == f"pull request created: {PAGES}/2"
    assert done(team).out == f"pull request present: {PAGES}/2\n"


def test_a_request_that_was_closed_is_not_taken_for_an_open_one(team: Team) -> None:
    bump(team)
    done(team)
    team.settle(BRANCH, "CLOSED")
    assert done(team).out == f"pull request created: {PAGES}/2\n"


@pytest.mark.parametrize(("squash", "start"), [(True, "the branch"), (False, "staging")])
def test_after_the_merge_the_next_branch_is_cut_from_the_teams(team: Team, squash: bool, start: str) -> None:
    merged(team, squash=squash)
    team.work("notes.txt")
    if start == "staging":
        team.hub.git("switch", "--quiet", "staging")
    assert commit(team).code == 0
    assert team.hub.git("branch", "--show-current") == "staging"
    assert team.hub.git("rev-parse", "HEAD") == team.base
    bump(team)
    done(team)
    assert team.hub.subjects(f"{team.base}..HEAD") == ["Move z2jh from 3.3.7 to 3.3.8"]


def test_on_the_branch_of_the_release_before_the_plan_points_it_out(team: Team) -> None:
    bump(team, "3.3.7")
    done(team)
    bump(team)
    dry = done(team, "--dry")
    told = "bump-z2jh-3.3.7 is the branch of the release 3.3.7: for another one, use --branch bump-z2jh-3.3.8"
    assert f"! {told}\n" in dry.out
    assert told not in done(team, "--dry", "--branch", BRANCH).out
    done(team)
    assert "! " not in done(team, "--dry").out


def test_a_branch_that_was_merged_by_moving_forward_is_left(team: Team) -> None:
    bump(team, "3.3.7")
    done(team, "--branch", "bump-z2jh-3.3.7-2")
    team.colleague.git("fetch", "--quiet", str(team.hub.remote), "bump-z2jh-3.3.7-2")
    team.colleague.git("merge", "--quiet", "--ff-only", "FETCH_HEAD")
    team.colleague.git("push", "--quiet")
    bump(team)
    done(team)
    assert team.hub.git("branch", "--show-current") == BRANCH


# -- a clone that is behind


def test_the_branch_is_cut_from_the_base_branch_as_it_is_now(team: Team) -> None:
    team.work("notes.txt")
    team.work("notes.txt", "more\n")
    bump(team)
    team.hub.write("draft.txt", "mine\n")
    team.hub.git("add", "draft.txt")
    team.hub.git("config", "branch.staging.mergeOptions", "--squash")
    team.hub.git("config", "merge.autoStash", "true")
    team.hub.write("draft.txt", "mine, and more\n")
    before = everything(team)
    dry = done(team, "--dry")
    moved = f"* move staging to {team.base[:12]}\n           because staging here is 2 commits behind\n"
    assert f"{moved}           changes notes.txt\n" in dry.out
    assert everything(team) == before
    assert f"* create {BRANCH} from staging\n" in dry.out
    done(team)
    assert team.hub.git("rev-parse", "HEAD~", "staging").split() == [team.base, team.base]
    assert team.hub.git("status", "--porcelain") == "AM draft.txt"


def test_a_dry_chain_goes_there_with_the_edits_that_it_has_planned(team: Team) -> None:
    team.work("notes.txt")
    chain = ("bump", "--to", "3.3.8", "commit", "--pr")
    dry = run_task("--dry", *chain, cwd=team.hub.path)
    assert (dry.code, f'"{SUBJECT}"' in dry.out) == (0, True), dry
    team.work("hub/requirements.yaml", team.hub.read("hub/requirements.yaml") + "# theirs\n")
    for dry_too in (("--dry",), ()):
        error, _ = fault(run_task(*dry_too, *chain, cwd=team.hub.path))
        assert error.startswith("upstream's staging changes hub/requirements.yaml, which has uncommitted changes")


def test_a_tag_of_the_base_branchs_name_is_not_taken_for_it(team: Team) -> None:
    """As teams have it that deploy what they tag: git fetches the tag, if it is asked for the bare name."""
    team.colleague.git("push", "--quiet", "origin", "staging:refs/tags/staging")
    team.work("notes.txt")
    bump(team)
    done(team)
    assert (
        team.hub.git("rev-parse", "HEAD~", "refs/heads/staging").split()
        == [team.colleague.remote_git("rev-parse", "refs/heads/staging")] * 2
    )


def gone_there(hub: Hub) -> None:
    """Leave a branch that only the clone has: git cannot keep upstream/staging beside upstream/staging/old."""
    hub.git("update-ref", "-d", "refs/remotes/upstream/staging")
    hub.git("update-ref", "refs/remotes/upstream/staging/old", "HEAD")


LOST = ".git/refs/heads/lost"


@pytest.mark.parametrize(
    ("prepare", "told", "mend"),
    [
        (gone_there, "git fetch --all --prune", lambda hub: hub.git("fetch", "--all", "--prune")),
        (
            lambda hub: hub.write(LOST, ""),
            "remove the broken reference's file: git rev-parse --git-path REFERENCE",
            lambda hub: (hub.path / LOST).unlink(),
        ),
    ],
    ids=["a branch that is gone there", "a branch that lost its commit with the power"],
)
def test_a_fetch_that_the_clone_stops_is_no_fault_of_the_remote(
    team: Team, prepare: Callable[[Hub], object], told: str, mend: Callable[[Hub], object]
) -> None:
    prepare(team.hub)
    team.work("notes.txt")
    bump(team)
    assert fault(commit(team))[1] == told
    mend(team.hub)
    done(team)


def test_settings_that_the_base_branch_changes_are_not_left_out(team: Team) -> None:
    """A clone that is behind has the older ones: a release by those would miss a place of the values, say."""
    team.work("invoke.yaml", "hub: {labels: [hub-images]}\n")
    bump(team)
    before = everything(team)
    demand_fault(
        commit(team),
        1,
        f"upstream's staging has another invoke.yaml, and this run has the settings of the one here ({team.hub.path})",
        "git pull --ff-only upstream staging; then run the same command again",
    )
    assert everything(team) == before
    team.hub.git("pull", "--quiet", "--ff-only", "upstream", "staging")
    done(team)


def test_a_base_branch_that_was_renamed_there_is_not_committed_to_here(team: Team) -> None:
    team.colleague.remote_git("branch", "--move", "staging", "main")
    bump(team)
    done(team)
    (request,) = team.gh.requests
    assert (request["headRefName"], request["baseRefName"]) == (BRANCH, "main")


def test_a_base_branch_that_another_worktree_has_is_not_moved_below_its_files(team: Team) -> None:
    merged(team)
    other = f"{team.hub.path}-tree"
    team.hub.git("worktree", "add", "--quiet", other, "staging")
    bump(team)
    before = everything(team)
    demand_fault(
        commit(team),
        1,
        f"another worktree has the branch staging ({other})",
        f"work in that folder, or remove it: git worktree remove {other}",
    )
    assert everything(team) == before
    team.hub.git("worktree", "remove", other)
    done(team)
    assert team.hub.git("rev-parse", "HEAD~") == team.base


def test_more_files_may_change_than_a_command_takes_as_arguments(team: Team) -> None:
    """On a branch that was squashed, and on the base branch since then."""
    folder = "/".join(("vendored" * 30,) * 2)
    for number in range(3000):
        team.hub.write(f"{folder}/{number:0250}", "ours\n")
    team.hub.git("switch", "--quiet", "--create", "bump-z2jh-3.3.7")
    team.hub.commit("Vendor it")
    merged(team)
    team.gh.put([])
    for file in (team.colleague.path / folder).iterdir():
        file.write_text("theirs\n")
    team.work("notes.txt")
    bump(team)
    done(team)
    assert team.hub.git("rev-parse", "HEAD~") == team.base


def test_a_split_index_of_a_linked_worktree_has_a_way_on(team: Team, tmp_path: Path) -> None:
    team.hub.git("switch", "--quiet", "--detach")
    team.hub.git("worktree", "add", "--quiet", str(tmp_path / "tree"), "staging")
    linked = replace(team, hub=replace(team.hub, path=tmp_path / "tree"))
    linked.hub.git("update-index", "--split-index")
    team.work("notes.txt")
    bump(linked)
    assert fault(commit(linked))[1] == "keep the index in one file: git update-index --no-split-index"
    linked.hub.git("update-index", "--no-split-index")
    done(linked)


@pytest.mark.parametrize(
    ("theirs", "mine", "named"),
    [
        ("notes.env", "notes.env", "notes.env"),
        ("notes.env/theirs", "notes.env", "notes.env"),
        ("notes", "notes/mine.env", "notes/mine.env"),
        ("theme/logo.svg", "theme/logo.svg", "theme/"),
    ],
    ids=["file", "folder", "file in place of a folder", "repository"],
)
def test_what_git_ignores_is_not_overwritten_by_the_base_branchs(
    team: Team, theirs: str, mine: str, named: str
) -> None:
    """Git would do so without a word; and it does not stash another repository."""
    hint = f"put them aside: git stash push --all -- {named}"
    team.work(".gitignore", "*.env\n/theme/\n")
    team.hub.git("pull", "--quiet", "--ff-only", "upstream", "staging")
    team.colleague.write(theirs, "theirs\n")
    team.colleague.git("add", "--force", theirs)
    team.work("notes.txt")
    bump(team)
    team.hub.write(mine, "mine\n")
    if named == "theme/":
        team.hub.git("init", "--quiet", named)
        hint = "move that repository elsewhere: mv theme/ FOLDER"
    what = f"upstream's staging changes {named}, which has uncommitted changes ({team.hub.path})"
    demand_fault(commit(team), 1, what, f"{hint}; then run the same command again")
    assert team.hub.read(mine) == "mine\n"
    sh("sh", "-c", hint.partition(": ")[2].replace("FOLDER", "my-theme"), cwd=team.hub.path)
    done(team)
    assert team.hub.read(theirs) == "theirs\n"


def test_a_submodule_at_another_commit_is_left_there(team: Team) -> None:
    """As most are after a pull: git moves what the commit says of it, and not its files."""
    add_submodule(team.hub, "theme", "theme")
    team.hub.git("push", "--quiet", "origin", "HEAD:staging")
    team.colleague.git("pull", "--quiet", str(team.hub.remote), "staging")
    sub = team.hub.path / "theme"
    later = sh("git", "commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "Later", cwd=sub)
    team.colleague.git("update-index", "--cacheinfo", f"160000,{later},theme")
    team.colleague.git("commit", "--quiet", "--message", "Move the theme")
    team.colleague.git("push", "--quiet")
    mine = sh("git", "commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "Mine", cwd=sub)
    sh("git", "checkout", "--quiet", mine, cwd=sub)
    bump(team)
    done(team)
    assert (team.hub.git("rev-parse", "HEAD:theme"), sh("git", "rev-parse", "HEAD", cwd=sub)) == (later, mine)


def test_a_file_that_git_was_told_to_skip_is_named_where_the_base_branch_changes_it(team: Team) -> None:
    team.hub.git("update-index", "--assume-unchanged", "images/hub/requirements.txt")
    team.hub.write("images/hub/requirements.txt", "mine\n")
    team.work("images/hub/requirements.txt")
    bump(team)
    told, hint = fault(commit(team))
    assert told.startswith("git merge: Your local changes to the following files would be overwritten by merge: images")
    assert hint == (
        "see what git was told to skip: git ls-files -v | grep '^[a-zS]'; then: "
        "git update-index --no-assume-unchanged -- FILE && git update-index --no-skip-worktree -- FILE"
    )
    assert team.hub.read("images/hub/requirements.txt") == "mine\n"


def test_a_hook_that_fails_after_the_way_to_the_base_branch_does_not_stop_the_commit(team: Team) -> None:
    """As that of Git LFS does where git-lfs is missing: git has switched by then."""
    merged(team)
    bump(team)
    write_program(team.hub.path / ".git/hooks", "post-checkout", "exit 2")
    done(team)
    assert team.hub.git("rev-parse", "HEAD~") == team.base


def test_in_ci_a_detached_head_goes_on_at_the_base_branch(team: Team) -> None:
    team.work("notes.txt")
    team.hub.git("switch", "--quiet", "--detach")
    team.hub.git("branch", "--quiet", "--delete", "--force", "staging")
    bump(team)
    done(team, env={"CI": "true"})
    assert (team.hub.git("rev-parse", "HEAD~"), team.hub.subjects()[0]) == (team.base, SUBJECT)


def test_a_branch_of_ones_own_stays_and_is_said_to_be_behind(team: Team) -> None:
    team.hub.git("switch", "--quiet", "--create", "try-it")
    team.work("notes.txt")
    bump(team)
    assert "! try-it is 1 commit behind staging of upstream\n" in done(team, "--dry").out
    done(team)
    assert team.hub.git("rev-parse", "HEAD~") == team.hub.git("rev-parse", "staging")
    assert team.gh.requests[0]["headRefName"] == "try-it"


def test_where_the_rest_is_refused_the_clone_stays_as_it_is(team: Team) -> None:
    merged(team)
    bump(team)
    team.work("notes.txt")
    team.hub.write("images/hub/Dockerfile", team.hub.read("images/hub/Dockerfile") + "# mine\n")
    heads = ("for-each-ref", "refs/heads")
    before = team.hub.git("rev-parse", "HEAD"), team.hub.git(*heads), team.hub.snapshot()
    result = commit(team)
    told = "error: the file has uncommitted changes besides the release's (images/hub/Dockerfile)"
    assert (result.code, result.err.splitlines()[-2]) == (1, told)
    assert (team.hub.git("rev-parse", "HEAD"), team.hub.git(*heads), team.hub.snapshot()) == before
    assert team.hub.git("branch", "--show-current") == "bump-z2jh-3.3.7"


# -- a commit alone, which asks nothing of any server


def test_a_branch_that_the_clone_knows_to_be_merged_is_left(team: Team) -> None:
    merged(team)
    team.hub.git("fetch", "--quiet", "upstream")
    assert run_task("commit", cwd=team.hub.path).out == "Nothing to do.\n"
    assert team.hub.git("branch", "--show-current") == "bump-z2jh-3.3.7"
    bump(team)
    dry = run_task("--dry", "commit", cwd=team.hub.path)
    assert (
        f"* switch to staging at {team.base[:12]}\n           because bump-z2jh-3.3.7 is already merged" in dry.out
    ), dry
    alone = run_task("commit", cwd=team.hub.path)
    assert (alone.code, team.hub.git("branch", "--show-current")) == (0, BRANCH), alone
    assert team.hub.subjects(f"{team.base}..HEAD") == ["Move z2jh from 3.3.7 to 3.3.8"]


def test_what_the_clone_cannot_know_of_a_branch_is_said(team: Team) -> None:
    team.hub.git("remote", "set-head", "upstream", "staging")
    bump(team, "3.3.7")
    assert "warning" not in run_task("commit", cwd=team.hub.path).err
    done(team)
    team.merge("bump-z2jh-3.3.7", squash=True)
    bump(team)
    unknown = "bump-z2jh-3.3.7 may have been merged since the last fetch from upstream: --push and --pr ask there"
    assert f" ! {unknown}" in run_task("--dry", "commit", cwd=team.hub.path).out
    alone = run_task("commit", cwd=team.hub.path)
    assert (alone.code, alone.err.splitlines()[0].partition(" for it")[0]) == (0, f"warning: {unknown}"), alone
    assert team.hub.git("branch", "--show-current") == "bump-z2jh-3.3.7"


# -- the base branch


KNOWN = {"full_name": "team/hubs", "default_branch": "prod", "fork": False}


@pytest.mark.parametrize(
    ("repository", "base"),
    [
        pytest.param(KNOWN, "prod", id="the event names it"),
        pytest.param({"full_name": "a/b", "default_branch": "x"}, "staging", id="the event is another one's"),
    ],
)
def test_in_ci_the_event_is_asked(team: Team, tmp_path: Path, repository: dict[str, object], base: str) -> None:
    (tmp_path / "event.json").write_text(json.dumps({"repository": repository}))
    bump(team)
    done(team, env={"GITHUB_EVENT_PATH": str(tmp_path / "event.json")})
    assert team.gh.requests[0]["baseRefName"] == base


@pytest.mark.parametrize(
    ("task", "setting", "name", "error", "hint"),
    [
        *(
            (task, "base_branch", "stagin", "upstream has no branch stagin", "did you mean staging? ")
            for task in ("commit --pr", "--dry commit", "--dry release")
        ),
        ("commit --push", "base_branch", "main", "upstream has no branch main", ""),
        ("commit --pr", "remote", "orign", "there is no remote orign", "did you mean origin? "),
    ],
)
def test_what_is_misspelt_is_refused_before_anything_is_done(
    team: Team, task: str, setting: str, name: str, error: str, hint: str
) -> None:
    bump(team)
    before = everything(team)
    variable = f"INVOKE_HUB_{setting.upper()}"
    result = run_task(*task.split(), cwd=team.hub.path, env={variable: name})
    demand_fault(result, 1, f"{error} (hub.{setting})", f"{hint}fix {variable}, or unset it")
    assert everything(team) == before


def test_an_upstream_that_does_not_answer_is_no_base_branch_that_cannot_be_told(team: Team) -> None:
    team.hub.git("remote", "set-url", "upstream", "/nowhere.git")
    bump(team)
    error = "cannot reach the remote: '/nowhere.git' does not appear to be a git repository (upstream)"
    demand_fault(commit(team), 4, error, "git ls-remote upstream")


def theirs_and_mine(team: Team) -> None:
    team.work("hub/requirements.yaml", team.hub.read("hub/requirements.yaml") + "# theirs\n")


def another_way(team: Team) -> None:
    team.work("notes.txt")
    team.hub.put("mine.txt", "mine\n")


def two_remotes(team: Team) -> None:
    team.hub.git("remote", "rename", "origin", "robin")
    team.hub.git("remote", "add", "sam", "git@github.com:sam/hubs.git")


# What stops a pull request, and what is said.
REFUSALS = {
    "changes that would be overwritten": (
        theirs_and_mine,
        "upstream's staging changes hub/requirements.yaml, which has uncommitted changes (TOP)",
        (
            "put them aside: git stash push -- hub/requirements.yaml images/hub/Dockerfile; "
            "git pull --ff-only upstream staging; invoke bump again; then run the same command again"
        ),
    ),
    "a base branch that went another way": (
        another_way,
        "staging here has 1 commit that upstream does not have, and is 1 behind (staging)",
        "git pull --rebase --autostash upstream staging; or move your commits to another branch",
    ),
    "two remotes that could be pushed to": (
        two_remotes,
        "cannot tell which remote to push to (robin, upstream, sam)",
        "name it in invoke.yaml: hub: {remote: robin}",
    ),
}


@pytest.mark.parametrize(("prepare", "error", "hint"), REFUSALS.values(), ids=REFUSALS)
def test_it_is_refused_and_everything_stays(
    team: Team, prepare: Callable[[Team], object], error: str, hint: str
) -> None:
    prepare(team)
    bump(team)
    before = everything(team)
    demand_fault(commit(team), 1, error.replace("TOP", str(team.hub.path)), hint)
    assert everything(team) == before


def test_a_base_branch_that_went_another_way_is_rebased_from_a_merged_branch_too(team: Team) -> None:
    """The hint rebased the merged branch, and the next run said the same again."""
    team.hub.put("mine.txt", "mine\n")
    team.hub.git("switch", "--quiet", "--create", "bump-z2jh-3.3.7", "staging~")
    merged(team)
    error, hint = fault(commit(team))
    assert error == "staging here has 1 commit that upstream does not have, and is 1 behind (staging)"
    assert hint.startswith("git switch staging && git pull --rebase --autostash upstream staging; or ")
    sh("sh", "-c", hint.partition(";")[0], cwd=team.hub.path)
    bump(team)
    done(team)
    assert team.hub.subjects()[:3] == ["Move z2jh from 3.3.7 to 3.3.8", "Write mine.txt", "bump-z2jh-3.3.7 (#1)"]


def test_no_part_of_a_releases_edits_is_committed_as_if_it_were_all(team: Team) -> None:
    """Once the requirement alone was put aside, a pull request had the new base image with the old chart."""
    theirs_and_mine(team)
    bump(team)
    aside, pull, *_ = fault(commit(team))[1].split("; ")
    for words in (aside.partition(": ")[2], pull):
        team.hub.git(*shlex.split(words)[1:])
    assert run_task("bump", "--to", "3.3.8", cwd=team.hub.path).code == 0
    done(team)
    assert team.hub.git("show", "--format=%s", "--name-only").split("\n\n") == [SUBJECT, MANAGED]


def test_an_image_that_is_built_again_gets_a_branch_that_says_so(team: Team) -> None:
    team.hub.edit("hub/values.yaml", "name:\n      tag:\n", "name: 127.0.0.1:1/core/hub\n      tag: 1.0.0\n")
    done(team)
    assert team.hub.git("branch", "--show-current") == "rebuild-z2jh-3.2.1"
