"""The discriminator that reads the source: any judge's network over both, and it tells matched pairs from others."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from tokengan.discriminators.cnn import HighwayCNN
from tokengan.discriminators.pair import Pair
from tokengan.discriminators.recurrent import RecurrentDiscriminator
from tokengan.discriminators.transformer import TransformerDiscriminator
from tokengan.errors import UserError
from tokengan.sequences import Sequences, pad_lists
from tokengan.spec import Spec

SPEC = Spec(vocab_size=10, max_length=6, start=1, end=2, pad=0, unk=3, condition={"source": 5})
JUDGES = {
    "cnn": partial(HighwayCNN, embedding=16, widths=[1, 2, 3], filters=[16, 16, 16]),
    "recurrent": partial(RecurrentDiscriminator, embedding=16, hidden=24),
    "transformer": partial(TransformerDiscriminator, embedding=16, heads=2, init_std=0.2),
}


def pairs(sources: list[list[int]], targets: list[list[int]]) -> Sequences:
    source, target = (Sequences(*pad_lists([[*row, 2] for row in rows], 0)) for rows in (sources, targets))
    return target.replace(condition={"source": source})


def copies(rows: int, seed: int) -> Sequences:
    rng = torch.Generator().manual_seed(seed)
    words = [torch.randint(3, 10, (int(n),), generator=rng).tolist() for n in torch.randint(1, 5, (rows,))]
    return pairs(words, words)


@torch.no_grad()
@pytest.mark.parametrize("name", JUDGES)
def test_the_judge_reads_source_and_target_behind_each_other(name):
    """Without side vectors it is the judge itself on the joined tokens, whatever the padding between them."""
    torch.manual_seed(0)
    pair = Pair(SPEC, JUDGES[name]).double().eval()
    torch.nn.init.zeros_(pair.side)
    x = pairs([[4, 5], [6, 7, 8, 9], [3]], [[5], [9, 9], [4, 4, 4, 4, 4]])
    joined = Sequences(*pad_lists([[4, 5, 2, 5, 2], [6, 7, 8, 9, 2, 9, 9, 2], [3, 2, 4, 4, 4, 4, 4, 2]], 0))
    torch.testing.assert_close(pair(x)["logits"], pair.judge(joined)["logits"])
    pair.side.normal_()
    expected = pair(x)["logits"]
    garbage = torch.where(x.condition["source"].mask, x.condition["source"].tokens, 7)
    other = x.replace(condition={"source": x.condition["source"].replace(tokens=garbage)})
    torch.testing.assert_close(pair(other)["logits"], expected)
    assert not torch.allclose(pair(x)["logits"], pair.judge(joined)["logits"])


@pytest.mark.parametrize("name", ["cnn", "transformer"])
def test_it_tells_matched_pairs_from_mismatched_ones(name):
    """On copies, AUC of held-out pairs against the same targets with other sources: above .95 after some steps."""
    torch.manual_seed(0)
    pair = Pair(SPEC, JUDGES[name])
    optimiser = torch.optim.Adam(pair.parameters(), lr=3e-3)
    held = copies(200, 1)

    def mismatched(x: Sequences) -> Sequences:
        return x.replace(condition={"source": x.condition["source"].select(torch.arange(len(x)).roll(1))})

    def auc() -> float:
        with torch.no_grad():
            real, other = (pair.eval()(x)["logits"] for x in (held, mismatched(held)))
        return (real.unsqueeze(1) > other).float().mean().item()

    assert auc() < 0.7
    for step in range(400):
        x = copies(64, 100 + step)
        pair.train()
        logits = [pair(one)["logits"] for one in (x, mismatched(x))]
        loss = sum(binary_cross_entropy_with_logits(z, torch.full_like(z, 1.0 - i)) for i, z in enumerate(logits))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 50 == 49 and auc() > 0.95:
            return
    pytest.fail(f"AUC is {auc():.3f}")


def test_it_needs_a_source():
    with pytest.raises(UserError, match="the sequences of this task have none"):
        Pair(Spec(vocab_size=9, max_length=4))
    x = Sequences(*pad_lists([[4, 2]], 0))
    with pytest.raises(UserError, match="there is no source"):
        Pair(SPEC)(x)
