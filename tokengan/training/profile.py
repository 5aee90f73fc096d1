"""Where the time of a run goes, measured from outside: no part knows that it is watched, and off it costs nothing."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from tokengan.training.updater import Updater

__all__ = ["Profile", "peak_memory"]

REST = "start and the rest"
LOSSES = "losses"
# What of a method is watched: the part's name, whether parts inside it count as it, and what its tokens are called.
METHOD = {
    "write": ("sampling", True, "written"),
    "take": ("data", True, "read"),
    "real": ("data", True, ""),
    "judged_real": ("data", True, ""),
    "step_discriminator": ("discriminator: losses", False, ""),
}
PARTS = {"credit": ("roll-outs", False, ""), "reward": ("scoring", True, "judged")}
TRAINER = {
    "_round": (LOSSES, False),
    "_evaluated": ("evaluation", True),
    "_save": ("checkpoints", True),
    "_look_ahead": ("trial rounds", True),
}


class Profile:
    """Seconds by phase and part, every moment counted once, for the innermost part that was at work.

    The parts of a round: `data` (batches put together), `sampling`, `roll-outs` (credit, without the judging),
    `scoring` (the reward, with the discriminator behind it), `discriminator: losses` (its forward passes and its
    constraint), a player's `backward` and `optimiser`, and `losses`: all other forward passes, and the round's own
    Python. Outside the rounds: `evaluation`, `checkpoints`, `trial rounds` (for the time left), and the rest.

    On CUDA the device is waited for wherever a part begins or ends: the shares are right, the whole is a little slower.

    Args:
        clock: Seconds from anywhere.

    Attributes:
        seconds: By (phase, part); the phase is "" outside of training.
        calls: How often a part was at work, by the same.
        tokens: Tokens by phase and kind: `read` into batches, `written`, `judged`.

    >>> profile = Profile(clock=iter([0, 1, 3, 4, 6, 8]).__next__)
    >>> with profile.part("outer"), profile.part("inner"):
    ...     pass
    >>> profile.total(), dict(profile.seconds)
    (8, {('', 'start and the rest'): 3, ('', 'outer'): 4, ('', 'inner'): 1})
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.seconds: dict[tuple[str, str], float] = defaultdict(int)
        self.calls: dict[tuple[str, str], int] = defaultdict(int)
        self.tokens: dict[tuple[str, str], int] = defaultdict(int)
        self._clock, self._last = clock, clock()
        self._at: list[tuple[str, bool]] = [(REST, False)]
        self._phase: Callable[[], str] = str
        self._device = torch.device("cpu")

    @contextmanager
    def part(self, name: str, whole: bool = False) -> Iterator[bool]:
        """Count the time of a block for a part; with `whole` parts inside it are not counted apart.

        The block is told whether it is, and not one inside such a part.
        """
        self._count()
        above, closed = self._at[-1]
        self._at.append((above, True) if closed else (name, whole))
        if not closed:
            self.calls[self._phase(), name] += 1
        try:
            yield not closed
        finally:
            self._count()
            self._at.pop()

    def total(self) -> float:
        """Return all seconds until now."""
        self._count()
        return sum(self.seconds.values())

    @contextmanager
    def watching(self, training: Any, method: Any, updater: Updater, device: torch.device) -> Iterator[None]:
        """Watch a trainer, its method and its updates for a while."""
        undo: list[Callable[[], None]] = []

        def watch(owner: Any, attribute: str, name: str, whole: bool, tokens: str = "") -> None:
            if hasattr(owner, attribute):
                undo.append(self._watched(owner, attribute, name, whole, tokens))

        for attribute, how in TRAINER.items():
            watch(training, attribute, *how)
        for attribute, how in METHOD.items():
            watch(method, attribute, *how)
        for attribute, how in PARTS.items():
            watch(getattr(method, attribute, None), "forward", *how)
        for name, player in updater.players.items():
            watch(player, "follow", f"{name}: backward", True)
            watch(player, "norm", f"{name}: optimiser", True)
            watch(player, "step", f"{name}: optimiser", True)
        self._phase, self._device = lambda: updater.phase, device
        try:
            yield
        finally:
            self._count()
            self._phase = str
            for restore in undo:
                restore()

    def _watched(self, owner: Any, attribute: str, name: str, whole: bool, tokens: str) -> Callable[[], None]:
        """Put a timed function in the place of an object's own; return what takes it away again."""
        plain = getattr(owner, attribute)
        own = vars(owner).get(attribute)

        @wraps(plain)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.part(name, whole) as counted:
                result = plain(*args, **kwargs)
                if tokens and counted:
                    x = args[0] if tokens == "judged" else result
                    self.tokens[self._phase(), tokens] += int(x.mask.sum())
            return result

        setattr(owner, attribute, timed)
        return (lambda: delattr(owner, attribute)) if own is None else (lambda: setattr(owner, attribute, own))

    def _count(self) -> None:
        """Give the time since the last call to the part that is at work."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        now = self._clock()
        self.seconds[self._phase(), self._at[-1][0]] += now - self._last
        self._last = now


def peak_memory(device: torch.device) -> dict[str, float]:
    """Return the most memory that this process ever held, in MiB; on a GPU, of tensors there too."""
    found: dict[str, float] = {}
    try:
        import resource
    except ImportError:  # Windows
        pass
    else:
        unit = 2**20 if sys.platform == "darwin" else 2**10
        found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    if device.type == "cuda":
        found["GPU memory"] = torch.cuda.max_memory_allocated(device) / 2**20
    return found
