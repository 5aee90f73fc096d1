"""Figures that a part leaves for the log while it works."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["Noting"]


class Noting(nn.Module):
    """A part that notes figures as it goes; whoever logs drains them.

    >>> import torch
    >>> part = Noting()
    >>> part.note("flat", torch.tensor([1.0, 0.0])); part.note("flat", torch.tensor([1.0, 1.0]))
    >>> part.drain(), part.drain()
    ({'flat': tensor(0.7500)}, {})
    """

    def __init__(self) -> None:
        super().__init__()
        self._notes: dict[str, tuple[Tensor, int]] = {}

    def note(self, name: str, values: Tensor) -> None:
        """Add values to a figure, which is their mean since it was last drained."""
        total, count = self._notes.get(name, (0.0, 0))
        self._notes[name] = (total + values.detach().double().sum(), count + values.numel())

    def drain(self) -> dict[str, Tensor]:
        """Return the means noted here and by the parts within (`second.weight`), and forget them."""
        drained: dict[str, Tensor] = {}
        for path, part in self.named_modules():
            if isinstance(part, Noting):
                for name, (total, count) in part._notes.items():
                    drained[f"{path}.{name}" if path else name] = (total / max(count, 1)).float()
                part._notes.clear()
        return drained
