"""Keys and values are appended in place, and nobody who goes on from a kept state notices."""

from __future__ import annotations

import torch

from tokengan.generators.attention import appended
from tokengan.generators.transformer import Transformer
from tokengan.spec import Spec

SPEC = Spec(vocab_size=11, max_length=30)


def read(generator: Transformer, rows: torch.Tensor) -> torch.Tensor:
    """Return the law after reading rows from the start, nothing kept."""
    outputs, state = generator.start(len(rows), {})
    for column in rows.T:
        outputs, state = generator.step(column, state)
    return outputs["logits"]


@torch.no_grad()
def test_a_state_goes_on_in_many_ways_at_every_length() -> None:
    generator = Transformer(SPEC, embedding=8, heads=2).eval()
    tokens = torch.randint(11, (3, 29))
    _, state = generator.start(3, {})
    kept = [state]
    for t in range(29):
        _, state = generator.step(tokens[:, t], state)
        kept.append(state)
    other = (tokens + 1) % 11
    for t in range(29):  # from every kept state once more, with another token, then again with the first one
        branch, later = generator.step(other[:, t], kept[t])
        again, _ = generator.step(tokens[:, t], kept[t])
        torch.testing.assert_close(again["logits"], read(generator, tokens[:, : t + 1]))
        torch.testing.assert_close(
            branch["logits"], read(generator, torch.cat([tokens[:, :t], other[:, t : t + 1]], 1))
        )
        if t < 28:
            onward, _ = generator.step(other[:, t + 1], later)
            torch.testing.assert_close(
                onward["logits"], read(generator, torch.cat([tokens[:, :t], other[:, t : t + 2]], 1))
            )


@torch.no_grad()
def test_picked_rows_go_on_by_themselves() -> None:
    generator = Transformer(SPEC, embedding=8, heads=2).eval()
    tokens = torch.randint(11, (4, 8))
    _, state = generator.start(4, {})
    for t in range(6):
        _, state = generator.step(tokens[:, t], state)
    few = torch.tensor([2, 0])
    picked = state.select(few)
    generator.step(tokens[:, 7], state)
    outputs, _ = generator.step(tokens[few, 6], picked)
    torch.testing.assert_close(outputs["logits"], read(generator, tokens[few, :7]))


def test_nothing_is_copied_where_there_is_room() -> None:
    past = torch.zeros(2, 1, 3, 4)
    first = appended(past, torch.ones(2, 1, 1, 4), 30)
    second = appended(first, torch.ones(2, 1, 1, 4), 30)
    assert second.data_ptr() == first.data_ptr() != past.data_ptr()
    assert appended(first, torch.ones(2, 1, 1, 4), 30).data_ptr() != first.data_ptr()


def test_a_gradient_passes_through_what_was_appended() -> None:
    past, new = (torch.ones(1, 1, 2, 3, requires_grad=True) for _ in range(2))
    whole = appended(past, new, 4)
    (whole * whole).sum().backward()
    assert past.grad is not None
    assert new.grad is not None
    assert past.grad.eq(2).all()
    assert new.grad.eq(2).all()
