"""What a CUDA device does as the CPU does: laws, draws, judgements, updates. Skipped where there is none."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from tokengan.config import configure
from tokengan.generators.base import Autoregressive, on_device
from tokengan.metrics.evaluator import Evaluator, final_report
from tokengan.noise import Noise
from tokengan.registry import known
from tokengan.sampling.rollouts import rollouts
from tokengan.sampling.write import write
from tokengan.training.run import Run
from tokengan.training.trainer import TrainerSettings, fit

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


@pytest.mark.parametrize("name", [name for name in known("methods") if name != "template"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_every_method_trains_and_is_measured(tmp_path: Any, name: str, precision: str) -> None:
    """Real words, padding and all: finite weights, and figures of samples that were written there."""
    small = {"data.max_lines": 300, "data.max_length": 10, "data.level": "word"}
    if name in ("labelgan", "sentigan"):
        small |= {"task": "labelled", "data.source": "fortunes", "data.labels": ["love", "pets"]}
        small |= {"generator.member": "lstm"}
    config = configure(name, "emoji", preset="none", settings=small | short(name))
    method = config.build_method(config.build_task())
    settings = TrainerSettings(eval_every=2, quiet=True, device="cuda", precision=precision, stop_on_collapse=False)
    ended = fit(method, Run.create(tmp_path / "run", ""), Evaluator(50), settings=settings)
    assert ended.status == "done"
    assert method.device.type == "cuda"
    assert all(torch.isfinite(value).all() for value in method.parameters())
    assert final_report(method, samples=50, matched_samples=50).figures


def short(name: str) -> dict[str, Any]:
    """Return settings with which a method is through in seconds."""
    from tokengan.config.slots import flags_of, slots_of
    from tokengan.registry import resolve

    wanted = {
        "mle_epochs": 1, "epochs": 1, "inter_rounds": 1, "d_rounds": 1, "rounds": 2, "updates": 2, "d_steps": 1,
        "d_epochs": 1, "credit.n": 2, "judge_epochs": 1, "mediator_epochs": 1, "samples": 16, "patience": None,
        "judge_patience": None, "reward.objectives": ["length"],
    }  # fmt: skip
    flags = flags_of(slots_of(resolve("methods", name)))
    return {key: value for key, value in wanted.items() if key in flags}
