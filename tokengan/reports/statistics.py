"""What a few seeds can say: a mean, a 95% interval, and a paired test.

Seeds are few. The percentile bootstrap over three of them can only give means of those three, and its interval is far
too narrow (it holds the true mean in about 75% of cases, not 95%); Student's interval is right for normal differences
and honest about how little three say. So: Student under `MANY` seeds, the bootstrap, which asks for no normal law, from
there on.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from statistics import fmean, stdev

__all__ = ["MANY", "bootstrap", "interval", "paired_p", "student_cdf", "student_quantile"]

MANY = 8
DRAWS = 4000


def student_cdf(t: float, df: int) -> float:
    """Return P(T <= t) of Student's law with a whole number of degrees of freedom, by its finite sums.

    Abramowitz & Stegun 1964, 26.7.3 and 26.7.4.

    >>> round(student_cdf(4.302653, 2), 6), round(student_cdf(1.0, 1), 6)
    (0.975, 0.75)
    """
    if df < 1:
        raise ValueError(f"there is no Student law with {df} degrees of freedom")
    angle = math.atan2(t, math.sqrt(df))
    cosine, term, total = math.cos(angle), 1.0, 0.0
    if df % 2:
        power = cosine
        for k in range(1, (df - 1) // 2 + 1):
            total += term * power
            term *= 2 * k / (2 * k + 1)
            power *= cosine**2
        within = 2 / math.pi * (angle + math.sin(angle) * total)
    else:
        power = 1.0
        for k in range(1, df // 2 + 1):
            total += term * power
            term *= (2 * k - 1) / (2 * k)
            power *= cosine**2
        within = math.sin(angle) * total
    return 0.5 + within / 2


def student_quantile(p: float, df: int) -> float:
    """Return the t with P(T <= t) = p, by halving.

    >>> round(student_quantile(0.975, 2), 4), round(student_quantile(0.975, 9), 4)
    (4.3027, 2.2622)
    """
    if not 0.5 <= p < 1:
        raise ValueError(f"p is {p}: the quantile is given for .5 up to 1, the other half is its mirror")
    low, high = 0.0, 1.0
    while student_cdf(high, df) < p:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if student_cdf(middle, df) < p else (low, middle)
    return high


def bootstrap(values: Sequence[float], draws: int = DRAWS, seed: int = 0) -> tuple[float, float]:
    """Return the middle 95% of the means of `draws` samples with replacement (Efron 1979), the same each time.

    >>> low, high = bootstrap([0.0, 1.0] * 50)
    >>> 0.38 < low < 0.42 and 0.58 < high < 0.62          # .5 -+ 1.96 sqrt(.25 / 100)
    True
    """
    drawn = random.Random(seed)
    means = sorted(fmean(drawn.choices(values, k=len(values))) for _ in range(draws))
    return means[round(0.025 * (draws - 1))], means[round(0.975 * (draws - 1))]


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95% interval of the mean over seeds, None for fewer than two.

    >>> [round(end, 3) for end in interval([1.0, 2.0, 3.0])]       # 2 -+ 4.3027 / sqrt(3)
    [-0.484, 4.484]
    >>> interval([1.0]) is None
    True
    """
    if len(values) < 2:
        return None
    if len(values) >= MANY:
        return bootstrap(values)
    reach = student_quantile(0.975, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return fmean(values) - reach, fmean(values) + reach


def paired_p(differences: Sequence[float]) -> float | None:
    """Return the two-sided p of the paired t test that differences of seeds have the mean 0, None for fewer than two.

    >>> round(paired_p([1.0, 2.0, 3.0]), 4)                        # t = 2 sqrt(3), 2 degrees of freedom
    0.0742
    >>> paired_p([0.5, 0.5])
    0.0
    """
    if len(differences) < 2:
        return None
    spread, mean = stdev(differences), fmean(differences)
    if spread == 0:
        return 0.0 if mean else 1.0
    return 2 * (1 - student_cdf(abs(mean) * math.sqrt(len(differences)) / spread, len(differences) - 1))
