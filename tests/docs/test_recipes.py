"""The recipes of docs/ci: they are valid, ask for little, and their shell does what it says."""

import json
import os
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tasks.tools.process import find
from tests.support import machine
from tests.support.cli import HUBPRESS, Result, run, sh
from tests.support.gh import StandInGh
from tests.support.hubs import ON_GITHUB, Hub, at
from tests.support.machine import PROJECT
from tests.support.processes import write_program
from tests.support.steps import BRANCH
from tests.support.team import LABELER

# -- a job's shell steps, run as GitHub's runner runs them; what other actions would do is left out


_EXPRESSION = re.compile(r"\$\{\{ (.+?) \}\}")
_CONDITION = re.compile(r"([\w.]+) == '([^']*)'")
SHELL = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")


@dataclass
class Job:
    workflow: dict[str, Any]
    name: str
    known: dict[str, str]
    folder: Path
    ran: list[str] = field(default_factory=list)

    def run(self, work_tree: Path) -> Result:
        """Run the job's shell steps in ``work_tree`` until one fails; return the last one's result."""
        result = Result(0, "", "")
        for number, step in enumerate(self.workflow["jobs"][self.name]["steps"]):
            if result.code == 0 and "run" in step and self._wanted(step):
                self.ran.append(step["name"])
                result = self._run(step, work_tree, self.folder / f"{self.name}-{number}")
        return result

    def _wanted(self, step: dict[str, Any]) -> bool:
        if "if" not in step:
            return True
        found = _CONDITION.fullmatch(step["if"])
        assert found, f"this runner does not know {step['if']!r}"
        return self.known.get(found[1], "") == found[2]

    def _run(self, step: dict[str, Any], work_tree: Path, output: Path) -> Result:
        given = {
            **self.workflow.get("env", {}),
            **self.workflow["jobs"][self.name].get("env", {}),
            **step.get("env", {}),
        }
        env = {name: self._meant(str(value)) for name, value in given.items()}
        event = self.folder / "event.json"
        event.write_text(json.dumps({"repository": {"full_name": "org/hubs", "default_branch": "main", "fork": False}}))
        files = {"OUTPUT": str(output), "STEP_SUMMARY": f"{output}.md", "EVENT_PATH": str(event)}
        github = {**files, "ACTIONS": "true", "EVENT_NAME": self.known["github.event_name"]}
        runners = {"CI": "true", **{f"GITHUB_{name}": value for name, value in github.items()}}
        result = run(*SHELL, self._meant(step["run"]), cwd=work_tree, env={**os.environ, **env, **runners})
        lines = output.read_text().splitlines() if output.exists() else []
        for name, _, value in (line.partition("=") for line in lines):
            self.known[f"steps.{step.get('id')}.outputs.{name}"] = value
        return result

    def _meant(self, text: str) -> str:
        return _EXPRESSION.sub(lambda found: self.known[found[1]], text)


def read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    return content


RECIPES = PROJECT / "docs" / "ci"
WORKFLOWS = sorted(RECIPES.glob("github-*.yml"))
OURS = PROJECT / ".github/workflows/ci.yaml"
SCHEMAS = {
    "vendor.github-workflows": (*WORKFLOWS, OURS),
    "vendor.gitlab-ci --data-transform gitlab-ci": (RECIPES / "gitlab-ci.yml",),
    "vendor.renovate": sorted(RECIPES.glob("renovate*.json")),
    "vendor.dependabot": (RECIPES / "dependabot.yml",),
}
# What a job may do besides reading the repository, and what for.
GRANTED = {
    "github-release.yml": {"release": {"contents": "write", "id-token": "write", "pull-requests": "write"}},
    "github-check.yml": {"files": {"contents": "read"}, "world": {"contents": "read", "id-token": "write"}},
    "github-follow-up.yml": {"follow-up": {"contents": "write", "id-token": "write"}},
}
ADDRESS = "git+https://git.example.org/hub-team/hubpress@v0.1.0"
KNOWN = {"inputs.version": "", "github.token": "a-token", "github.event_name": "schedule", "vars.HUBPRESS": ADDRESS}


