"""The reading of a Hugging Face model, on a stand-in for the package: what is masked, cut, batched and put in order."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tokengan.errors import UserError
from tokengan.metrics import evaluate_texts
from tokengan.metrics.features import encoder
from tokengan.metrics.pretrained import ROWS, Pretrained


class Batch(dict):
    def to(self, device):
        return self


class Pieces:
    """Words are pieces and their ids their lengths; padding is 99, which a mean without a mask would show."""

    pad_token, eos_token = None, "<end>"

    def __call__(self, texts, padding, truncation, max_length, return_tensors):
        assert self.pad_token == "<end>"
        rows = [[len(word) for word in text.split()][:max_length] for text in texts]
        longest = max(map(len, rows))
        ids = torch.tensor([row + [99] * (longest - len(row)) for row in rows]).reshape(len(rows), longest)
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows]).reshape(len(rows), longest)
        return Batch(input_ids=ids, attention_mask=mask)


class Model(torch.nn.Module):
    config = SimpleNamespace(hidden_size=2)

    def forward(self, input_ids, attention_mask):
        assert not self.training
        return SimpleNamespace(last_hidden_state=torch.stack([input_ids, input_ids**2], -1).float())


@pytest.fixture
def stand_in(monkeypatch):
    def load(part):
        def from_pretrained(name):
            if name != "there":
                raise OSError(f"{name} is no model")
            return part()

        return SimpleNamespace(from_pretrained=from_pretrained)

    module = SimpleNamespace(AutoModel=load(Model), AutoTokenizer=load(Pieces))
    monkeypatch.setitem(sys.modules, "transformers", module)


def test_the_mean_of_real_pieces_in_the_order_of_the_sentences(stand_in):
    texts = [["aa"] * (i % 5) + ["a"] for i in range(ROWS + 9)]
    texts[3] = []
    vectors = Pretrained("there", longest=3, device="cpu").fit([])(texts)
    for text, vector in zip(texts, vectors, strict=True):
        sizes = np.array([len(word) for word in text][:3], float)
        expected = [sizes.mean(), (sizes**2).mean()] if len(sizes) else [0, 0]
        assert vector == pytest.approx(expected)
    assert not Pretrained("there", device="cpu").fit([])([[], []]).any()


def test_any_metric_of_vectors_reads_it_and_says_so(stand_in):
    texts = [f"{'a' * (i % 4 + 1)} b" for i in range(12)]
    figures = evaluate_texts(texts, texts[::-1], metrics=["fed"], encoder_name="hf:there")
    assert figures[0].value == pytest.approx(0, abs=1e-9)
    assert "encoder=hf:there(mean of last states, at most 128 pieces)" in figures[0].signature


def test_what_is_not_there_is_told_in_a_sentence(stand_in, monkeypatch):
    with pytest.raises(UserError, match="hf:elsewhere cannot be loaded: elsewhere is no model"):
        encoder("hf:elsewhere").fit([])
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match=r"pip install 'tokengan\[hf\]'"):
        encoder("hf:there").fit([])
