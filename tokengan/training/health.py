"""What the figures say of the training's health, in plain words.

Each monitor is a pure function of the evaluation records so far and of the record at the end of the first phase (the
start model of the later ones, None during the first phase). A record is a line of `metrics.jsonl`: `figures` are
evaluation's, `training` the means of what the updates logged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

__all__ = [
    "ACTIVE_UNITS", "AGGREGATE_VARIANCE", "D_ACCURACY", "INFORMATION", "LATENT_KL", "LATENT_MONITORS", "MONITORS",
    "NLL_DIV", "TOP_SHARE", "UNIQUE_SHARE",
    "Finding", "accuracy_verdict", "diagnose", "number",
]  # fmt: skip

# Names under which evaluation gives the figures that are watched here.
D_ACCURACY = "D accuracy (held-out)"
NLL_DIV = "NLL-div"
UNIQUE_SHARE = "unique share"
TOP_SHARE = "top-sentence share"
LATENT_KL, INFORMATION, ACTIVE_UNITS = "latent KL", "mutual information", "active units"
AGGREGATE_VARIANCE = "aggregate posterior variance"

# Endings of the names under which updates log what is watched here (`policy/reward_spread`).
GRAD_NORM, REWARD_SPREAD, BEHAVIOUR_GAP = "/grad_norm", "/reward_spread", "/behaviour_gap"

Record = Mapping[str, Any]
Monitor = Callable[[Sequence[Record], Record | None], "Finding | None"]


@dataclass(frozen=True)
class Finding:
    """Something that a person should know.

    Args:
        monitor: Name of the monitor.
        text: What is seen, what it means, and what helps.
        stop: Whether going on is a waste.
    """

    monitor: str
    text: str
    stop: bool = False


def number(value: Any) -> float | None:
    """Return a figure's number, whether it stands alone or with its signature; None where it is not a finite number.

    >>> number(2), number({"value": 0.5, "split": "test"}), number(math.nan), number("a")
    (2.0, 0.5, None, None)
    """
    if isinstance(value, Mapping):
        value = value.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def figure(record: Record | None, name: str) -> float | None:
    """Return an evaluation figure of a record, or None."""
    return None if record is None else number(record.get("figures", {}).get(name))


def logged(record: Record, ending: str) -> dict[str, float]:
    """Return the training means whose names end so, by player."""
    training = record.get("training", {})
    found = {key.removesuffix(ending): number(value) for key, value in training.items() if key.endswith(ending)}
    return {player: value for player, value in found.items() if value is not None}


def accuracy_verdict(accuracy: float) -> str:
    """Return what a held-out accuracy of the discriminator means.

    Held out: on reals it was not trained on, and on samples fresh from the generator.

    >>> [accuracy_verdict(a) for a in (0.45, 0.52, 0.7, 0.999)]
    ['memorisation', 'no signal', 'signal', 'saturated']
    """
    if accuracy < 0.5:
        return "memorisation"
    if accuracy < 0.55:
        return "no signal"
    return "signal" if accuracy < 0.99 else "saturated"


def discriminator(records: Sequence[Record], start: Record | None) -> Finding | None:
    """Read the discriminator's accuracy on held-out reals and fresh fakes."""
    accuracy = figure(records[-1], D_ACCURACY)
    if accuracy is None or start is None:  # before the first phase has ended there is nobody to judge
        return None
    meaning = {
        "memorisation": "worse than a coin on what it was not trained on, so its reward is noise. Train it on more or "
        "fresher samples, with dropout or weight decay, or fewer epochs a round.",
        "no signal": "hardly better than a coin, so whatever the reward does to the generator, a constant reward would "
        "do too. Compare with `--reward constant`.",
        "saturated": "it tells nearly everything apart, so the reward is flat. Give it fewer steps or a smaller "
        "learning rate, or a longer maximum-likelihood phase before it.",
    }
    verdict = accuracy_verdict(accuracy)
    if verdict not in meaning:
        return None
    return Finding(
        "discriminator", f"the discriminator's held-out accuracy is {accuracy:.3f}, {verdict}: {meaning[verdict]}"
    )


def reward_spread(records: Sequence[Record], start: Record | None) -> Finding | None:
    """See rewards that are all the same: their gradient is noise or nothing."""
    del start
    for player, spread in logged(records[-1], REWARD_SPREAD).items():
        if spread < 1e-3:
            return Finding(
                "reward spread",
                f"the rewards of '{player}' are all but equal (spread {spread:.1e}): they say nothing about which "
                "token was good. The discriminator is undecided or too sure.",
            )
    return None


def gradients(records: Sequence[Record], start: Record | None) -> Finding | None:
    """See gradient norms far above their usual size, or at zero."""
    del start
    same = [record for record in records if record.get("phase") == records[-1].get("phase")]
    for player, norm in logged(records[-1], GRAD_NORM).items():
        before = [value for record in same[:-1] if (value := logged(record, GRAD_NORM).get(player)) is not None]
        if norm < 1e-7:
            return Finding(
                "gradients", f"the gradient of '{player}' has vanished (norm {norm:.1e}): it no longer learns."
            )
        if len(before) >= 3 and norm > 100 * median(before):
            return Finding(
                "gradients",
                f"the gradient of '{player}' has exploded: norm {norm:.3g}, usually {median(before):.3g}. "
                "Lower its learning rate or clip harder.",
            )
    return None


