"""A trained run in use: it writes, scores and is measured.

Axes: B batch, T time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from tokengan.api.codes import between, codes_of, decoded, inferring
from tokengan.api.saved import saved_task
from tokengan.config import Config, configure, seed_of
from tokengan.data.messages import brief, place
from tokengan.errors import UserError, nearest
from tokengan.generators.base import Autoregressive, Condition, on_device, rows_of
from tokengan.methods.base import Method
from tokengan.metrics.law import BOUND_SAMPLES
from tokengan.modes import evaluating
from tokengan.noise import Noise, seeded
from tokengan.sampling.beam import beam
from tokengan.sampling.decoding import Decoding
from tokengan.sampling.law import nll
from tokengan.sampling.write import write
from tokengan.sequences import Sequences
from tokengan.training.run import CONFIG, Run
from tokengan.training.snapshot import load_networks

if TYPE_CHECKING:
    from tokengan.metrics.evaluator import FinalReport

__all__ = ["Model", "checkpoint_named", "report_of"]

POINTERS = ("best", "last", "start")
ROWS = 256  # sequences scored together
CHUNK = 1024  # sequences written together: the first ones are the same however many are asked for


class Model:
    """A run that writes.

    Args:
        run: The run folder.
        config: Its configuration.
        method: The method with a checkpoint's weights.
        checkpoint: Which checkpoint that is.

    Attributes:
        path: The run folder.
    """

    def __init__(self, run: Run, config: Config, method: Method, checkpoint: str) -> None:
        self.run, self.config, self.method, self.checkpoint = run, config, method, checkpoint
        self.path = run.path

    @classmethod
    def load(
        cls, run: str | Path, checkpoint: str | int = "best", *, trust: bool = False, device: str = "cpu"
    ) -> Model:
        """Read a run folder and nothing else. See `tokengan.load`."""
        folder = Run(run)
        config = configure(None, file=folder.path / CONFIG, trust=trust)
        name = checkpoint_named(folder, checkpoint)
        method = config.build_method(saved_task(folder.path, config.task_class))
        load_networks(method, folder.weights(name), name)
        return cls(folder, config, method.to(torch.device(device)), name)

    def generate(
        self,
        n: int | None = None,
        *,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        greedy: bool = False,
        seed: int = 0,
        unknown: bool = False,
        beams: int = 0,
        **conditions: Any,
    ) -> list[str]:
        """Return fresh texts; the same for the same seed.

        Args:
            n: How many; None for 10, or one for each of the conditions given as a list.
            temperature: Divides the logits; 0 takes the likeliest token.
            top_k: Draw from the k likeliest tokens; 0 draws from all.
            top_p: Draw from the smallest set of likeliest tokens with this mass.
            greedy: Take the likeliest token.
            seed: Seed of the draws.
            unknown: Whether the unknown word may be written.
            beams: Search with so many beams and draw nothing: the best text for each condition, or the n best where
                there is none. 0 draws.
            conditions: What the task lets one ask for, by name (`Task.asked`): `source=["red heart"]`.
        """
        return list(self.stream(n, temperature, top_k, top_p, greedy, seed, unknown, beams=beams, **conditions))

    def stream(
        self,
        n: int | None,
        temperature: float,
        top_k: int,
        top_p: float,
        greedy: bool,
        seed: int,
        unknown: bool,
        beams: int = 0,
        shown: bool = False,
        **conditions: Any,
    ) -> Iterator[str]:
        """Yield what `generate` returns, as it is written; with `shown`, what each was written under beside it."""
        if n is None:
            n = next((len(value) for value in conditions.values() if isinstance(value, list)), 10)
        if n < 1:
            raise UserError(f"n is {n}: ask for 1 text or more")
        unk = self.method.spec.unk
        forbid = () if unknown or unk is None else (unk,)
        decoding = Decoding(temperature, top_k, top_p, greedy, forbid)
        condition = on_device(self.method.task.asked(n, **conditions), self.method.device)
        writer = self.method.writer
        for name in condition:
            if conditions.get(name) is not None and name not in writer.needs:
                raise UserError(
                    f"the generator of {place(self.path)} ({type(writer).__name__}) reads no {name}: train with one "
                    "that does (`tokengan methods`), or leave it out"
                )
        noise = Noise(seeded("generate", seed_of(seed), self.method.device))
        said = self.method.task.shown if shown and writer.needs else self.method.task.decode
        if beams:
            if decoding != Decoding(forbid=forbid):
                raise UserError("beams take the likeliest: leave out temperature, top_k, top_p and greedy, or beams")
            return iter(said(self._searched(n, beams, decoding, noise, condition)))
        return self._stream(n, decoding, noise, condition, said)

    def _searched(self, n: int, beams: int, decoding: Decoding, noise: Noise, condition: Condition) -> Sequences:
        """Return the best sequence for each condition, or the best of all where there is none."""
        writer, rows = self.method.writer, n if condition else 1
        if not isinstance(writer, Autoregressive):
            raise UserError(f"the generator of {place(self.path)} does not write token by token: leave out beams")
        if n > rows * beams:
            raise UserError(f"{beams} beams find {beams} texts, not {n}: ask for fewer, or search with more beams")
        given = {**writer.prior(rows, noise), **condition}
        found = beam(writer, rows, beams, condition=given, decoding=decoding)
        return found.select(found.mask.any(1)).select(slice(0, n))

    def _stream(
        self,
        n: int,
        decoding: Decoding,
        noise: Noise,
        condition: Condition,
        said: Callable[[Sequences], list[str]],
    ) -> Iterator[str]:
        for first in range(0, n, CHUNK):
            rows = torch.arange(first, first + CHUNK).clamp(max=n - 1)
            own = rows_of(condition, rows.to(self.method.device))
            written = write(self.method.writer, CHUNK, noise, decoding, condition=own)
            yield from said(written.select(slice(0, n - first)))

    def score(self, texts: Iterable[str]) -> list[float]:
        """Return the discriminator's probability that each text is real.

        Raises UserError for a run whose discriminator is not there or was never trained.
        """
        critic, reward = self.method.critic, getattr(self.method, "reward", None)
        if critic is None:
            raise UserError(
                f"{place(self.path)} ({self.config.method}) has no discriminator: score with a run that has one"
            )
        if reward is not None and "discriminator" not in reward.needs:
            raise UserError(
                f"the discriminator of {place(self.path)} was never trained, since its reward "
                f"({type(reward).__name__}) does not read it: score with another run"
            )
        with torch.no_grad(), evaluating(critic):
            return [p for x in self._encoded(texts) for p in critic(x)["logits"].float().sigmoid().tolist()]

    def nll(self, texts: Iterable[str]) -> list[float]:
        """Return -log p(text) in nats per token, EOS counted, under the generator at temperature 1.

        Of a generator with a latent code: the upper bound of `BOUND_SAMPLES` importance-weighted draws of it.
        """
        law = self.method.writer
        if not isinstance(law, Autoregressive) or law.density == "none":
            raise UserError(f"the generator of {place(self.path)} has no likelihood")
        noise = Noise(seeded("bound", 0, self.method.device))

        def mean(x: Sequences) -> Tensor:
            if law.density == "bound":
                return -law.bound(x, noise, BOUND_SAMPLES) / x.lengths
            return torch.where(x.mask, nll(law(x), x), 0.0).sum(1) / x.lengths

        with torch.no_grad(), evaluating(law):
            return [value for x in self._encoded(texts) for value in mean(x).tolist()]

    def reconstruct(self, texts: Iterable[str]) -> list[str]:
        """Return each text as the generator writes it from its latent code alone: the mean code, the likeliest tokens.

        Raises UserError for a run without latent codes.
        """
        generator = inferring(self.method, place(self.path))
        batches = self._encoded(texts)
        return [text for x in batches for text in decoded(self.method, generator, codes_of(generator, [x]))]

    def interpolate(self, first: str, last: str, n: int = 7) -> list[str]:
        """Return n texts from one to the other: the likeliest tokens at codes on the line between their mean codes.

        Raises UserError for a run without latent codes.
        """
        generator = inferring(self.method, place(self.path))
        ends = codes_of(generator, self._encoded([first, last]))
        return decoded(self.method, generator, between(ends, n))

    def _encoded(self, texts: Iterable[str]) -> Iterator[Sequences]:
        texts = list(texts)
        for number, text in enumerate(texts, 1):
            if not isinstance(text, str) or not text.strip():
                raise UserError(f"text {number}, '{brief(text)}', is empty: leave it out")
        if texts:
            yield from (part.to(self.method.device) for part in self.method.task.encode(texts).split(ROWS))

    def draw(self, texts: Sequence[str], path: Path | str) -> Path:
        """Draw texts of this run, where its task has pictures of them: molecules, into an `.svg` or a `.png`."""
        return self.config.task_class.picture(texts, path)

    def evaluate(
        self, *, split: Literal["valid", "test"] = "test", samples: int = 10_000, seed: int = 1, slow: bool = False
    ) -> FinalReport:
        """Return the figures of the run on held-out data, which are read again.

        Args:
            split: What it is measured on.
            samples: Most samples to write, and held-out sequences to read.
            seed: Seed of the samples.
            slow: Whether to compute the task's slow figures too (molecules: FCD, and all held-out ones are read).
        """
        if samples < 2:
            raise UserError(f"samples is {samples}: ask for 2 or more")
        seed = seed_of(seed)
        method = self.config.build_method(self.config.build_task())
        load_networks(method, self.run.weights(self.checkpoint), self.checkpoint)
        return report_of(method.to(self.method.device), self.run, split=split, samples=samples, seed=seed, slow=slow)


def checkpoint_named(run: Run, checkpoint: str | int) -> str:
    """Return the name of a checkpoint asked for as `best`, `last`, `start` or a number. Raises UserError otherwise."""
    asked = str(checkpoint)
    if asked not in POINTERS and not asked.isdecimal():
        raise UserError(
            f"there is no checkpoint '{brief(asked)}'{nearest(asked, POINTERS)} "
            f"(give {', '.join(POINTERS)}, or a number)"
        )
    return run.checkpoints.find(asked)


def report_of(method: Method, run: Run, **settings: Any) -> FinalReport:
    """Return the final report of a method, compared at equal entropy with the run's start model where there is one.

    Args:
        method: The method, with the weights to measure.
        run: The run folder.
        settings: Those of `final_report`.
    """
    from tokengan.metrics.evaluator import final_report

    start = run.weights("start") if run.checkpoints.pointed("start") else None
    return final_report(method, start, **settings)