# -- what they are


@pytest.mark.parametrize(("schema", "files"), SCHEMAS.items(), ids=SCHEMAS)
def test_a_recipe_fits_its_schema(schema: str, files: Sequence[Path]) -> None:
    argv = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", *schema.split(), *map(str, files))
    sh(*argv, cwd=PROJECT)


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_grants_no_more_than_its_jobs_need(file: Path) -> None:
    workflow = read(file)
    assert workflow["permissions"] == {}
    assert {name: job["permissions"] for name, job in workflow["jobs"].items()} == GRANTED[file.name]
    assert all(job["timeout-minutes"] <= 60 for job in workflow["jobs"].values())
    assert "concurrency" in workflow
    for job in workflow["jobs"].values():
        # No checkout keeps the token: the step that pushes is given it.
        given = [step["run"].partition("\n")[0] for step in job["steps"] if "github.token" in str(step)]
        assert given == ["gh auth setup-git"] * (job["permissions"]["contents"] == "write")


def test_our_own_workflow_reads_the_repository_and_runs_on_each_python() -> None:
    workflow = read(OURS)
    assert workflow["permissions"] == {}
    assert [job["permissions"] for job in workflow["jobs"].values()] == [{"contents": "read"}] * len(workflow["jobs"])
    assert "concurrency" in workflow
    classifiers = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', (PROJECT / "pyproject.toml").read_text())
    assert workflow["jobs"]["python"]["strategy"]["matrix"]["python"] == classifiers