def entropy(records: Sequence[Record], start: Record | None) -> Finding | None:
    """See the generator become much surer of itself than its start model (NLL-div is its entropy)."""
    now, then = figure(records[-1], NLL_DIV), figure(start, NLL_DIV)
    if now is None or then is None or then <= 0 or now >= 0.5 * then:
        return None
    return Finding(
        "entropy",
        f"the generator's entropy (NLL-div) is {now:.3f}, {now / then:.0%} of its start model's {then:.3f}: it is "
        "sharpening. Compare with the start model at the temperature with equal NLL-div before you call it better.",
    )


def unique(records: Sequence[Record], start: Record | None) -> Finding | None:
    """See the share of different samples fall below half of the start model's."""
    now, then = figure(records[-1], UNIQUE_SHARE), figure(start, UNIQUE_SHARE)
    if now is None or then is None or now >= 0.5 * then:
        return None
    return Finding(
        "unique share", f"only {now:.0%} of the samples are different; of the start model's {then:.0%}: diversity goes."
    )


def collapse(records: Sequence[Record], start: Record | None) -> Finding | None:
    """See one sentence take over, or the entropy reach the floor, in two evaluations running. Says stop."""
    if start is None or len(records) < 2:
        return None
    then_top, then_entropy = figure(start, TOP_SHARE), figure(start, NLL_DIV)

    def taken(record: Record) -> str:
        top, now = figure(record, TOP_SHARE), figure(record, NLL_DIV)
        # A start model that writes one sentence half the time has learnt that from the data.
        if top is not None and top > 0.5 and (then_top is None or top > 2 * then_top):
            return f"one sentence is {top:.0%} of the samples"
        if now is not None and then_entropy is not None and now < 0.05 * then_entropy:
            return f"the entropy (NLL-div) is {now:.3f}, where its start model had {then_entropy:.3f}"
        return ""

    same = [record for record in records[-2:] if record.get("phase") == records[-1].get("phase")]
    seen = [taken(record) for record in same]
    if len(seen) < 2 or not all(seen):
        return None
    return Finding(
        "collapse",
        f"the generator has collapsed: {seen[-1]}, twice running. Remedies: a smaller learning rate for the policy, "
        "a baseline, fewer generator steps a round, or likelihood steps in between.",
        stop=True,
    )


def behaviour_gap(records: Sequence[Record], start: Record | None) -> Finding | None:
    """See samples scored under another law than the one that drew them."""
    del start
    for player, gap in logged(records[-1], BEHAVIOUR_GAP).items():
        if gap > 0.01:
            return Finding(
                "behaviour gap",
                f"'{player}' scores its samples {gap:.3f} nats a token away from the law that drew them: the policy "
                "gradient and any KL term are biased. Temperature, top-k, top-p or dropout differ between writing and "
                "scoring, or the samples are old.",
            )
    return None


SILENT = 0.1  # nats of mutual information under which a code says nothing


def posterior_collapse(records: Sequence[Record], start: Record | None) -> Finding | None:
    """See a latent code that is ignored: no unit's mean moves with the sequence, or code and sequence share nothing."""
    del start
    found = [figure(records[-1], name) for name in (LATENT_KL, INFORMATION, ACTIVE_UNITS)]
    if None in found:
        return None
    kl, information, active = (value or 0.0 for value in found)
    if active >= 1 and information >= SILENT:
        return None
    how = (
        "the code is the prior whatever the sequence, and the decoder writes without it"
        if kl < SILENT
        else "the code differs from the prior but hardly with the sequence: a KL above 0 is no proof of its use"
    )
    return Finding(
        "posterior collapse",
        f"the posterior has collapsed: KL {kl:.3f}, mutual information {information:.3f} nats, {active:.0f} active "
        f"units: {how}. Remedies: raise the weight of the KL slowly or in cycles, free bits, dropout of the decoder's "
        "input words, more steps of the encoder, or a weaker decoder.",
    )


def aggregate_posterior(records: Sequence[Record], start: Record | None) -> Finding | None:
    """See codes of real sequences lie where the prior draws none, or fill a part of it: samples are then strange."""
    del start
    variance = figure(records[-1], AGGREGATE_VARIANCE)
    if variance is None or 0.5 <= variance <= 2:
        return None
    return Finding(
        "aggregate posterior",
        f"the codes of real sequences have variance {variance:.3f}, where the prior that samples are written from has "
        "1: the decoder knows little of where it writes. Let the weight of the KL end at 1, for longer.",
    )


LATENT_MONITORS: tuple[Monitor, ...] = (posterior_collapse, aggregate_posterior)
MONITORS: tuple[Monitor, ...] = (
    discriminator, reward_spread, gradients, entropy, unique, collapse, behaviour_gap, *LATENT_MONITORS,
)  # fmt: skip


def diagnose(records: Sequence[Record], start: Record | None, monitors: Sequence[Monitor] = MONITORS) -> list[Finding]:
    """Return what the monitors see.

    >>> record = {"phase": "adversarial", "figures": {D_ACCURACY: 0.51}, "training": {}}
    >>> [finding.monitor for finding in diagnose([record], start={"figures": {}})]
    ['discriminator']
    """
    if not records:
        return []
    return [finding for monitor in monitors if (finding := monitor(records, start)) is not None]
