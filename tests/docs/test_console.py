"""Every command in the documents is typed; one that cannot be typed here is checked as far as that goes."""

from __future__ import annotations

import re
import secrets
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ..lab.cli import run_on_screen
from ..lab.machine import PROJECT
from .console import Block, Typed, blocks
from .scenes import SCENES, Around, Scene, make_scene
from .typed import refusal
from .volatile import is_shown, settled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.rehearsal.registry import Registry

    from ..lab.helm import HelmServer

BLOCKS = list(blocks())
# Where a command leaves the shell in another state, the commands below it are typed in that.
_STATE = ("cd ", "export ")


# -- what cannot be typed here


def target(command: str) -> str | None:
    """Return what is wrong with a call of make: it must name targets of the Makefile."""
    targets = re.findall(r"^([a-z-]+):.*## ", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    named = [word for word in shlex.split(command, comments=True)[1:] if "=" not in word]
    return next((f"there is no target {name}" for name in named if name not in targets), None)


def ours(command: str) -> str | None:
    """Return what Invoke's parser says against a command line of this program."""
    return refusal(command)


def others(command: str) -> str | None:
    """Return the flag that a program of others does not have, where the program is here to be asked."""
    words = shlex.split(command, comments=True)
    subcommand = [word for word in words if re.fullmatch(r"[a-z-]+", word) and not word.startswith("-")]
    if shutil.which(words[0]) is None or "another program" in _help(words[0]):
        return None
    known = next(text for text in (_help(*subcommand[:depth]) for depth in (4, 3, 2)) if "--" in text)
    flags = [word.partition("=")[0] for word in words if word.startswith("--")]
    return next((f"it has no flag {flag}" for flag in flags if flag not in known), None)


def _help(*words: str) -> str:
    asked = subprocess.run((*words, "--help"), capture_output=True, text=True, check=False, timeout=60)
    return asked.stdout if asked.returncode == 0 else ""


@dataclass(frozen=True)
class Rule:
    """Commands that are not typed.

    Attributes:
        begins: what they begin with.
        why: the reason.
        check: says what is wrong with one, or None.
    """

    begins: str
    why: str
    check: Callable[[str], str | None]


NOT_TYPED = (
    Rule("make ", "they run this very suite, take minutes, or set up the machine", target),
    Rule("pip install ", "tests/hubs installs the wheel", lambda _: None),
    Rule("gcloud ", "needs Google", others),
    Rule("kubectl ", "needs a cluster", others),
    Rule("docker buildx create --name cluster --driver kubernetes ", "needs a cluster", others),
    Rule("docker buildx inspect --bootstrap cluster", "needs a cluster", others),
    Rule("docker context create cluster --docker host=ssh:", "needs another machine", others),
    Rule("invoke build --builder cloudbuild", "needs Google; tests/builders has a stand-in for it", ours),
)


def rule_for(command: str) -> Rule | None:
    return next((rule for rule in NOT_TYPED if command.startswith(rule.begins)), None)


@pytest.mark.parametrize("rule", NOT_TYPED, ids=lambda rule: rule.begins.strip())
def test_a_rule_is_there_for_a_command_that_is_there(rule: Rule) -> None:
    assert [typed for block in BLOCKS for typed in block.typed if rule_for(typed.command) is rule]


@pytest.mark.parametrize(
    "command", [typed.command for block in BLOCKS for typed in block.typed if rule_for(typed.command)]
)
def test_a_command_that_is_not_typed_is_one_that_could_be(command: str) -> None:
    rule = rule_for(command)
    assert rule
    assert rule.check(command) is None


def test_every_scene_is_in_use() -> None:
    assert {block.scene for block in BLOCKS} == set(SCENES)


# -- what is typed


def typed_here(block: Block) -> bool:
    return any(rule_for(typed.command) is None for typed in block.typed)


@pytest.fixture
def around(registry: Registry, mirror: str, helm_repository: HelmServer, installed: Path) -> Around:
    return Around(registry.address, mirror, helm_repository.url, installed)


@pytest.mark.engine
@pytest.mark.parametrize(
    "block",
    [
        pytest.param(block, marks=[pytest.mark.gcloud] if block.scene == "google" else [], id=str(block))
        for block in BLOCKS
        if typed_here(block)
    ],
)
def test_what_the_document_shows_is_what_comes_out(block: Block, around: Around, tmp_path: Path) -> None:
    scene = make_scene(block.scene, tmp_path / secrets.token_hex(4), around)
    state: list[str] = []
    for typed in block.typed:
        if rule_for(typed.command) is None:
            _type(typed, scene, state)
        if typed.command.startswith(_STATE):
            state.append(typed.command)


def _type(typed: Typed, scene: Scene, state: list[str]) -> None:
    before = "".join(f"{line.partition('  #')[0]} && " for line in state)
    shell = ("bash", "--noprofile", "--norc", "-c", before + typed.command)
    came = run_on_screen(*shell, cwd=scene.cwd, env=scene.env)
    said = scene.as_documented(came.out)
    is_fault = "hint: " in typed.shown or "FAULT" in typed.shown
    assert (came.code != 0) == is_fault, f"{typed.command}\n{said}"
    if typed.shown:
        assert is_shown(typed.shown, said), f"$ {typed.command}\n{settled(said)}"
