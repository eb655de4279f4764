"""Clones, remotes and settings that no task can work with."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tasks.core.settings import KEYS

from ...support.cli import sh
from .scene import REFUSED, UNREACHABLE, UNUSABLE, VALUES, Bug

if TYPE_CHECKING:
    from collections.abc import Callable

    from .scene import Scene

ALL_SETTINGS = f"the settings are: {', '.join(KEYS)}"


# -- the clone and its remote


def detached(scene: Scene) -> None:
    scene.hub.git("checkout", "--quiet", "--detach")


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


def branch_taken(scene: Scene) -> None:
    scene.hub.git("switch", "--quiet", "--create", "bump-z2jh-3.3.8")
    scene.change(VALUES, "256M", "512M")
    scene.hub.git("switch", "--quiet", "main")


def something_to_push(scene: Scene) -> None:
    scene.hub.git("switch", "--quiet", "--create", "ours")
    scene.change(VALUES, "256M", "512M")


def push_rejected(scene: Scene) -> None:
    something_to_push(scene)
    hook = scene.hub.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'no releases on Fridays'\nexit 1\n")
    hook.chmod(0o755)


def no_remote(scene: Scene) -> None:
    something_to_push(scene)
    scene.hub.git("remote", "remove", "origin")


def remote_gone(scene: Scene) -> None:
    something_to_push(scene)
    scene.hub.git("remote", "set-url", "origin", str(scene.folder / "gone.git"))


def others_pushed(scene: Scene) -> None:
    something_to_push(scene)
    sh("git", "clone", "--quiet", str(scene.hub.remote), "theirs", cwd=scene.folder)
    sh("git", "commit", "--quiet", "--allow-empty", "--message=Theirs", cwd=scene.folder / "theirs")
    sh("git", "push", "--quiet", "origin", "HEAD:ours", cwd=scene.folder / "theirs")


CLONE = [
    Bug(
        "detached HEAD",
        "release --yes",
        detached,
        REFUSED,
        "HEAD is detached ({s.hub.path})",
        "git switch BRANCH",
    ),
    Bug(
        "merge under way",
        "release --yes",
        merging,
        REFUSED,
        "a merge is under way ({s.hub.path})",
        "git merge --continue, or git merge --abort",
    ),
    Bug(
        "branch without a commit",
        "commit",
        unborn,
        REFUSED,
        "the branch new has no commit yet ({s.hub.path})",
        "git commit the repository first",
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
        "this is not a git repository ({s.hub.path})",
        "change into the hub repository, or name it: --repo PATH",
    ),
    Bug(
        "the feature branch has other commits",
        "release --yes",
        branch_taken,
        REFUSED,
        "the branch bump-z2jh-3.3.8 exists already, with other commits ({s.hub.path})",
        "go on there: git switch bump-z2jh-3.3.8; or use another: --branch NAME",
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
    Bug(
        "no remote",
        "commit --push",
        no_remote,
        REFUSED,
        "there is no remote to push to (git remote)",
        "git remote add origin URL",
    ),
    Bug(
        "remote out of reach",
        "commit --push",
        remote_gone,
        UNREACHABLE,
        "the remote does not answer: ...{s.folder}/gone.git... (origin)",
        "git ls-remote origin",
    ),
    Bug(
        "somebody else pushed the branch",
        "commit --push",
        others_pushed,
        REFUSED,
        "the remote's branch ours has commits that are not here (origin)",
        "git pull --rebase origin ours; or use another branch: --branch NAME",
    ),
]


# -- the settings


def settings(text: str) -> Callable[[Scene], None]:
    return lambda scene: scene.hub.write("invoke.yaml", text)


def variable(name: str, value: str) -> Callable[[Scene], None]:
    return lambda scene: scene.env.update({name: value})


SETTINGS = [
    Bug(
        "unknown setting",
        "bump",
        settings("hub: {platfrom: linux/amd64}\n"),
        UNUSABLE,
        "there is no setting hub.platfrom (invoke.yaml)",
        ALL_SETTINGS,
    ),
    Bug(
        "unknown setting in the environment",
        "bump",
        variable("INVOKE_HUB_PLATFROM", "linux/amd64"),
        UNUSABLE,
        "there is no setting hub.platfrom (INVOKE_HUB_PLATFROM)",
        ALL_SETTINGS,
    ),
    Bug(
        "a number for a platform",
        "bump",
        settings("hub: {platform: 5}\n"),
        UNUSABLE,
        "hub.platform is 5, not a platform (invoke.yaml)",
        "write platform: linux/amd64",
    ),
    Bug(
        "a mapping for a list",
        "bump",
        settings("hub: {images: {hub: true}}\n"),
        UNUSABLE,
        "hub.images is {{'hub': True}}, not a list of names (invoke.yaml)",
        "write images: [hub]",
    ),
    Bug(
        "a word for a switch in the environment",
        "bump",
        variable("INVOKE_HUB_PUSH", "perhaps"),
        UNUSABLE,
        "hub.push is 'perhaps', not true or false (INVOKE_HUB_PUSH)",
        "mend INVOKE_HUB_PUSH, or unset it",
    ),
    Bug(
        "the settings are no mapping",
        "bump",
        settings("hub: bump\n"),
        UNUSABLE,
        "hub is not a mapping of settings (invoke.yaml)",
        "write hub: {{}}",
    ),
    Bug(
        "invoke.yaml is not YAML",
        "bump",
        settings("hub: [\n"),
        UNUSABLE,
        "the file is not YAML: line 2: expected the node content, but found '<stream end>' (invoke.yaml)",
        "mend {s.hub.path}/invoke.yaml",
    ),
]