def test_one_action_is_pinned_to_one_commit_everywhere() -> None:
    pages = [*WORKFLOWS, OURS, PROJECT / "docs" / "ci.md"]
    uses = {line for file in pages for line in re.findall(r"uses: (.+)", file.read_text())}
    assert [line for line in uses if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []
    assert len(uses) == len({line.partition("@")[0] for line in uses})


def test_zizmor_finds_nothing_in_the_workflows() -> None:
    """It looks for what an attacker could use: https://docs.zizmor.sh/audits/."""
    zizmor = find("zizmor")
    if zizmor is None and sys.version_info < (3, 11):
        pytest.skip("zizmor needs Python 3.11")
    machine.demand(None if zizmor else "zizmor is missing: pip install zizmor")
    files = map(str, (*WORKFLOWS, OURS, RECIPES / "dependabot.yml"))
    sh(str(zizmor), "--offline", "--persona=auditor", "--min-severity=low", *files, cwd=PROJECT)


@pytest.mark.parametrize("script", sorted(RECIPES.glob("*.sh")), ids=lambda file: file.name)
def test_a_script_is_bash_that_stops_at_the_first_fault(script: Path) -> None:
    assert script.read_text().startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in script.read_text()
    assert os.access(script, os.X_OK)
    sh("bash", "-n", str(script), cwd=PROJECT)


def test_the_page_links_every_recipe() -> None:
    page = (PROJECT / "docs" / "ci.md").read_text(encoding="utf-8")
    assert [file.name for file in sorted(RECIPES.iterdir()) if f"](ci/{file.name})" not in page] == []


# -- what they do


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The first folder on PATH: hubpress from this checkout, stand-ins for gh and for what would install hubpress."""
    folder = tmp_path / "path"
    StandInGh.install(folder)
    write_program(folder, "hubpress", f'PYTHONPATH={PROJECT} exec {shlex.join(HUBPRESS)} "$@"')
    write_program(folder, "pipx", f'echo "$*" >> {folder}/pipx.calls')
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    (tmp_path / "gitconfig").write_text("[user]\nname = hubpress\nemail = hubpress@hub.example\n")
    return folder


@pytest.fixture
def gh(path: Path) -> StandInGh:
    return StandInGh(path)


def cloned(hub: Hub, folder: Path) -> Hub:
    """Check the hub's remote out afresh, as actions/checkout does: with all branches, and without ``origin/HEAD``."""
    clone = Hub(folder, hub.remote)
    folder.mkdir()
    clone.git("init", "--quiet", "--initial-branch=checkout")
    clone.git("remote", "add", "origin", ON_GITHUB)
    at(clone, ON_GITHUB)
    clone.git("fetch", "--quiet", "--prune", "origin", "+refs/heads/*:refs/remotes/origin/*")
    clone.git("checkout", "--quiet", "--force", "-B", "main", "refs/remotes/origin/main")
    return clone


def job(workflow: str, name: str, folder: Path, **known: str) -> Job:
    folder.mkdir(exist_ok=True)
    return Job(read(RECIPES / workflow), name, {**KNOWN, **known}, folder)


def test_the_release_stops_where_there_is_nothing_newer(hub: Hub, path: Path, tmp_path: Path) -> None:
    release = job("github-release.yml", "release", tmp_path / "run", **{"inputs.version": "3.2.1"})
    done = release.run(hub.path)
    assert done.code == 0, done
    assert release.ran == ["Install hubpress", "Look for a release", "Go on with the branch of an earlier run"]
    assert (path / "pipx.calls").read_text() == f"install {ADDRESS}\n"


@pytest.mark.parametrize(("workflow", "name"), [(file, name) for file in GRANTED for name in GRANTED[file]])
def test_a_workflow_that_is_not_told_where_to_install_from_stops(
    workflow: str, name: str, hub: Hub, path: Path, tmp_path: Path
) -> None:
    """A name alone would be looked up in a package index that is not ours."""
    stopped = job(workflow, name, tmp_path / "run", **{"vars.HUBPRESS": ""})
    done = stopped.run(hub.path)
    assert (done.code, stopped.ran) == (1, ["Install hubpress"])
    assert done.err.endswith("HUBPRESS: set the variable HUBPRESS to the address to install from\n")
    assert not (path / "pipx.calls").exists()


@pytest.mark.usefixtures("path")
def test_the_check_fails_a_pull_request_that_forgot_the_dockerfile(hub: Hub, tmp_path: Path) -> None:
    hub.change("hub/requirements.yaml", "3.2.1", "3.3.8")
    hub.git("switch", "--quiet", "--detach")
    check = job("github-check.yml", "files", tmp_path / "run")
    done = check.run(hub.path)
    assert (done.code, check.ran) == (1, ["Install hubpress", "Check files and git"])
    assert "images/hub/Dockerfile" in done.out
    assert "base-not-of-release" in done.out


@pytest.mark.usefixtures("path")
def test_renovates_task_moves_the_base_image_along_with_the_chart(hub: Hub) -> None:
    (rule, _) = read(RECIPES / "renovate-self-hosted.json")["packageRules"]
    (command,) = rule["postUpgradeTasks"]["commands"]
    hub.edit("hub/requirements.yaml", "3.2.1", "3.3.8")
    sh("sh", "-c", command.replace("{{{newVersion}}}", "3.3.8"), cwd=hub.path)
    assert hub.git("diff", "--name-only").splitlines() == ["hub/requirements.yaml", "images/hub/Dockerfile"]
    allowed = re.search(r"allowedCommands: \['(.+?)'\]", (PROJECT / "docs" / "ci.md").read_text(encoding="utf-8"))
    assert allowed
    assert re.search(allowed[1], command.replace("{{{newVersion}}}", "3.3.8"))
    assert not re.search(allowed[1], "hubpress bump --to 3.3.8; rm -rf /")


# -- with an engine and a registry


@pytest.fixture
def real_hub(github_hub: Hub) -> Hub:
    """The same, whose images a registry really takes, and which labels pull requests by their files."""
    github_hub.put(".github/labeler.yml", LABELER)
    github_hub.git("push", "--quiet")
    return github_hub


@pytest.mark.engine
def test_the_scheduled_release_opens_one_pull_request_and_the_next_run_finds_it(
    real_hub: Hub, gh: StandInGh, tmp_path: Path
) -> None:
    first = job("github-release.yml", "release", tmp_path / "first")
    done = first.run(cloned(real_hub, tmp_path / "monday").path)
    assert done.code == 0, done
    assert first.known["steps.release.outputs.branch"] == BRANCH
    assert first.known["steps.release.outputs.pull_request"] == "https://github.com/org/hubs/pull/1"
    assert first.known["steps.release.outputs.digest"].startswith("sha256:")
    assert gh.requests[0]["labels"] == [{"name": "hub-images"}, {"name": "jupyterhub-deployment"}]
    second = job("github-release.yml", "release", tmp_path / "second")
    again = second.run(cloned(real_hub, tmp_path / "tuesday").path)
    assert again.code == 0, again
    assert (
        "Nothing to do.\nNext steps:\n- Wait for the review and the merge of https://github.com/org/hubs/pull/1\n"
        in again.err
    )
    assert second.known["steps.release.outputs.changed"] == "false"
    assert gh.changes == ["create", "label"]
    for name, verdict in (("files", "Files and git are consistent."), ("world", "No faults, 1 warning.")):
        checkout = cloned(real_hub, tmp_path / name)
        checkout.git("switch", "--quiet", "--detach", f"origin/{BRANCH}")
        checked = job("github-check.yml", name, tmp_path / "check").run(checkout.path)
        assert (checked.code, checked.out.splitlines()[-1]) == (0, verdict), checked


@pytest.mark.engine
@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    ("written", "base"),
    [
        pytest.param("3.3.7", "3.3.7", id="a release that is not the newest"),
        pytest.param("3.3.8", "3.3.8", id="the newest release"),
        pytest.param("~3.3.0", "3.3.8", id="a range"),
        pytest.param("'>=3.2 <4'", "3.3.8", id="a range that allows the old release too"),
    ],
)
def test_a_bots_branch_is_completed(written: str, base: str, real_hub: Hub, tmp_path: Path) -> None:
    bots = cloned(real_hub, tmp_path / "clone")
    bots.git("switch", "--quiet", "--create", "renovate/z2jh")
    bots.edit("hub/requirements.yaml", "3.2.1", written)
    bots.commit("Update Helm release jupyterhub")
    bots.git("push", "--quiet", "--set-upstream", "origin", "renovate/z2jh")
    done = job("github-follow-up.yml", "follow-up", tmp_path / "run").run(bots.path)
    assert done.code == 0, done
    assert f"k8s-hub:{base}\n" in bots.remote_git("show", "renovate/z2jh:images/hub/Dockerfile")
    assert f"    version: {written}\n" in bots.remote_git("show", "renovate/z2jh:hub/requirements.yaml")
    assert bots.remote_git("rev-parse", "renovate/z2jh") == bots.git("rev-parse", "HEAD")
    assert run("hubpress", "check", cwd=bots.path).code == 0


