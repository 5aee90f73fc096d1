"""What a checkpoint holds: the whole state of a run, as safetensors and JSON. No pickle is written or read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from tokengan.errors import UserError
from tokengan.methods.batches import Batches
from tokengan.methods.streams import Streams
from tokengan.training.updater import Player

__all__ = [
    "Position", "Standing", "load_networks", "pack", "read_standing", "read_weights", "same_bits", "unpack",
]  # fmt: skip

WEIGHTS, OPTIMISERS, STATE = "weights.safetensors", "optimisers.safetensors", "state.json"


@dataclass
class Position:
    """Where a run is: always between two rounds.

    Args:
        phase: Number of the phase.
        iteration: Rounds of it that are done.
        total: Rounds of all phases that are done.
    """

    phase: int = 0
    iteration: int = 0
    total: int = 0

    @property
    def checkpoint(self) -> str:
        """The name of the checkpoint that is written here.

        >>> Position(total=123).checkpoint
        '000123'
        """
        return f"{self.total:06d}"


@dataclass
class Standing:
    """All that the trainer itself remembers.

    Args:
        position: Where the run is.
        best: Lowest watched figure of the phase, None before the first.
        waited: Evaluations since then.
        pointers: Checkpoints that `best` and `start` name.
        needs: For each of the newest checkpoints, those it needs to go on from: `best` and `start` as they were then.
        recent: The newest evaluation records, for the health monitors.
        start: The record at the end of the first phase: what later phases are compared with.
        metrics_bytes: Length of `metrics.jsonl`.
        seconds: Time spent training, over all processes that ever worked on the run.
    """

    position: Position = field(default_factory=Position)
    best: float | None = None
    waited: int = 0
    pointers: dict[str, str] = field(default_factory=dict)
    needs: dict[str, list[str]] = field(default_factory=dict)
    recent: list[dict[str, Any]] = field(default_factory=list)
    start: dict[str, Any] | None = None
    metrics_bytes: int = 0
    seconds: float = 0.0


def pack(
    method: nn.Module,
    players: Mapping[str, Player],
    standing: Standing,
    rngs: list[dict[str, Any]],
    means: Mapping[str, Any],
    machine: Mapping[str, Any],
) -> dict[str, bytes]:
    """Return the files of a checkpoint by name."""
    tensors: dict[str, Tensor] = {}
    scalars: dict[str, dict[str, dict[str, Any]]] = {}
    for name, player in players.items():
        scalars[name] = {}
        for index, entries in player.optimiser.state_dict()["state"].items():
            scalars[name][str(index)] = {k: v for k, v in entries.items() if not isinstance(v, Tensor)}
            tensors |= {f"{name}/{index}/{k}": v for k, v in entries.items() if isinstance(v, Tensor)}
    state = {
        "standing": asdict(standing),
        "updates": {name: player.updates for name, player in players.items()},
        "optimiser_scalars": scalars,
        "rng": rngs,
        "means": means,
        "machine": machine,
    }
    return {
        WEIGHTS: save_tensors(_owned(method.state_dict())),
        OPTIMISERS: save_tensors(_owned(tensors)),
        STATE: json.dumps(state, sort_keys=True).encode(),
    }


def unpack(
    parts: Mapping[str, bytes], method: nn.Module, players: Mapping[str, Player], name: str
) -> tuple[Standing, dict[str, Any]]:
    """Put a checkpoint's state into the method and its players; return the standing and the rest of `state.json`."""
    _load(method, read_weights(parts), name)
    state = json.loads(parts[STATE])
    if set(state["updates"]) != set(players):
        was, now = ", ".join(sorted(state["updates"])), ", ".join(sorted(players))
        raise UserError(f"checkpoint {name} was written with the players {was}; the configuration now has {now}")
    tensors = load_tensors(parts[OPTIMISERS])
    for player_name, player in players.items():
        entries = {int(index): dict(values) for index, values in state["optimiser_scalars"][player_name].items()}
        for key, tensor in tensors.items():
            owner, index, entry = key.rsplit("/", 2)
            if owner == player_name:
                # Cloned, so that it lies in memory as in the run that was left alone: not inside the file's bytes.
                entries[int(index)][entry] = tensor.clone()
        # The settings come from the configuration, not from the file: only what the optimiser has learnt is read.
        groups = player.optimiser.state_dict()["param_groups"]
        player.optimiser.load_state_dict({"state": entries, "param_groups": groups})
        player.updates = state["updates"][player_name]
    return read_standing(state), state


def read_standing(state: Mapping[str, Any]) -> Standing:
    """Return the standing that a `state.json` holds."""
    stored = dict(state["standing"])
    return Standing(**{**stored, "position": Position(**stored["position"])})


def read_weights(parts: Mapping[str, bytes]) -> dict[str, Tensor]:
    """Return the method's `state_dict` that a checkpoint holds."""
    return load_tensors(parts[WEIGHTS])


def load_networks(method: nn.Module, weights: Mapping[str, Tensor], name: str) -> None:
    """Load the networks of a `state_dict`, but not the random streams and not the place in the data.

    Going back to the best weights must not make the run draw the same numbers twice.
    """
    cursors = tuple(f"{name}." for name, module in method.named_modules() if isinstance(module, Streams | Batches))
    networks = {key: value for key, value in weights.items() if not key.startswith(cursors)}
    _load(method, {**method.state_dict(), **networks}, name)


def _load(method: nn.Module, weights: Mapping[str, Tensor], name: str) -> None:
    try:
        method.load_state_dict(dict(weights))
    except RuntimeError as error:
        first = " ".join(str(error).split()[:60])
        raise UserError(
            f"checkpoint {name} does not fit: it was written by a method that was built differently. Resume with the "
            f"configuration it was trained with. ({first})"
        ) from None


def _owned(tensors: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return copies on the CPU that share no memory: safetensors refuses tied weights, which load well twice."""
    for key, value in tensors.items():
        if not isinstance(value, Tensor):
            raise TypeError(f"'{key}' in the state is a {type(value).__name__}; a checkpoint holds tensors only")
    return {key: value.detach().to("cpu", copy=True).contiguous() for key, value in tensors.items()}


def same_bits(a: Tensor, b: Tensor) -> bool:
    """Return whether two tensors are equal bit for bit (NaN equals itself).

    >>> same_bits(torch.tensor([float("nan")]), torch.tensor([float("nan")])), same_bits(torch.ones(1), torch.ones(2))
    (True, False)
    """
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return torch.equal(a.contiguous().reshape(-1).view(torch.uint8), b.contiguous().reshape(-1).view(torch.uint8))
