"""What an upgrade asks for, in a few lines: for the plan that people agree to, and for a commit's message."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .findings import Finding, UpgradeHere

MOST_SHOWN = 10


def needs(here: UpgradeHere) -> Iterator[str]:
    """Yield what an upgrade moves by itself: JupyterHub's major version, the oldest Kubernetes."""
    if here.upgrade.jupyterhub:
        yield "JupyterHub {} to {}.".format(*here.upgrade.jupyterhub)
    if here.upgrade.kubernetes:
        yield f"Kubernetes {here.upgrade.kubernetes} or newer."


def upgrade_warnings(upgrades: Sequence[UpgradeHere]) -> tuple[str, ...]:
    """Return the warnings of a plan: each upgrade with its guide, then its notes with the values that they concern."""
    return tuple(line for here in upgrades for line in _warnings(here))


def upgrade_paragraph(upgrades: Sequence[UpgradeHere]) -> list[str]:
    """Return the lines of a commit's message: what is crossed, and the values to look at; none where nothing is."""
    crossed = [f"Crosses {' '.join((f'{here.upgrade.title}.', *needs(here)))}" for here in upgrades if any(needs(here))]
    found = sorted({one for here in upgrades for note in here.notes for one in note.findings})
    heading = ["Values to look at:"] if found else []
    return [*crossed, *heading, *(f"- {line}" for line in shown(found))]


def shown(findings: Sequence[Finding], most: int = MOST_SHOWN) -> Iterator[str]:
    """Yield the first ``most`` of ``findings`` as text, and how many more there are."""
    yield from map(str, findings[:most])
    if len(findings) > most:
        yield f"and {len(findings) - most} more"


def _warnings(here: UpgradeHere) -> Iterator[str]:
    yield " ".join((f"{here.upgrade.title}:", *needs(here), here.upgrade.guide))
    for note in here.notes:
        where = f" See {', '.join(shown(note.findings))}." if note.findings else ""
        yield f"- {note.text}{where}"
