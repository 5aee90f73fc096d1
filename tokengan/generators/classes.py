"""Classes of words that stand between the same neighbours (Finch, Chater 1992: words by their contexts).

Axes: N positions in the data, V vocabulary, L literal words, F features, K classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["word_classes"]

ROUNDS = 20


def word_classes(words: Tensor, left: Tensor, right: Tensor, vocab_size: int, literal: int, classes: int) -> Tensor:
    """Return the class of every word [V]; the most frequent words are classes of their own, numbered first.

    The others are put together by k-means on the square roots of how often each of the most frequent words stands left
    and right of them (Hellinger distance), begun from the most frequent ones, so that no random number is drawn.

    Args:
        words: The words of the data [N].
        left: The word before each, `vocab_size` at an edge [N].
        right: The word after each, `vocab_size` at an edge [N].
        vocab_size: Number of words, V.
        literal: How many of the most frequent words stay themselves, L.
        classes: How many classes of other words there are at most, K.

    >>> the, cat, dog, runs, sits = range(5)
    >>> text = torch.tensor([the, cat, runs, the, dog, runs, the, cat, sits, the, dog, sits])
    >>> found = word_classes(text, text.roll(1), text.roll(-1), 5, literal=1, classes=2)
    >>> found[the].item(), found[cat].item() == found[dog].item(), found[runs].item() == found[sits].item()
    (0, True, True)
    """
    seen = torch.bincount(words, minlength=vocab_size)
    by_frequency = seen.argsort(descending=True, stable=True)
    by_frequency = by_frequency[: int((seen > 0).sum())]
    common, others = by_frequency[:literal], by_frequency[literal:]
    found = torch.zeros_like(seen)
    found[common] = torch.arange(len(common), device=words.device)
    if len(others) == 0:
        return found
    # A feature a literal word, one for the edge, one for all other words; left ones first.
    size = len(common) + 2
    feature = torch.full((vocab_size + 1,), size - 1, device=words.device)
    feature[common] = found[common]
    feature[vocab_size] = size - 2
    pairs = torch.cat([words * 2 * size + feature[left], words * 2 * size + size + feature[right]])
    counts = torch.bincount(pairs, minlength=vocab_size * 2 * size).view(vocab_size, -1)[others].float()
    points = (counts / counts.sum(1, keepdim=True)).sqrt()
    found[others] = len(common) + _k_means(points, classes)
    return found


def _k_means(points: Tensor, classes: int) -> Tensor:
    """Return the class of each point [V']; the first points are the first centres."""
    centres = points[:classes].clone()
    own = torch.zeros(len(points), dtype=torch.long, device=points.device)
    for _ in range(ROUNDS):
        own = (points @ centres.T - centres.square().sum(1) / 2).argmax(1)
        sizes = torch.bincount(own, minlength=len(centres)).unsqueeze(1)
        sums = torch.zeros_like(centres).index_add_(0, own, points)
        centres = torch.where(sizes > 0, sums / sizes.clamp(min=1), centres)
    return own
