"""The relational memory against a plain version, one row, one head and one number at a time, and the card's checks."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tokengan.generators.relational import RelationalMemory
from tokengan.modes import evaluating
from tokengan.noise import Noise
from tokengan.sampling.write import write
from tokengan.sequences import Sequences
from tokengan.spec import Spec

SPEC = Spec(vocab_size=7, max_length=5)
Rows = list[list[float]]


def matrix(weight: Tensor, row: list[float], bias: Tensor | None = None) -> list[float]:
    """Return W r + b."""
    added = [0.0] * len(weight) if bias is None else bias.tolist()
    return [sum(w * v for w, v in zip(line, row, strict=True)) + b for line, b in zip(weight.tolist(), added)]  # noqa: B905


def normed(layer: torch.nn.LayerNorm, rows: Rows, joint: bool) -> Rows:
    """Return rows normalised each by itself, or by the mean and variance of all their numbers."""
    found = []
    for row in rows:
        numbers = [value for each in rows for value in each] if joint else row
        mean = sum(numbers) / len(numbers)
        spread = math.sqrt(sum((v - mean) ** 2 for v in numbers) / len(numbers) + layer.eps)
        gains = zip(row, layer.weight.tolist(), layer.bias.tolist(), strict=True)
        found.append([(v - mean) / spread * gain + bias for v, gain, bias in gains])
    return found


def plainly(g: RelationalMemory, words: list[int], joint: bool, head: int) -> list[list[float]]:
    """Return the logits before each word and after the last: the paper's section 2.1 as loops."""
    width, key = g.heads * head, g.key
    memory: Rows = [[1.0 if i == k else 0.0 for i in range(width)] for k in range(g.slots)]
    laws = []
    for word in [g.spec.start, *words]:
        x = matrix(g.enters.weight, g.embedding.weight[word].tolist(), g.enters.bias)
        rows = [*memory, x]
        joined = normed(g.normed, [matrix(g.attends.weight, row) for row in rows], joint)
        mixed: Rows = [[] for _ in rows]
        for n in range(g.heads):
            values = [r[2 * g.heads * key + n * head :][:head] for r in joined]
            keys = [r[g.heads * key + n * key :][:key] for r in joined]
            for k, row in enumerate(joined):
                query = [v / math.sqrt(2 * key + head) for v in row[n * key :][:key]]
                scores = [math.exp(sum(a * b for a, b in zip(query, other, strict=True))) for other in keys]
                mixed[k] += [
                    sum(s * value[i] for s, value in zip(scores, values, strict=True)) / sum(scores)
                    for i in range(head)
                ]
        sums = [[a + b for a, b in zip(row, mix, strict=True)] for row, mix in zip(rows, mixed, strict=True)]
        rows = normed(g.after_mix, sums, joint)
        wide = [[max(v, 0.0) for v in matrix(g.widen.weight, row, g.widen.bias)] for row in rows]
        out = [matrix(g.narrow.weight, row, g.narrow.bias) for row in wide]
        rows = normed(
            g.after_mlp, [[a + b for a, b in zip(r, o, strict=True)] for r, o in zip(rows, out, strict=True)], joint
        )
        fresh: Rows = []
        of_input = matrix(g.gates_of_input.weight, x)
        for row, new in zip(memory, rows, strict=False):
            of_memory = matrix(g.gates_of_memory.weight, [math.tanh(v) for v in row])
            gates = [a + b for a, b in zip(of_input, of_memory, strict=True)]
            enter = [1 / (1 + math.exp(-v)) for v in gates[:width]]
            keep = [1 / (1 + math.exp(-(v + 1))) for v in gates[width:]]
            fresh.append([i * math.tanh(c) + f * m for i, c, f, m in zip(enter, new, keep, row, strict=True)])
        memory = fresh
        laws.append(matrix(g.output.weight, [value for row in memory for value in row], g.output.bias))
    return laws


@pytest.mark.parametrize("joint", [False, True], ids=["row by row", "jointly"])
@pytest.mark.parametrize(("slots", "heads", "head", "key"), [(1, 2, 3, None), (3, 2, 2, 4), (2, 1, 4, 1)])
@torch.no_grad()
def test_against_the_plain_version(joint: bool, slots: int, heads: int, head: int, key: int | None) -> None:
    """Scale (2 key + head)^-1/2, the joint q, k, v norm, the row that is dropped, gates from x and tanh M, bias 1."""
    torch.manual_seed(0)
    generator = RelationalMemory(SPEC, 3, slots, heads, head, key, joint_norm=joint).double().eval()
    for parameter in generator.parameters():
        parameter.normal_(std=0.7)
    words = [[3, 0, 6, 2, 5], [1, 1, 4, 4, 0]]
    tokens = torch.tensor(words)
    x = Sequences(tokens, torch.ones_like(tokens).bool())
    expected = torch.tensor([plainly(generator, row[:-1], joint, head) for row in words], dtype=torch.float64)
    torch.testing.assert_close(generator(x)["logits"], expected, rtol=1e-9, atol=1e-9)
    # The same by steps from a table of all tokens: fourteen rows of five are more than seven words.
    many = x.repeat(7)
    outputs, state = generator.start(len(many), {})
    assert "table" in state.shared
    for t in range(1, 5):
        outputs, state = generator.step(many.tokens[:, t - 1], state)
    torch.testing.assert_close(outputs["logits"][:2], expected[:, 4], rtol=1e-9, atol=1e-9)


