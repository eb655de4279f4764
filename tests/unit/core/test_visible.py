"""What others wrote, shown: text is all that it is, on a terminal, in CI, in JSON and in Markdown."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.visible import code, one_line, plain, visible, visible_json
from tests.support.cli import INVOKE, run_on_screen, run_task
from tests.support.hubs import Hub

DOCKERFILE, CHARTPRESS = "images/hub/Dockerfile", "chartpress.yaml"
CLEAR, HIDE, TITLE = "\x1b[2J", "\x1b[8m", "\x1b]0;evil\x07"
HARMFUL = {
    "the screen cleared": (CLEAR, r"\x1b[2J"),
    "a link": ("\x1b]8;;http://evil\x1b\\", r"\x1b]8;;http://evil\x1b" + "\\"),
    "the line written over": ("fine\rplan", r"fine\rplan"),
    "NUL and DEL": ("\0\x7f", r"\x00\x7f"),
    "C1 controls": ("\x9b2J\x85", r"\x9b2J\x85"),
    "reading direction": ("\u202ea\u2066b\u200f", r"\u202ea\u2066b\u200f"),
    "line and paragraph separators": ("a\u2028b\u2029", r"a\u2028b\u2029"),
    "letters without width": ("a\u200bb\u2060\ufeff", r"a\u200bb\u2060\ufeff"),
    "tags": ("\U000e0041", r"\U000e0041"),
    "private and unassigned": ("\ue000\U0010ffff", r"\ue000\U0010ffff"),
    "half of a surrogate pair": ("\ud83d", r"\ud83d"),
    "a byte that is not UTF-8": (b"caf\xe9".decode(errors="surrogateescape"), r"caf\xe9"),
}
PLAIN = ("Zoë's hub, 日本語, עברית, हिन्दी, e\u0301, 🐋, №, «a\u00a0b», a\u3000b", "\ttab\nand line\n")


@pytest.mark.parametrize(("text", "shown"), HARMFUL.values(), ids=HARMFUL)
def test_what_is_more_than_text_is_shown_as_an_escape_in_text_json_and_markdown(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(f"日本 {text}\n") == f"日本 {shown}\n"
    as_json = visible_json({"a": text})
    assert (json.loads(as_json), as_json.isascii(), as_json.isprintable()) == ({"a": text}, True, True)
    assert (plain(text).isprintable(), code(text).isprintable()) == (True, True)


@pytest.mark.parametrize("text", PLAIN)
def test_text_of_every_script_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_one_line_is_one_line() -> None:
    assert one_line("a\r\n\tb\u2028c\x1b[2J  d\n") == r"a b c\x1b[2J d"


# -- GitHub's runner


COMMANDS = {
    "::error::x": r":\x3aerror::x",
    "  ::set-output name=a::b": r"  :\x3aset-output name=a::b",
    "a\n::stop-commands::x": "a\n:\\x3astop-commands::x",
    "a ##[error]x": r"a ##\x5berror]x",
    "a::b, a ## b, [c]": "a::b, a ## b, [c]",
}


@pytest.mark.parametrize(("text", "shown"), COMMANDS.items())
def test_nothing_that_others_wrote_is_a_command_to_the_runner(
    monkeypatch: pytest.MonkeyPatch, text: str, shown: str
) -> None:
    assert visible(text) == text
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert visible(text) == shown
    assert json.loads(visible_json(text)) == text
    assert "##[" not in visible_json(text)


def test_a_problem_is_told_to_the_runner_and_what_it_quotes_is_no_command(hub: Hub) -> None:
    hub.edit("hub/values.yaml", "name:", "name: 'a::b/##[error]c' #")
    done = run_task("check", "--offline", cwd=hub.path, env={"GITHUB_ACTIONS": "true"})
    assert "##[" not in done.out + done.err
    assert all(line.startswith("::error file=") for line in done.err.splitlines() if line.lstrip().startswith("::"))


def test_a_plan_shows_what_a_line_says_and_does_not_do_it(hub: Hub) -> None:
    text = hub.read(DOCKERFILE)
    image, rest = text.partition("FROM ")[2].partition(":")[0], text.partition("\n")[2]
    hub.put(DOCKERFILE, f"ARG V=3.2.1 W={CLEAR}{HIDE}{TITLE}\u202e\nFROM {image}:${{V}}\n{rest}")
    task = ("--dry", "bump", "--to", "3.3.8")
    for done in (run_task(*task, cwd=hub.path), run_on_screen(*INVOKE, *task, cwd=hub.path)):
        assert done.code == 0, done
        assert r"-ARG V=3.2.1 W=\x1b[2J\x1b[8m\x1b]0;evil\x07\u202e" in done.out
        assert [one for one in ("\u202e", CLEAR, TITLE) if one in done.out + done.err] == []


# -- Markdown


@pytest.mark.parametrize(
    ("text", "as_code", "as_text"),
    [
        ("3.3.8", "`3.3.8`", "3.3.8"),
        ("a`b|c", "`a'b¦c`", "a\\`b\\|c"),
        ("a\nb\x1b[31m", r"`a b\x1b[31m`", r"a b\\x1b\[31m"),
        ("*bold* _thin_ [a](b)", "`*bold* _thin_ [a](b)`", r"\*bold\* \_thin\_ \[a\](b)"),
        ("<b>@all #1 ~~x~~", "`<b>@all #1 ~~x~~`", r"\<b\>\@all \#1 \~\~x\~\~"),
        ("back\\slash", r"`back\slash`", r"back\\slash"),
    ],
)
def test_what_outside_programs_say_is_no_markdown(text: str, as_code: str, as_text: str) -> None:
    assert (code(text), plain(text)) == (as_code, as_text)


@given(st.text())
def test_no_text_leaves_its_cell(text: str) -> None:
    assert code(text).isprintable()
    assert code(text).count("`") == 2
    assert "|" not in code(text)
    assert plain(text).isprintable()
    assert "|" not in plain(text).replace("\\|", "")
