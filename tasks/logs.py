"""Log records made harmless: what ``--debug`` shows is Invoke's and sh's own besides ours."""

from __future__ import annotations

import logging
from typing import Any

from .visible import visible


class MaskedRecord(logging.LogRecord):
    """A log record whose message and traceback are made harmless, whoever writes it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - LogRecord's own
        super().__init__(*args, **kwargs)
        if self.exc_info:
            self.exc_text = visible(logging.Formatter().formatException(self.exc_info))

    def getMessage(self) -> str:  # noqa: N802 - LogRecord's name for it
        """Return the message as people may see it."""
        return visible(super().getMessage())


def mask_records() -> None:
    """Let every log record of this process be made harmless from now on.

    What sh has to tell at the level DEBUG is not told: it shows what it reads and writes in pieces, and a piece may
    hold half of a secret, which nobody would know for one.
    """
    logging.setLogRecordFactory(MaskedRecord)
    logging.getLogger("sh").setLevel(logging.INFO)