@torch.no_grad()
def test_norms_over_all_rows_are_not_norms_of_each() -> None:
    """TensorFlow 1 normalises rows and units together: with a memory row and a token's row it is another network."""
    torch.manual_seed(0)
    joint = RelationalMemory(SPEC, heads=2, head_size=4, joint_norm=True).eval()
    apart = RelationalMemory(SPEC, heads=2, head_size=4).eval()
    apart.load_state_dict(joint.state_dict())
    rows = torch.randn(3, 2, 8) * torch.tensor([1.0, 5.0]).view(1, 2, 1)
    together = joint.after_mix(rows)
    torch.testing.assert_close(together.mean((1, 2)), torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(together.var((1, 2), unbiased=False), torch.ones(3), atol=1e-4, rtol=0)
    assert together[:, 0].var() < 0.5 < apart.after_mix(rows)[:, 0].var()
    tokens = torch.randint(7, (2, 5))
    x = Sequences(tokens, torch.ones_like(tokens).bool())
    assert (joint(x)["logits"] - apart(x)["logits"]).abs().max() > 1e-3


@pytest.mark.parametrize("joint", [False, True])
@torch.no_grad()
def test_with_the_gates_held_nothing_changes(joint: bool) -> None:
    """Forget gate 1, input gate 0: memory and logits are those of the first memory, whatever is read."""
    generator = RelationalMemory(
        SPEC, slots=2, heads=2, head_size=3, forget_bias=1e4, input_bias=-1e4, joint_norm=joint
    )
    outputs, state = generator.start(4, {})
    torch.testing.assert_close(state.rows["memory"], torch.eye(2, 6).expand(4, 2, 6))
    for word in (3, 5, 1):
        later, state = generator.step(torch.full((4,), word), state)
        assert torch.equal(later["logits"], outputs["logits"])


def test_every_batch_begins_with_the_first_memory_and_no_graph() -> None:
    """Two batches in a row say the same, and the second's backward pass does not go through the first."""
    generator = RelationalMemory(SPEC, heads=2, head_size=3)
    outputs, state = generator.start(3, {})
    for _ in range(3):
        outputs, state = generator.step(torch.tensor([1, 2, 3]), state)
    outputs["logits"].square().sum().backward()
    again, state = generator.start(3, {})
    torch.testing.assert_close(again["logits"][1:], again["logits"][:1].expand(2, -1))
    other, _ = generator.step(torch.tensor([1, 2, 3]), state)
    other["logits"].square().sum().backward()  # would raise, had the graph been freed under it
    with evaluating(generator):
        one, two = (write(generator, 3, Noise(torch.Generator().manual_seed(1))) for _ in range(2))
    assert torch.equal(one.tokens, two.tokens)


def test_the_papers_size_and_start() -> None:
    """Memory 512, q, k, v of 256 a head, scale 768^-1/2; truncated normals of deviation fan_in^-1/2, biases 0."""
    torch.manual_seed(0)
    generator = RelationalMemory(Spec(vocab_size=2000, max_length=20))
    assert generator.width == 512
    assert generator.attends.weight.shape == (2 * 768, 512)
    assert generator.scale == 768**-0.5
    # A normal cut at two deviations has 0.8796 of its deviation left.
    for weight, fan_in in [
        (generator.embedding.weight, 2000), (generator.enters.weight, 32), (generator.attends.weight, 512),
        (generator.gates_of_memory.weight, 512), (generator.output.weight, 512),
    ]:  # fmt: skip
        assert weight.std().item() * math.sqrt(fan_in) == pytest.approx(0.8796, rel=0.02)
        assert weight.abs().max().item() <= 2 / math.sqrt(fan_in) + 1e-6
    assert all(bias.abs().max() == 0 for name, bias in generator.named_parameters() if name.endswith("bias"))
    assert generator.gates_of_input.bias is generator.gates_of_memory.bias is generator.attends.bias is None