@dataclass(frozen=True)
class Cron:
    """A clone that cron releases in, by the line of docs/ci.md."""

    hub: Hub

    @classmethod
    def set_up(cls, hub: Hub, folder: Path) -> "Cron":
        clone = cloned(hub, folder)
        (clone.path / "ci").mkdir()
        (clone.path / "ci" / "release.sh").symlink_to(RECIPES / "release.sh")
        return cls(clone)

    def run(self) -> Result:
        line = re.search(r"^17 6 \* \* 1-5 (.+)$", (PROJECT / "docs" / "ci.md").read_text("utf-8"), re.MULTILINE)
        assert line
        return run("sh", "-c", line[1].replace("/srv/hubs", str(self.hub.path)), cwd=self.hub.path.parent)

    def release(self) -> tuple[str, str]:
        """Run the line, demand that it ends well, and return the branch, and what was done with its pull request."""
        done = self.run()
        assert done.code == 0, done
        return done.json["branch"], done.json["pull_request"]["status"]


def squashed(hub: Hub, folder: Path) -> Hub:
    """Merge the release's branch as one commit, as a forge does, and return the clone where that was done."""
    reviewer = cloned(hub, folder)
    reviewer.git("merge", "--quiet", "--squash", f"origin/{BRANCH}")
    reviewer.commit("Move z2jh")
    reviewer.git("push", "--quiet", "origin", "main")
    return reviewer


