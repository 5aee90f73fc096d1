"""Every method trains in half precision, and in both on a CUDA device where there is one."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tokengan.config import configure
from tokengan.config.slots import flags_of, slots_of
from tokengan.metrics.evaluator import Evaluator, final_report
from tokengan.registry import known, resolve
from tokengan.training.run import Run
from tokengan.training.trainer import TrainerSettings, fit

cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.mark.parametrize("name", [name for name in known("methods") if name != "template"])
@pytest.mark.parametrize(
    ("device", "precision"),
    [("cpu", "bf16"), pytest.param("cuda", "fp32", marks=cuda), pytest.param("cuda", "bf16", marks=cuda)],
)
def test_every_method_trains_and_is_measured(tmp_path: Any, name: str, device: str, precision: str) -> None:
    """Real words, padding and all: finite weights, and figures of samples that were written there."""
    small = {"data.max_lines": 300, "data.max_length": 10, "data.level": "word"}
    if name in ("labelgan", "sentigan"):
        small |= {"task": "labelled", "data.source": "fortunes", "data.labels": ["love", "pets"]}
        small |= {"generator.member": "lstm", "data.max_lines": None}
    if name == "relgan":
        small |= {"discriminator.views": 8}
    config = configure(name, "emoji", preset="none", settings=small | short(name))
    method = config.build_method(config.build_task())
    settings = TrainerSettings(eval_every=2, quiet=True, device=device, precision=precision, stop_on_collapse=False)
    ended = fit(method, Run.create(tmp_path / "run", ""), Evaluator(50), settings=settings)
    assert ended.status == "done"
    assert method.device.type == device
    assert all(torch.isfinite(value).all() for value in method.parameters())
    assert final_report(method, samples=50, matched_samples=50).figures


def short(name: str) -> dict[str, Any]:
    """Return settings with which a method is through in seconds."""
    wanted = {
        "mle_epochs": 1, "epochs": 1, "inter_rounds": 1, "d_rounds": 1, "rounds": 2, "updates": 2, "d_steps": 1,
        "d_epochs": 1, "credit.n": 2, "judge_epochs": 1, "mediator_epochs": 1, "samples": 16, "patience": None,
        "judge_patience": None, "reward.objectives": ["length"],
    }  # fmt: skip
    flags = flags_of(slots_of(resolve("methods", name)))
    return {key: value for key, value in wanted.items() if key in flags}
