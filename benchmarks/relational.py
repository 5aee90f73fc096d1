"""Time the relational memory generator against a plain form, as a ratio in one run.

    python benchmarks/relational.py [--vocab 5000] [--length 20]

The plain form is the paper's step as one would write it down: every head by itself, the token's row attended
from and passed through the whole block though it is dropped, nothing looked up, logits kept. Both have the same weights
and give the same numbers, which is printed too.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor

from tokengan.generators.base import Autoregressive, Condition, Outputs, State, Token, embed
from tokengan.generators.relational import RelationalMemory
from tokengan.noise import Noise
from tokengan.sampling.law import nll
from tokengan.sampling.write import write
from tokengan.sequences import Sequences
from tokengan.spec import Spec


class Plain(Autoregressive):
    """The same law, one head after another."""

    def __init__(self, memory: RelationalMemory) -> None:
        super().__init__(memory.spec)
        self.of = memory

    def start(self, rows: int, condition: Condition) -> tuple[Outputs, State]:
        """Return the first law."""
        first = torch.eye(self.of.slots, self.of.row).expand(rows, -1, -1)
        return self.step(torch.full((rows,), self.spec.start), State({"memory": first}))

    def step(self, token: Token, state: State) -> tuple[Outputs, State]:
        """Return the next law."""
        of, memory = self.of, state.rows["memory"]
        x = of.enters(embed(of.embedding.weight, token))
        rows = torch.cat([memory, x.unsqueeze(1)], dim=1)
        joined, keys, head = of.normed(of.attends(rows)), of.heads * of.key, of.row // of.heads
        heads = []
        for n in range(of.heads):
            query = joined[..., n * of.key : (n + 1) * of.key] * of.scale
            key = joined[..., keys + n * of.key : keys + (n + 1) * of.key]
            value = joined[..., 2 * keys + n * head : 2 * keys + (n + 1) * head]
            heads.append((query @ key.mT).softmax(-1) @ value)
        rows = of.after_mix(rows + torch.cat(heads, dim=-1))
        rows = of.after_mlp(rows + of.narrow(of.widen(rows).relu()))
        gates = of.gates_of_input(x).unsqueeze(1) + of.gates_of_memory(memory.tanh())
        enter, keep = gates.chunk(2, dim=-1)
        memory = enter.sigmoid() * rows[:, : of.slots].tanh() + (keep + 1).sigmoid() * memory
        return of.project(memory.flatten(1)), State({"memory": memory})


def timed(work: Callable[[], object], repeats: int = 3) -> float:
    """Return the processor seconds of the fastest of some runs, one more before them."""
    work()
    found = []
    for _ in range(repeats):
        begun = time.process_time()
        work()
        found.append(time.process_time() - begun)
    return min(found)


def learn(generator: Autoregressive, x: Sequences, loss: Callable[[], Tensor]) -> Callable[[], None]:
    """Return one likelihood step without the optimiser."""

    def work() -> None:
        generator.zero_grad()
        loss().backward()

    return work


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vocab", type=int, default=5000)
    parser.add_argument("--length", type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    spec = Spec(vocab_size=arguments.vocab, max_length=arguments.length)
    tokens = torch.randint(spec.vocab_size, (64, spec.max_length))
    x = Sequences(tokens, torch.ones_like(tokens).bool())
    print(f"V = {spec.vocab_size:,}, T = {spec.max_length}, processor time of one thread, fastest of three\n")
    print("| memory | work | tokengan | plain | ratio | largest difference |\n|---|---|---|---|---|---|")
    for slots, heads, head in ((1, 2, 32), (1, 2, 256), (4, 8, 32)):
        memory = RelationalMemory(spec, slots=slots, heads=heads, head_size=head)
        plain = Plain(memory)
        with torch.no_grad():
            apart = (memory(x)["logits"] - plain(x)["logits"]).abs().max().item()
        works = {
            "likelihood step, 64": (
                learn(memory, x, lambda m=memory: -m.score(x)["logp"].mean()),
                learn(plain, x, lambda p=plain: nll(p(x), x).mean()),
            ),
            "write 200": tuple(
                lambda g=g: write(g, 200, Noise(torch.Generator().manual_seed(0))) for g in (memory, plain)
            ),
        }
        for name, (ours, theirs) in works.items():
            a, b = timed(ours), timed(theirs)
            print(f"| {slots} x {heads} x {head} | {name} | {a:.3f} s | {b:.3f} s | {b / a:.1f}x | {apart:.0e} |")


if __name__ == "__main__":
    main()
