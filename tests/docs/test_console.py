"""Every command in the documents is typed; one that cannot be typed here is checked as far as that goes."""

import re
import secrets
import shlex
from pathlib import Path

import pytest

from tests.support.cli import refusal, run_on_screen
from tests.support.machine import PROJECT

from .console import Block, Typed, blocks, pages, settled, shows, spans
from .scenes import SCENES, Scene, make_scene

BLOCKS = list(blocks())
# Where a command leaves the shell in another state, the commands below it are typed in that.
_STATE = ("cd ", "export ")


# -- what cannot be typed here, and what stands in the text


def target(command: str) -> str | None:
    """Return what is wrong with a call of make: it must name targets of the Makefile."""
    targets = re.findall(r"^([a-z-]+):.*## ", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    named = [word for word in shlex.split(command, comments=True)[1:] if "=" not in word]
    return next((f"there is no target {name}" for name in named if name not in targets), None)


CHECKS = {"hubpress": refusal, "invoke": refusal, "make": target}
# What is not typed, by its beginning: it runs this very suite or sets up the machine, has its test in
# tests/verbs/program, or needs Google, a cluster or another machine.
NOT_TYPED = (
    *("make ", "hubpress build --builder cloudbuild", "pipx install ", "uv tool install ", "gcloud ", "kubectl "),
    *("docker buildx create --name cluster --driver kubernetes ", "docker buildx inspect --bootstrap cluster"),
    *("docker buildx rm cluster", "docker context create cluster --docker host=ssh:"),
)
COMMANDS = [(block.page, typed.command) for block in BLOCKS for typed in block.typed]


@pytest.mark.parametrize("beginning", NOT_TYPED)
def test_what_is_not_typed_is_there(beginning: str) -> None:
    assert [command for _, command in COMMANDS if command.startswith(beginning)]


def test_every_scene_is_in_use() -> None:
    assert {block.scene for block in BLOCKS} == set(SCENES)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(PROJECT).as_posix())
def test_a_command_in_the_text_or_not_typed_is_one_that_could_be(page: Path) -> None:
    name = page.relative_to(PROJECT).as_posix()
    named = [span for span in spans(page) if " " in span]
    named += [command for where, command in COMMANDS if where == name and command.startswith(NOT_TYPED)]
    checked = ((one, CHECKS[word](one)) for one in named if (word := one.partition(" ")[0]) in CHECKS)
    assert {one: wrong for one, wrong in checked if wrong} == {}


@pytest.mark.parametrize("page", sorted((PROJECT / "docs" / "tasks").glob("*.md")), ids=lambda page: page.stem)
def test_a_tasks_page_says_what_it_reads_writes_and_reaches_out_to_and_names_its_own_flags(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {page.stem}\n")
    assert "\n| reads | writes | reaches out to |\n" in text
    assert [block for block in BLOCKS if block.page.endswith(f"tasks/{page.name}") and block.typed[0].shown]
    flags = [span for span in spans(page) if span.startswith("--")]
    assert {flag: wrong for flag in flags if (wrong := refusal(f"hubpress {page.stem} {flag}"))} == {}


_MARKS = {"google": pytest.mark.gcloud, "signing": pytest.mark.cosign}


@pytest.mark.engine
@pytest.mark.parametrize(
    "block",
    [
        pytest.param(block, marks=[_MARKS[block.scene]] if block.scene in _MARKS else [], id=str(block))
        for block in BLOCKS
        if not all(one.command.startswith(NOT_TYPED) for one in block.typed)
    ],
)
def test_what_the_document_shows_is_what_comes_out(block: Block, around: Scene, tmp_path: Path) -> None:
    scene = make_scene(block.scene, tmp_path / secrets.token_hex(4), around)
    state: list[str] = []
    for typed in block.typed:
        if not typed.command.startswith(NOT_TYPED):
            _type(typed, scene, state)
        if typed.command.startswith(_STATE):
            state.append(typed.command)


def fails(typed: Typed) -> bool:
    """Whether the document shows a command that ends with a fault."""
    if "| python3 -m json.tool" in typed.command:
        return False
    found = re.search(r"^(?!.*: (?:warning|accepted): ).* \[[a-z-]+\]$", typed.shown, re.MULTILINE)
    return bool(found and "check" in typed.command.split()) or bool(
        re.search(r'^hint: |"ok": false|refuses the values', typed.shown, re.MULTILINE)
    )


def _type(typed: Typed, scene: Scene, state: list[str]) -> None:
    before = "".join(f"{line.partition('  #')[0]} && " for line in state)
    shell = ("bash", "--noprofile", "--norc", "-c", before + typed.command)
    came = run_on_screen(*shell, cwd=scene.cwd, env=scene.env)
    said = scene.as_documented(came.out)
    assert (came.code != 0) == fails(typed), f"$ {typed.command}\n{said}"
    if typed.shown:
        assert shows(typed.shown, said), f"$ {typed.command}\n{settled(said)}"