@pytest.mark.engine
def test_the_cron_line_and_its_script(real_hub: Hub, gh: StandInGh, tmp_path: Path) -> None:
    cron = Cron.set_up(real_hub, tmp_path / "hubs")
    assert [cron.release(), cron.release()] == [(BRANCH, "created"), (BRANCH, "present")]
    squashed(real_hub, tmp_path / "reviewer")
    done = cron.run()
    assert (done.code, done.json["files"]) == (0, []), done
    assert gh.changes == ["create"]


@pytest.mark.engine
@pytest.mark.usefixtures("path")
def test_after_a_revert_the_schedule_goes_on_with_the_branch_that_has_a_number(real_hub: Hub, tmp_path: Path) -> None:
    """Cron and the workflow, while the branch that was merged stays at the remote."""
    cron = Cron.set_up(real_hub, tmp_path / "hubs")
    assert cron.release() == (BRANCH, "created")
    reviewer = squashed(real_hub, tmp_path / "reviewer")
    reviewer.git("revert", "--no-edit", "HEAD")
    reviewer.git("push", "--quiet", "origin", "main")
    assert [cron.release(), cron.release()] == [(f"{BRANCH}-2", "created"), (f"{BRANCH}-2", "present")]
    before = real_hub.remote_git("for-each-ref")
    workflow = job("github-release.yml", "release", tmp_path / "run")
    done = workflow.run(cloned(real_hub, tmp_path / "checkout").path)
    assert done.code == 0, done
    assert workflow.known["steps.release.outputs.branch"] == f"{BRANCH}-2"
    assert real_hub.remote_git("for-each-ref") == before


@pytest.mark.engine
@pytest.mark.usefixtures("path")
def test_cron_takes_a_branch_as_it_was_rebased_on_the_forge(real_hub: Hub, tmp_path: Path) -> None:
    cron = Cron.set_up(real_hub, tmp_path / "hubs")
    assert cron.release() == (BRANCH, "created")
    real_hub.put("notes", "Tuesday\n")
    real_hub.git("push", "--quiet")
    forge = cloned(real_hub, tmp_path / "forge")
    forge.git("switch", "--quiet", BRANCH)
    forge.git("rebase", "--quiet", "main")
    forge.git("push", "--quiet", "--force", "origin", BRANCH)
    rebased = forge.git("rev-parse", "HEAD")
    # The image gets the tag of the rebased commit, once.
    assert [cron.release(), cron.release()] == [(BRANCH, "updated"), (BRANCH, "present")]
    tag = real_hub.remote_git("rev-parse", "--short", f"{BRANCH}~2")
    added = real_hub.remote_git("log", "--pretty=%s", f"{rebased}..{BRANCH}")
    assert re.fullmatch(rf"Use hub image 0\.0\.1-0\.dev\.git\.\d+\.h{tag}", added)


@pytest.mark.engine
def test_cron_goes_on_after_a_build_that_failed(real_hub: Hub, path: Path, tmp_path: Path) -> None:
    cron = Cron.set_up(real_hub, tmp_path / "hubs")
    fails = 'case "$*" in *bake*) echo "ERROR: no space left on device" >&2; exit 1 ;; esac'
    docker = write_program(path, "docker", f'{fails}\nexec {find("docker")} "$@"')
    assert cron.run().code == 3
    first = cron.hub.git("rev-parse", BRANCH)
    docker.unlink()
    assert cron.release() == (BRANCH, "created")
    assert real_hub.remote_git("rev-list", "--reverse", f"main..{BRANCH}").split()[0] == first


