"""TensorBoard, if asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokengan.errors import UserError
from tokengan.training.health import number

__all__ = ["Board"]


class Board:
    """Writes every figure of a record to `events/`.

    Args:
        run: The run folder.
        step: Where the run goes on; what was written after that by a killed process is hidden.
    """

    def __init__(self, run: Path, step: int = 0) -> None:
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ImportError:
            raise UserError(
                "TensorBoard is not installed: pip install 'tokengan[track]', or train without it"
            ) from None
        self._writer = SummaryWriter(str(run / "events"), purge_step=step + 1 if step else None)

    def write(self, record: Mapping[str, Any]) -> None:
        """Write the numbers of one record."""
        for group in ("figures", "training"):
            for name, value in record[group].items():
                if (known := number(value)) is not None:
                    self._writer.add_scalar(f"{group}/{name}", known, record["step"])
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()
