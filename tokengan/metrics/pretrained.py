"""Sentence vectors of a pre-trained model of Hugging Face: the mean of its last hidden states over the real tokens.

Axes: B sentences of a batch, T tokens, H features.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from tokengan.errors import UserError
from tokengan.metrics.features import Array, Encoder, Read
from tokengan.metrics.ngrams import Sentences

__all__ = ["Pretrained"]

ROWS = 64


class Pretrained(Encoder):
    """A model by its name on the hub, or by a folder. Needs the extra `hf`.

    A sentence is its tokens joined by blanks, cut at `longest` pieces of the model's own tokeniser.

    Args:
        model: Name or folder.
        longest: Most pieces of a sentence.
        device: Where the model runs; a GPU where there is one.
    """

    def __init__(self, model: str, longest: int = 128, device: str | None = None) -> None:
        self.model, self.longest = model, longest
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.name = f"hf:{model}(mean of last states, at most {longest} pieces)"

    def fit(self, reference: Sentences) -> Read:
        """Return the model's reading; the reference is not looked at."""
        try:
            from transformers import AutoModel, AutoTokenizer
        except ImportError as error:
            raise UserError(f"encoder hf:{self.model} needs transformers: pip install 'tokengan[hf]'") from error
        try:
            pieces: Any = AutoTokenizer.from_pretrained(self.model)
            model: Any = AutoModel.from_pretrained(self.model).eval().to(self.device)
        except (OSError, ValueError) as error:
            raise UserError(f"encoder hf:{self.model} cannot be loaded: {error}") from error
        if pieces.pad_token is None:  # GPT-2 has none; what stands there is masked
            pieces.pad_token = pieces.eos_token

        @torch.no_grad()
        def read(sentences: Sentences) -> Array:
            texts = [" ".join(sentence) for sentence in sentences]
            by_length = sorted(range(len(texts)), key=lambda i: len(texts[i]))
            vectors = np.zeros((len(texts), model.config.hidden_size))
            for start in range(0, len(texts), ROWS):
                rows = by_length[start : start + ROWS]
                batch = pieces(
                    [texts[i] for i in rows],
                    padding=True,
                    truncation=True,
                    max_length=self.longest,
                    return_tensors="pt",
                ).to(self.device)
                if not batch["input_ids"].shape[1]:  # nothing but empty texts, and no marks of beginning or end
                    continue
                mask = batch["attention_mask"][..., None]
                states = model(**batch).last_hidden_state
                means = (states * mask).sum(1) / mask.sum(1).clamp(min=1)  # [B,H]
                vectors[rows] = means.double().cpu().numpy()
            return vectors

        return read
