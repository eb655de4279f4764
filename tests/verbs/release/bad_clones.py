"""Clones, remotes and settings that no task can work with."""

import shutil
from collections.abc import Callable

from tests.support.scene import REFUSED, UNREACHABLE, UNUSABLE, VALUES, Bug, Scene

# -- the clone and its remote


def merging(scene: Scene) -> None:
    scene.hub.git("switch", "--quiet", "--create", "side")
    scene.change(VALUES, "256M", "512M")
    scene.hub.git("switch", "--quiet", "main")
    scene.hub.git("merge", "--quiet", "--no-ff", "--no-commit", "side")


def unborn(scene: Scene) -> None:
    scene.hub.git("switch", "--quiet", "--orphan", "new")
    scene.hub.git("checkout", "main", "--", ".")


def no_clone(scene: Scene) -> None:
    shutil.rmtree(scene.hub.path / ".git")


def something_to_push(scene: Scene) -> None:
    scene.hub.git("switch", "--quiet", "--create", "ours")
    scene.change(VALUES, "256M", "512M")


def push_rejected(scene: Scene) -> None:
    something_to_push(scene)
    hook = scene.hub.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'no releases on Fridays'\nexit 1\n")
    hook.chmod(0o755)


CLONE = [
    Bug(
        "merge under way",
        "release --yes",
        merging,
        REFUSED,
        "a merge is under way ({s.hub.path})",
        "git merge --continue, or git merge --abort",
    ),
    Bug(
        "branch without a commit, and a build",
        "build",
        unborn,
        REFUSED,
        "the image hub has files that are not committed (chartpress.yaml, images/hub/Dockerfile, ...)",
        "invoke commit, or git commit them; its tag names the last commit",
    ),
    Bug(
        "not a git repository",
        "bump",
        no_clone,
        UNUSABLE,
        "not a git repository ({s.hub.path})",
        "change into the hub repository, or name it: --repo PATH",
    ),
    Bug(
        "push rejected",
        "commit --push",
        push_rejected,
        UNREACHABLE,
        "the remote rejected the branch ours: pre-receive hook declined (origin)",
        "ask who keeps origin why, then: git push origin ours",
        foreseen=False,
    ),
]


# -- the settings


def settings(text: str) -> Callable[[Scene], None]:
    return lambda scene: scene.hub.write("invoke.yaml", text)


SETTINGS = [
    Bug(
        "unknown setting",
        "bump",
        settings("hub: {platfrom: linux/amd64}\n"),
        UNUSABLE,
        "unknown setting hub.platfrom (invoke.yaml)",
        "did you mean hub.platform?",
    ),
    Bug(
        "invoke.yaml is not YAML",
        "bump",
        settings("hub: [\n"),
        UNUSABLE,
        "the file is not YAML: line 2: expected the node content, but found '<stream end>' (invoke.yaml)",
        "fix {s.hub.path}/invoke.yaml",
    ),
]