@pytest.mark.engine
@pytest.mark.parametrize("branch_stays", [True, False], ids=["its branch stays", "its branch is deleted"])
def test_the_schedule_opens_no_other_pull_request_after_one_that_was_closed(
    branch_stays: bool, real_hub: Hub, gh: StandInGh, tmp_path: Path
) -> None:
    cron = Cron.set_up(real_hub, tmp_path / "hubs")
    assert cron.release() == (BRANCH, "created")
    (ours,) = gh.requests
    # One from a fork is another team's.
    fork = {"number": 2, "isCrossRepository": True, "headRepositoryOwner": {"login": "sam"}}
    gh.put([{**ours, "state": "CLOSED"}, {**ours, **fork}])
    if not branch_stays:
        real_hub.remote_git("branch", "--quiet", "--delete", "--force", BRANCH)
    left = cron.run()
    assert (left.code, left.json["chart"]["after"]) == (0, "3.3.8"), left
    said = left.err.splitlines()[-1]
    assert said == f"The pull request of {BRANCH} was closed: reopen it, or run hubpress release --pr"
    checkout = cloned(real_hub, tmp_path / "checkout")
    left = job("github-release.yml", "release", tmp_path / "run").run(checkout.path)
    notice = f"::notice::The pull request of {BRANCH} was closed: reopen it, or start this workflow manually\n"
    assert (left.code, left.out, gh.changes) == (0, notice, ["create"])
    checkout.git("switch", "--quiet", "main")
    started = job("github-release.yml", "release", tmp_path / "run", **{"github.event_name": "workflow_dispatch"})
    done = started.run(checkout.path)
    assert done.code == 0, done
    assert started.known["steps.release.outputs.pull_request"] == "https://github.com/org/hubs/pull/3"
    first, _, third = gh.requests
    gh.put([{**first, "state": "OPEN"}, {**third, "state": "CLOSED"}])
    assert cron.release()[0] == BRANCH
    assert gh.changes.count("create") == len(gh.requests)


@dataclass(frozen=True)
class StandInGitLab:
    """A STAND-IN for curl that asks GitLab: it keeps merge requests in a file, and writes down what it was sent."""

    folder: Path

    def install(self) -> None:
        script = """case "$*" in
            *username=sam*/users) echo '[{{"id": 41}}]' ;;
            */users) echo "[]" ;;
            *--get*) cat {0}/open 2>/dev/null || echo "[]" ;;
            *) echo "$*" >> {0}/sent.argv; cat > {0}/sent
               now='iid: 7, source_project_id: 7, state: "opened", labels: (.labels // .add_labels | split(","))'
               jq --compact-output "[. + {{$now}}]" {0}/sent > {0}/open
               echo '{{"web_url": "https://gitlab.example/7"}}' ;;
        esac"""
        write_program(self.folder, "curl", script.format(self.folder))

    @property
    def addresses(self) -> list[str]:
        """Where it was sent something, with the method where that is not POST."""
        file = self.folder / "sent.argv"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line.partition("--data @- ")[2] for line in lines]

    @property
    def sent(self) -> dict[str, object]:
        """What it was sent last."""
        content: dict[str, object] = json.loads((self.folder / "sent").read_text())
        return content

    def tick(self) -> None:
        """Tick every box of the merge request, as its reviewers do."""
        request = (self.folder / "open").read_text()
        (self.folder / "open").write_text(request.replace("- [ ] ", "- [x] "))

    def keep(self, *requests: dict[str, object]) -> None:
        """Let it have these merge requests, the newest first, with the text of the one that it has."""
        (first, *_) = json.loads((self.folder / "open").read_text())
        (self.folder / "open").write_text(json.dumps([{**first, "source_project_id": 7, **one} for one in requests]))


GITLAB = {
    "CI_DEFAULT_BRANCH": "main",
    "CI_SERVER_HOST": "gitlab.example",
    "CI_SERVER_PROTOCOL": "https",
    "CI_PROJECT_PATH": "org/hubs",
    "CI_PROJECT_ID": "7",
    "CI_API_V4_URL": "https://gitlab.example/api/v4",
    "HUB_TOKEN": "t0ken",
    "INVOKE_HUB_BASE_BRANCH": "main",
    "HUBPRESS": ADDRESS,
}
REQUESTS = "https://gitlab.example/api/v4/projects/7/merge_requests"


@pytest.fixture
def gitlab(path: Path) -> StandInGitLab:
    stand_in = StandInGitLab(path)
    stand_in.install()
    return stand_in


