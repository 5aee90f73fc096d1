"""Do the parts of a method fit each other? What does not is refused in a sentence, before anything is trained."""

from __future__ import annotations

from typing import Any

from torch import nn

from tokengan.borrowed import Borrowed
from tokengan.errors import UserError
from tokengan.generators.base import Generator
from tokengan.generators.reader import Reader

__all__ = ["check_loss", "check_parts", "lend"]

MEANING: dict[str, str] = {
    "log_odds": "the log-odds of being real",
    "score": "a score that is higher for what is more real",
    "ranks": "features that are compared by their cosine",
    "classes": "a logit for each class",
}

GIVERS = {"discriminator": "a discriminator", "alone": "a judgement of one sequence by itself"}


def check_parts(method: Any) -> None:
    """Refuse parts that make no sense together. Raises UserError with the reason and a way out.

    What is checked: the loss reads what the discriminator gives; the reward reads what the discriminator's judgement
    means after that loss, and outputs that it gives; a reward per step meets a credit that sums steps, and only that;
    the estimator reads what the generator gives.
    """
    reward, credit = method.reward, method.credit
    if "discriminator" in reward.needs:
        if method.discriminator is None:
            raise UserError(
                f"the reward {named(reward)} reads a discriminator, and this method trains none: take seqgan"
            )
        _check_game(method)
    if reward.per_step != credit.per_step:
        kind = "gives a reward at every step" if reward.per_step else "judges whole sequences"
        cure = "discounted" if reward.per_step else "final or rollout"
        raise UserError(
            f"the reward {named(reward)} {kind}, and the credit {named(credit)} does not take that: {cure} does"
        )
    if "oracle" in reward.needs and method.task.oracle is None:
        raise UserError(
            f"the reward {named(reward)} reads the law of the data, and nobody knows that of {method.task.name}: it is "
            "for the task oracle"
        )
    gives = method.generator.gives | (reward.needs & {"discriminator"}) | ({"alone"} if reward.alone else set())
    for part in (method.estimator, getattr(method.estimator, "baseline", None)):
        lacking = sorted(getattr(part, "needs", frozenset()) - gives)
        if lacking:
            giver = GIVERS.get(lacking[0], f"the generator's '{lacking[0]}'")
            raise UserError(
                f"{named(part)} reads {giver}, which the reward {named(reward)} and the generator "
                f"{named(method.generator)} do not bring with them"
            )


def lend(generator: nn.Module, judge: nn.Module | None) -> bool:
    """Lend the discriminator to each part of a generator that reads one, and return whether any does.

    Raises UserError where it is not there, or gives no features of what was written so far.
    """
    readers = [part for part in generator.modules() if isinstance(part, Generator) and "reader" in part.reads]
    for part in readers:
        if not isinstance(judge, Reader):
            raise UserError(
                f"the generator {named(part)} reads a discriminator's features of what was written so far, and "
                f"{'this method trains none' if judge is None else named(judge) + ' gives none'}: choose another "
                "generator, or a method with the discriminator cnn"
            )
        part.lent = Borrowed(judge)
    return bool(readers)


def check_loss(loss: Any, judge: Any) -> None:
    """Refuse a discriminator that does not give what a loss reads. Raises UserError."""
    _check_outputs(loss, loss.needs, judge)


def _check_outputs(part: Any, wanted: frozenset[str], judge: Any) -> None:
    lacking = sorted(wanted - judge.gives)
    if lacking:
        raise UserError(
            f"{named(part)} reads '{lacking[0]}' of the discriminator, and {named(judge)} gives "
            f"{', '.join(sorted(judge.gives))}: choose another discriminator"
        )


def _check_game(method: Any) -> None:
    reward, loss, judge = method.reward, method.loss, method.discriminator
    check_loss(loss, judge)
    _check_outputs(reward, reward.outputs, judge)
    strange = sorted(reward.reads - loss.gives)
    if strange:
        means = " and ".join(MEANING[one] for one in sorted(loss.gives))
        raise UserError(
            f"the reward {named(reward)} reads {MEANING[strange[0]]}, and a discriminator that plays "
            f"{named(loss)} gives {means}: choose another reward or another loss"
        )


def named(part: Any) -> str:
    """Return the class name of a part."""
    return type(part).__name__
