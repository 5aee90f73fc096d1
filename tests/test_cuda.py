"""What a CUDA device does as the CPU does: laws, draws, judgements, updates. Skipped where there is none."""

from __future__ import annotations

import copy

import pytest
import torch

from tokengan.generators.base import Autoregressive, on_device
from tokengan.noise import Noise
from tokengan.sampling.rollouts import rollouts
from tokengan.sampling.write import write

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

CLOSE = 1e-4  # float32 products in another order


@pytest.fixture(autouse=True)
def full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the trainer does: cuDNN's layers are in TF32 by default."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def noise(seed: int = 0) -> Noise:
    """Return uniforms that are made on the CPU, so that both devices read the same."""
    return Noise(torch.Generator().manual_seed(seed))


def test_one_law_on_both_devices(make_generator, spec, batch):
    if make_generator.lacks(spec):
        pytest.skip("the task does not have what it writes for")
    there = make_generator(spec).eval()
    if not isinstance(there, Autoregressive):
        pytest.skip("does not write one token at a time")
    batch = batch.replace(condition={**batch.condition, **there.prior(len(batch), noise())})
    here = copy.deepcopy(there)
    # With the network that it reads, where it reads one.
    read = [part.lent.module for part in there.modules() if getattr(part, "reads", None)]
    there = copy.deepcopy(torch.nn.ModuleList([*read, there])).to("cuda")[-1]
    with torch.no_grad():
        laws = [law(x)["logits"].log_softmax(-1).cpu() for law, x in ((here, batch), (there, batch.to("cuda")))]
        scores = [law.score(x)["logp"].cpu() for law, x in ((here, batch), (there, batch.to("cuda")))]
    torch.testing.assert_close(*laws, rtol=CLOSE, atol=CLOSE)
    torch.testing.assert_close(*(score[batch.mask] for score in scores), rtol=CLOSE, atol=CLOSE)
    condition = batch.cycle(64).condition
    drawn = [write(law, 64, noise(), condition=on_device(condition, law.closed.device)) for law in (here, there)]
    same = (drawn[0].tokens == drawn[1].tokens.cpu()).all(1).float().mean()
    assert same > 0.95  # a uniform can fall between two laws that differ by rounding
    done = [[x.tokens.cpu() for _, x in rollouts(law, x, 2, noise(1))] for law, x in
            ((here, drawn[0]), (there, drawn[0].to("cuda")))]  # fmt: skip
    for one, other in zip(*done, strict=True):
        assert (one == other).all(1).float().mean() > 0.95


def test_one_judgement_on_both_devices(make_discriminator, spec, batch):
    here = make_discriminator(spec).eval()
    with torch.no_grad():
        expected = here(batch)
        found = copy.deepcopy(here).to("cuda")(batch.to("cuda"))
    for name, value in expected.items():
        torch.testing.assert_close(value, found[name].cpu(), rtol=CLOSE, atol=CLOSE)
