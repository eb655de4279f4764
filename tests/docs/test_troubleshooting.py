"""What docs/troubleshooting.md quotes is what the code says, and what people mostly meet is in it."""

import pytest

from .messages import explained, raised, templates

TEMPLATES = templates()
# What is refused, or denied, has its row in the page. These say themselves what is to be done.
PLAIN = {
    "cancelled, nothing was changed",
    "the commit's message is empty",
    "Cloud Build has no image to leave here",
    "chartpress does not know …",
    "the file may not be read",
    "the build context holds …, so each build would make another {content}",
    "the remote does not have the branch that was pushed",
    "there is no … …",
}


@pytest.mark.parametrize("message", explained())
def test_a_message_in_the_page_is_one_that_the_code_can_say(message: str) -> None:
    assert message in TEMPLATES


def test_no_message_stands_there_twice() -> None:
    assert len(explained()) == len(set(explained()))


def test_what_is_refused_or_denied_is_in_the_page() -> None:
    messages = raised("Refused", "Denied")
    assert messages - PLAIN - set(explained()) == set()
    assert PLAIN - messages == set()
