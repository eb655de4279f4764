"""The images that the values name besides the hub's own, as their registries have them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..core.faults import Denied, Fault
from ..core.names import Reference
from ..core.output import first_of
from ..core.yaml_tree import Data
from ..image.proof import is_out_of_reach
from ..repo.hub import Hub
from ..repo.named_images import lines_of, named_images
from ..tools import docker
from .problems import MOST_NAMED, Code, Problem, Unchecked


def image_problems(
    hub: Hub, chart_values: Data, known: Mapping[Reference, docker.Answer]
) -> Iterator[Problem | Unchecked]:
    """Yield the images that the values name and their registries do not have, and those that could not be asked for.

    Args:
        hub: the hub repository.
        chart_values: the values of the pinned chart, for the half of an image that the hub's values leave to it; None
            where they are not known.
        known: the answers that there are already. Images that are in them, and what stands at the places of the hub's
            own images, are left out.
    """
    own = {line for image in hub.images for line in lines_of(hub, image)}
    found = dict.fromkeys(named_images(hub, chart_values))
    named = [one for one in found if one.where not in own and one.reference not in known]
    answers = _ask(dict.fromkeys(other.reference for other in named))
    for other in named:
        if answers[other.reference] is None:
            message = f"{other.path} names {other.reference}, which its registry does not have"
            look = f"docker buildx imagetools inspect {other.reference}"
            yield Problem(Code.IMAGE_MISSING, other.where, message, f"push it, or name one that exists; {look}")
    yield from _unanswered(answers)


def _ask(references: Iterable[Reference]) -> dict[Reference, docker.Answer]:
    """Ask the registries side by side; of one that is out of reach for its first image no other is asked for."""
    wanted = list(references)
    firsts = {one.host: one for one in reversed(wanted)}
    answers = docker.inspect_all(firsts.values())
    away = {one.host: answer for one, answer in answers.items() if is_out_of_reach(answer)}
    answers.update(docker.inspect_all(one for one in wanted if one not in answers and one.host not in away))
    return {one: answers[one] if one in answers else away[one.host] for one in wanted}


def _unanswered(answers: Mapping[Reference, docker.Answer]) -> Iterator[Unchecked]:
    """Yield why images could not be asked for, once for each registry and reason."""
    silent: dict[tuple[str, str], list[Reference]] = {}
    hints: dict[tuple[str, str], str] = {}
    for one, answer in answers.items():
        # What cannot be used as a hub image, like an index with doubled platforms, is there all the same.
        if isinstance(answer, Fault) and (is_out_of_reach(answer) or isinstance(answer, Denied)):
            silent.setdefault((one.host, answer.what), []).append(one)
            hints[one.host, answer.what] = answer.hint
    for (host, what), images in silent.items():
        names = first_of([*map(str, images)], MOST_NAMED)
        yield Unchecked(f"whether {host} has {names}: {what}", hints[host, what])
