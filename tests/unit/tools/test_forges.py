import pytest

from tasks.tools import forges
from tasks.tools.command import Output
from tasks.tools.forges import opening_address, reached, read_remote

BRANCH = "bump-z2jh-4.4.0"
TITLE = "Move z2jh from 3.3.8 to 4.4.0"
IN_ADDRESS = "Move+z2jh+from+3.3.8+to+4.4.0"
ADDRESSES = [
    ("git@github.com:org/hubs.git", "https://github.com/org/hubs"),
    ("github.com:org/hubs", "https://github.com/org/hubs"),
    ("git@github.com-work:org/hubs.git", "https://github.com/org/hubs"),
    ("ssh://git@ssh.github.com:443/org/hubs.git", "https://github.com/org/hubs"),
    ("https://github.com/org/hubs.git", "https://github.com/org/hubs"),
    ("https://github.com/org/hubs/", "https://github.com/org/hubs"),
    ("https://GitHub.com/Org/Hubs.git", "https://github.com/Org/Hubs"),
    ("https://x-access-token:ghs_secret@github.com/org/hubs.git", "https://github.com/org/hubs"),
    ("git://github.com/org/hubs.git", "https://github.com/org/hubs"),
    ("git+ssh://git@github.com/org/hubs.git", "https://github.com/org/hubs"),
    ("ssh://git@gitlab.example.org:2222/deep/er/hubs.git", "https://gitlab.example.org/deep/er/hubs"),
    ("https://gitlab.example.org:8443/deep/er/hubs.git", "https://gitlab.example.org:8443/deep/er/hubs"),
    ("http://gitea.example:3000/org/hubs.git", "http://gitea.example:3000/org/hubs"),
    ("http://[::1]:3000/org/hubs.git", "http://[::1]:3000/org/hubs"),
    ("git@[::1]:org/hubs.git", None),
    ("/srv/git/hubs.git", None),
    ("../hubs.git", None),
    ("./odd:name", None),
    ("file:///srv/git/hubs.git", None),
    ("C:/srv/git/hubs.git", None),
    ("server:/srv/git/hubs.git", None),
    ("https://[::1", None),
    ("https://github.com:port/org/hubs.git", None),
    ("https:///org/hubs.git", None),
    ("https://github.com/", None),
    ("github.com:", None),
    ("", None),
]
MERGE_REQUEST = (
    f"-/merge_requests/new?merge_request%5Bsource_branch%5D={BRANCH}&merge_request%5Btarget_branch%5D=main"
    f"&merge_request%5Btitle%5D={IN_ADDRESS}"
)
EXPANDED = f"expand=1&title={IN_ADDRESS}"
ON_BITBUCKET = f"pull-requests/new?source={BRANCH}&dest"
TEAM, GITEA = "git@github.com:team/hubs.git", "http://gitea.example:3000"
# The repository, its fork where branches are pushed to one, and the page.
PAGES = [
    ("git@github.com:org/hubs.git", "", f"https://github.com/org/hubs/compare/main...{BRANCH}?{EXPANDED}"),
    ("octocorp@octocorp.ghe.com:org/hubs", "", f"https://octocorp.ghe.com/org/hubs/compare/main...{BRANCH}?{EXPANDED}"),
    ("https://github.example.edu/o/hubs", "", f"https://github.example.edu/o/hubs/compare/main...{BRANCH}?{EXPANDED}"),
    ("git@gitlab.com:deep/er/still/hubs.git", "", f"https://gitlab.com/deep/er/still/hubs/{MERGE_REQUEST}"),
    ("git@bitbucket.org:org/hubs.git", "", f"https://bitbucket.org/org/hubs/{ON_BITBUCKET}=main"),
    ("https://codeberg.org/org/hubs.git", "", f"https://codeberg.org/org/hubs/compare/main...{BRANCH}"),
    ("git@git.forgejo.example:org/hubs.git", "", f"https://git.forgejo.example/org/hubs/compare/main...{BRANCH}"),
    ("git@git.example.org:org/hubs.git", "", None),
    ("https://dev.azure.com/org/project/_git/hubs", "", None),
    ("https://bitbucket.example.com/scm/HUB/hubs.git", "", None),
    (TEAM, "git@github.com:robin/hubs.git", f"https://github.com/team/hubs/compare/main...robin:{BRANCH}?{EXPANDED}"),
    (
        *(TEAM, "git@github.com:robin/team-hubs.git"),
        f"https://github.com/team/hubs/compare/main...robin:team-hubs:{BRANCH}?{EXPANDED}",
    ),
    ("git@gitlab.com:team/hubs.git", "git@gitlab.com:robin/hubs.git", f"https://gitlab.com/robin/hubs/{MERGE_REQUEST}"),
    (f"{GITEA}/team/hubs.git", f"{GITEA}/robin/ours.git", f"{GITEA}/team/hubs/compare/main...robin/ours:{BRANCH}"),
    (
        *("git@bitbucket.org:team/hubs.git", "git@bitbucket.org:robin/hubs.git"),
        f"https://bitbucket.org/robin/hubs/{ON_BITBUCKET}=team/hubs::main",
    ),
    (TEAM, "git@gitlab.com:robin/hubs.git", None),
]


@pytest.mark.parametrize(("remote", "address"), ADDRESSES)
def test_a_remotes_address_on_the_web(remote: str, address: str | None) -> None:
    repository = read_remote(remote)
    assert (repository and repository.address) == address


@pytest.mark.parametrize(("remote", "fork", "page"), PAGES)
def test_the_page_for_opening_a_pull_request(remote: str, fork: str, page: str | None) -> None:
    to, start = read_remote(remote), read_remote(fork or remote)
    assert to is not None
    assert start is not None
    assert opening_address(to, start, BRANCH, "main", TITLE) == page


def test_a_branchs_name_is_quoted_in_an_address() -> None:
    repository = read_remote("git@github.com:org/hubs.git")
    assert repository is not None
    page = opening_address(repository, repository, "robin/bump#4 &more", "release/2026", "Go & see")
    compared = "release/2026...robin/bump%234%20%26more"
    assert page == f"https://github.com/org/hubs/compare/{compared}?expand=1&title=Go+%26+see"
    # What is not UTF-8, as its bytes.
    page = opening_address(repository, repository, "caf\udce9", "main", "See caf\udce9")
    assert page == "https://github.com/org/hubs/compare/main...caf%E9?expand=1&title=See+caf%E9"


@pytest.mark.parametrize(
    ("remote", "by_ssh"),
    [
        ("git@github.com:org/hubs.git", True),
        ("ssh://git@github.com/org/hubs.git", True),
        ("git+ssh://git@github.com/org/hubs.git", True),
        ("https://github.com/org/hubs.git", False),
        ("git://github.com/org/hubs.git", False),
    ],
)
def test_ssh_may_know_a_host_by_another_name(monkeypatch: pytest.MonkeyPatch, remote: str, by_ssh: bool) -> None:
    monkeypatch.setattr(forges, "capture", lambda _: Output(0, b"user git\nhostname git.example.org\n", ""))
    repository = reached(remote)
    assert repository is not None
    assert (repository.host == "git.example.org") == by_ssh
