"""A release asks who is signed in, the Helm repository and the git remote at once: none waits for another's answer."""

from __future__ import annotations

import os
import shutil
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from tests.support.logins import use_helper, write_program

from ...support.cli import run_task
from ...support.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ...support.hubs import Hub

HOST = "us-central1-docker.pkg.dev"
ASKED = ("helper", "index", "remote")
PATIENCE = 30
# ``meet NAME`` says that NAME is asked, and ends once as many are as ``$COUNT`` says.
MEET = f"""\
meet() {{
    touch "$MEETING/$1.asked"
    for _ in $(seq {PATIENCE * 20}); do
        if test "$(ls "$MEETING" | grep -c '[.]asked$')" = "$COUNT"; then touch "$MEETING/$1.met"; return; fi
        sleep 0.05
    done
}}
"""


def meet(folder: Path, name: str) -> None:
    """Do in Python what the shell's ``meet`` does."""
    (folder / f"{name}.asked").touch()
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and len(list(folder.glob("*.asked"))) < len(ASKED):
        time.sleep(0.05)
    if len(list(folder.glob("*.asked"))) == len(ASKED):
        (folder / f"{name}.met").touch()


@pytest.fixture
def meeting(tmp_path: Path) -> Path:
    """The folder in which those who are asked say so."""
    folder = tmp_path / "meeting"
    folder.mkdir()
    return folder


@pytest.fixture
def charts(chart_folder: Path, meeting: Path) -> Iterator[str]:
    """A chart repository that waits for the two others before it gives its index away."""

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/index.yaml":
                meet(meeting, "index")
            super().do_GET()

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(chart_folder)))
    with server, serving(server):
        yield f"http://127.0.0.1:{server.server_port}/"


def first_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meeting: Path, count: int) -> Path:
    """Return a folder for programs that ``count`` of them meet in before the real ones answer."""
    programs = tmp_path / "path"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    monkeypatch.setenv("MEETING", str(meeting))
    monkeypatch.setenv("COUNT", str(count))
    return programs


def test_the_sign_in_the_helm_repository_and_the_remote_are_asked_side_by_side(
    hub: Hub, charts: str, meeting: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.write(
        "hub/requirements.yaml", f"dependencies:\n- {{name: jupyterhub, version: 3.2.1, repository: '{charts}'}}\n"
    )
    hub.write("chartpress.yaml", hub.read("chartpress.yaml").replace("127.0.0.1:1", HOST))
    hub.commit("Push to Google's registry")
    programs = first_on_path(tmp_path, monkeypatch, meeting, len(ASKED))
    answer = '{"Username": "robin", "Secret": "token"}'
    write_program(programs, "docker-credential-slow", f"{MEET}cat >/dev/null\nmeet helper\necho '{answer}'\n")
    git = f'{MEET}case "$*" in *ls-remote*--*) meet remote ;; esac\nexec {shutil.which("git")} "$@"\n'
    write_program(programs, "git", git)
    use_helper(HOST, "slow")
    run_task("--dry", "release", "--push", cwd=hub.path)
    assert sorted(path.name for path in meeting.glob("*.met")) == [f"{name}.met" for name in ASKED]


def test_the_builder_answers_while_the_commit_is_planned(
    hub: Hub, meeting: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = first_on_path(tmp_path, monkeypatch, meeting, 2)
    git = f'{MEET}case "$*" in *check-ref-format*) meet commit ;; esac\nexec {shutil.which("git")} "$@"\n'
    write_program(programs, "git", git)
    write_program(programs, "docker", f'{MEET}case "$*" in "buildx inspect"*) meet builder ;; esac\nexit 1\n')
    run_task("--dry", "release", cwd=hub.path)
    assert sorted(path.name for path in meeting.glob("*.met")) == ["builder.met", "commit.met"]