def merge_request(folder: Path, **request: object) -> Result:
    """Run merge-request.sh on a release's report."""
    told = {"base": "main", "title": "Move z2jh", "body": "- [ ] Look at it\n", "labels": ["hub", "z2jh"], **request}
    told = {"reviewers": ["sam", "nobody"], **told}
    (folder / "release.json").write_text(json.dumps({"branch": BRANCH, "pull_request": told}))
    return run(str(RECIPES / "merge-request.sh"), "release.json", cwd=folder, env=GITLAB)


def test_gitlabs_merge_request_is_opened_once_then_updated_where_it_differs(
    gitlab: StandInGitLab, tmp_path: Path
) -> None:
    opened = merge_request(tmp_path, title="Move z2jh to 1")
    assert (opened.out, opened.err) == (
        "https://gitlab.example/7\n",
        "warning: GitLab has no user nobody (hub.reviewers)\n",
    )
    assert gitlab.sent["source_branch"] == BRANCH
    assert (gitlab.sent["target_branch"], gitlab.sent["title"]) == ("main", "Move z2jh to 1")
    assert (gitlab.sent["labels"], gitlab.sent["reviewer_ids"]) == ("hub,z2jh", [41])
    gitlab.tick()
    assert merge_request(tmp_path, title="Move z2jh to 1").out == ""
    assert gitlab.addresses == [REQUESTS]
    assert merge_request(tmp_path, title="Move z2jh to 2").code == 0
    text = {"title": "Move z2jh to 2", "description": "- [ ] Look at it\n"}
    assert gitlab.sent == {**text, "add_labels": "hub,z2jh"}
    assert merge_request(tmp_path, title="Move z2jh to 2", labels=["hub", "new"]).code == 0
    assert gitlab.sent == {**text, "add_labels": "hub,new"}
    assert gitlab.addresses == [REQUESTS, *[f"--request PUT {REQUESTS}/7"] * 2]


def test_gitlabs_merge_request_that_was_closed_is_left(gitlab: StandInGitLab, tmp_path: Path) -> None:
    assert merge_request(tmp_path).code == 0
    fork: dict[str, object] = {"source_project_id": 8, "state": "opened"}
    gitlab.keep(fork, {"state": "closed"}, {"state": "merged"})
    left = merge_request(tmp_path)
    assert (left.code, left.out) == (0, "")
    assert left.err == f"The merge request of {BRANCH} was closed: to go on, reopen it\n"
    gitlab.keep({"state": "closed"}, {"state": "opened", "iid": 6})
    assert merge_request(tmp_path, title="Move it").code == 0
    gitlab.keep(fork, {"state": "merged"}, {"state": "closed"})
    assert merge_request(tmp_path).code == 0
    assert gitlab.addresses == [REQUESTS, f"--request PUT {REQUESTS}/6", REQUESTS]


@pytest.mark.engine
def test_gitlabs_jobs(real_hub: Hub, path: Path, gitlab: StandInGitLab, tmp_path: Path) -> None:
    write_program(path, "apk", "true")
    recipe = read(RECIPES / "gitlab-ci.yml")
    clone = cloned(real_hub, tmp_path / "clone")
    (clone.path / "ci").symlink_to(RECIPES)
    clone.git("config", f"url.{real_hub.remote}.insteadOf", "https://oauth2:t0ken@gitlab.example/org/hubs.git")
    clone.git("switch", "--quiet", "--detach")
    clone.git("remote", "set-head", "origin", "--delete")
    lines = [line for line in recipe[".hubpress"]["before_script"] if "docker login" not in line]
    script = "\n".join((*lines, *recipe["hub-image"]["script"]))
    done = run("bash", "-eo", "pipefail", "-c", script, cwd=clone.path, env=GITLAB)
    assert done.code == 0, done
    assert gitlab.addresses == [REQUESTS]
    assert gitlab.sent["title"] == "Move z2jh from 3.2.1 to 3.3.8"
    assert str(gitlab.sent["description"]).startswith("### What moved\n")
    checked = run("bash", "-eo", "pipefail", "-c", "\n".join(recipe["hub-check"]["script"]), cwd=clone.path, env=GITLAB)
    said = checked.out.splitlines()
    assert (said[0], said[-1]) == ("Files and git are consistent.", "No faults, 1 warning.")
