"""What stands before and after a commit: edits as the other tasks make them, and looks at git."""

import shutil
import sys
from pathlib import Path
from typing import Any

from .cli import Result, run, run_task, sh, succeed
from .hubs import Hub

BRANCH = "bump-z2jh-3.3.8"
SUBJECT = "Move z2jh from 3.2.1 to 3.3.8"
MANAGED = "hub/requirements.yaml\nimages/hub/Dockerfile"


def commit(hub: Hub, *arguments: str) -> Result:
    return run_task("commit", *arguments, cwd=hub.path)


def build(hub: Hub, *flags: str) -> Any:  # noqa: ANN401 - the JSON that it prints
    """Run ``invoke build`` in the hub, demand that it ends well, and return its report."""
    return succeed("build", "--json", *flags, cwd=hub.path).json


def chartpress(hub: Hub, folder: Path, *flags: str, below: str = ".") -> tuple[Result, Path]:
    """Run chartpress in a copy of the repository; return what it said, and the copy of the folder where it ran."""
    copy = folder / "copy"
    shutil.copytree(hub.path, copy, symlinks=True)
    done = run(sys.executable, "-m", "chartpress", *flags, cwd=copy / below)
    assert done.code == 0, done
    return done, copy / below


def move(hub: Hub, before: str = "3.2.1", after: str = "3.3.8") -> None:
    """Edit the two files as ``bump`` does."""
    hub.edit("hub/requirements.yaml", f"version: {before}", f"version: {after}")
    hub.edit("images/hub/Dockerfile", f"k8s-hub:{before}", f"k8s-hub:{after}")


def pin(hub: Hub, tag: str) -> None:
    """Edit values.yaml as ``build`` does for the first time."""
    hub.edit("hub/values.yaml", "name:\n      tag:\n", f"name: 127.0.0.1:1/core/hub\n      tag: {tag}\n")


def set_image(hub: Hub, line: str) -> None:
    """Say something of the image in chartpress.yaml."""
    hub.edit("chartpress.yaml", "        valuesPath:", f"        {line}\n        valuesPath:")


def squash(hub: Hub) -> None:
    """Merge the branch of a move into ``main`` as one commit, as a forge does that squashes."""
    hub.git("switch", "--quiet", "main")
    hub.git("merge", "--quiet", "--squash", BRANCH)
    hub.git("commit", "--quiet", "--message", "Move z2jh to 3.3.8 (#1)")


def committed_files(hub: Hub) -> str:
    """Return the files that the last commit changes, one on each line, in order."""
    return hub.git("diff-tree", "--no-commit-id", "--name-only", "-r", "HEAD", "--")


def refs(hub: Hub) -> str:
    """Return where HEAD and every ref point, in the clone (its stashes included) and in its remote."""
    return "\n".join((hub.read(".git/HEAD"), hub.git("for-each-ref"), hub.remote_git("for-each-ref")))


def add_submodule(hub: Hub, name: str, path: str) -> str:
    """Add a submodule with one file, and return its commit."""
    source = hub.path.parent / name
    sh("git", "init", "--quiet", str(source), cwd=hub.path)
    (source / "a.txt").write_text(f"{name}\n")
    sh("git", "add", "a.txt", cwd=source)
    sh("git", "commit", "--quiet", "--message=x", cwd=source)
    hub.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "--name", name, "--", str(source), path)
    hub.commit(f"Add {name}")
    return sh("git", "rev-parse", "HEAD", cwd=source)
