"""Templates of names in braces, ``{TAG}``: chartpress's build arguments and options, and this project's own tags."""

from __future__ import annotations

from string import Formatter
from typing import TYPE_CHECKING

from ..faults import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def render(template: str, names: Mapping[str, str], where: str) -> str:
    """Return ``template`` with each ``{NAME}`` replaced; ``{{`` and ``}}`` are braces, as in Python's ``str.format``.

    Args:
        template: the text; nothing but plain names may stand in braces.
        names: what the names stand for.
        where: where the template stands, for the fault.

    Raises:
        Unusable: the braces do not match, or hold something else than one of the names.
    """
    return "".join(_parts(template, names, where))


def fields(template: str, where: str) -> frozenset[str]:
    """Return the names in ``template``.

    Raises:
        Unusable: the braces do not match.
    """
    try:
        return frozenset(name for _, name, _, _ in Formatter().parse(template) if name is not None)
    except ValueError as err:
        raise _wrong(template, where, str(err)) from err


def _parts(template: str, names: Mapping[str, str], where: str) -> Iterator[str]:
    try:
        pieces = list(Formatter().parse(template))
    except ValueError as err:
        raise _wrong(template, where, str(err)) from err
    for literal, name, spec, conversion in pieces:
        yield literal
        if name is None:
            continue
        if name not in names or spec or conversion:
            raise _wrong(template, where, f"it may hold {', '.join(f'{{{known}}}' for known in names)}")
        yield names[name]


def _wrong(template: str, where: str, why: str) -> Unusable:
    return Unusable(f"the template {template!r} cannot be filled in: {why}", where=where, hint=f"mend it in {where}")
