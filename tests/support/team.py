"""A team that works in forks: its repository, the fork's clone, a colleague's clone, and a stand-in for gh."""

from dataclasses import dataclass
from pathlib import Path

from .cli import sh
from .gh import StandInGh
from .hubs import Hub, at, clone

# Of actions/labeler, for ``.github/labeler.yml``.
LABELER = "hub-images: ['images/**']\njupyterhub-deployment: ['hub/**']\ndocs: ['docs/**']\n"
TEAMS, FORKS = "git@github.com:team/hubs.git", "git@github.com:robin/hubs.git"


@dataclass(frozen=True)
class Team:
    """A clone of a fork (``origin``) of the team's repository (``upstream``), a colleague's clone, and GitHub."""

    hub: Hub
    colleague: Hub
    gh: StandInGh

    @property
    def base(self) -> str:
        """The commit of the team's ``staging``."""
        return self.colleague.remote_git("rev-parse", "staging")

    def work(self, name: str, text: str = "theirs\n") -> None:
        """Let the colleague change a file of the team's ``staging``."""
        self.colleague.git("pull", "--quiet", "--ff-only")
        self.colleague.write(name, text)
        self.colleague.commit(f"Change {name}")
        self.colleague.git("push", "--quiet")

    def merge(self, branch: str, *, squash: bool) -> None:
        """Merge the fork's branch into the team's ``staging``, as the button on the request's page does."""
        self.colleague.git("pull", "--quiet", "--ff-only")
        self.colleague.git("fetch", "--quiet", str(self.hub.remote), branch)
        head = self.colleague.git("rev-parse", "FETCH_HEAD")
        self.colleague.git("merge", "--quiet", *(("--squash",) if squash else ("--no-ff", "--no-commit")), head)
        self.colleague.git("commit", "--quiet", "--message", f"{branch} (#1)")
        self.colleague.git("push", "--quiet")
        self.settle(branch, "MERGED")

    def settle(self, branch: str, state: str) -> None:
        """Let the request from the branch be merged or closed."""
        told = {"state": state, "headRefOid": self.hub.remote_git("rev-parse", branch)}
        self.gh.put([one | told if one["headRefName"] == branch else one for one in self.gh.requests])


def make_team(hub: Hub, folder: Path, *, upstream: str = TEAMS, fork: str = FORKS) -> Team:
    """Make a team of a hub repository: its remote becomes a fork, and the base branch is ``staging``, beside ``prod``.

    As in a new clone of a fork, ``refs/remotes/origin/HEAD`` is missing. The stand-in is put into ``folder/gh``.
    """
    team = folder / "team.git"
    hub.git("branch", "--move", "main", "staging")
    sh("git", "clone", "--quiet", "--bare", str(hub.remote), str(team), cwd=folder)
    for remote in (team, hub.remote):
        sh("git", "branch", "--move", "main", "staging", cwd=remote)
        sh("git", "branch", "prod", "staging", cwd=remote)
    hub.git("remote", "add", "upstream", upstream)
    hub.git("config", f"url.{team}.insteadOf", upstream)
    at(hub, fork)
    hub.git("remote", "set-head", "origin", "--delete")
    hub.git("fetch", "--quiet", "--all", "--prune")
    hub.git("branch", "--quiet", "--set-upstream-to=origin/staging", "staging")
    return Team(hub, clone(team, folder / "colleague"), StandInGh.install(folder / "gh"))
