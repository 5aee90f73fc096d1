"""One simultaneous move of the named players: all gradients first, then all steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from tokengan.errors import UserError, nearest
from tokengan.methods.world import World

if TYPE_CHECKING:
    from tokengan.methods.base import Loss, Method
    from tokengan.optimiser import Optimiser

__all__ = ["Diverged", "Player", "Updater", "players_of"]


NOTHING = (
    "a player needs at least one parameter that requires a gradient, and there is none: a generator that is counted is "
    "trained by a method that counts, not by this one"
)


class Diverged(UserError):
    """A loss or a gradient is not finite. No weight was touched by the move that raised it."""

    def __init__(self, player: str, what: str, phase: str, iteration: int) -> None:
        self.player, self.what, self.phase, self.iteration = player, what, phase, iteration
        where = f" in phase '{phase}', round {iteration + 1}" if phase else ""
        super().__init__(f"the {what} of '{player}' is not a finite number{where}")


class Player:
    """Parameters that move together.

    Args:
        parameters: What moves; frozen ones are left out.
        optimiser: A torch optimiser over them.
        clip: Largest norm of the whole gradient; None leaves it.
        factor: Multiplies the learning rate; a function of the number of updates made so far.

    >>> weight = nn.Parameter(torch.tensor([1.0]))
    >>> player = Player([weight], torch.optim.SGD([weight], lr=0.5), factor=lambda updates: 1 / (1 + updates))
    >>> update = Updater({"generator": player})
    >>> update(generator=weight.sum()); update(generator=weight.sum())
    >>> weight.item(), player.updates
    (0.25, 2)
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        optimiser: torch.optim.Optimizer,
        clip: float | None = None,
        factor: Callable[[int], float] | None = None,
    ) -> None:
        self.parameters = [p for p in parameters if p.requires_grad]
        if not self.parameters:
            raise UserError(NOTHING)
        self.optimiser, self.clip, self.factor = optimiser, clip, factor
        self.updates = 0
        self._lrs = [group["lr"] for group in optimiser.param_groups]

    @classmethod
    def built(cls, parameters: Iterable[nn.Parameter], settings: Optimiser) -> Player:
        """Return the player that a method's settings describe."""
        own = [p for p in parameters if p.requires_grad]
        if not own:
            raise UserError(NOTHING)
        lr, decay = settings.lr, settings.weight_decay
        if settings.name == "sgd":
            optimiser = torch.optim.SGD(own, lr=lr, weight_decay=decay, momentum=settings.momentum)
        elif settings.name == "rmsprop":
            optimiser = torch.optim.RMSprop(own, lr=lr, weight_decay=decay)
        else:
            kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.name]
            fused = all(p.device.type in ("cpu", "cuda") and p.dtype != torch.float16 for p in own)
            optimiser = kind(own, lr=lr, weight_decay=decay, betas=settings.betas, fused=fused)
        return cls(own, optimiser, settings.clip, settings.factor.at)

    def clear(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def follow(self, loss: Tensor, retain: bool = False) -> None:
        """Add the gradient of a loss to what there is; `retain` keeps its graph for another loss."""
        # A loss made under autocast is followed back in the types it was made in, not in new ones.
        with torch.autocast(loss.device.type, enabled=False):
            loss.backward(inputs=self.parameters, retain_graph=retain)

    def gradients(self) -> list[Tensor]:
        """Return the gradients that there are."""
        return [p.grad for p in self.parameters if p.grad is not None]

    def norm(self) -> Tensor:
        """Return the norm of the whole gradient."""
        return torch.nn.utils.get_total_norm(self.gradients())

    def step(self, norm: Tensor) -> None:
        """Clip to the norm, set the learning rate, and move."""
        if self.clip is not None:
            torch.nn.utils.clip_grads_with_norm_(self.parameters, self.clip, norm)
        if self.factor is not None:
            factor = self.factor(self.updates)
            for group, lr in zip(self.optimiser.param_groups, self._lrs, strict=True):
                group["lr"] = lr * factor
        self.optimiser.step()
        self.updates += 1
        self.clear()


def players_of(method: Method) -> dict[str, Player]:
    """Return the players that a method names, built from its settings."""
    settings = method.optimisers()
    return {name: Player.built(parameters, settings[name]) for name, parameters in method.trains().items()}


class Updater:
    """Calls make one simultaneous move: `update(generator=loss, discriminator=loss)`.

    All backward passes run before the first step, each only into the named player's own parameters, so that a loss
    moves what it names and nothing else, and both losses may hang on one graph. Then the gradients are averaged over
    the processes, checked, clipped, and the optimisers step. Usable without the trainer.

    A loss is a tensor, a pair (tensor, metrics), or an iterable of either kind (micro-batches), whose gradients add up;
    dividing by their number is the caller's business. A lazy iterable keeps only one micro-batch's graph alive.

    Args:
        players: Who may be named.
        world: The processes.
        tick: Called once a move (a progress bar).

    Attributes:
        phase: Name of the running phase, for messages.
        iteration: Its round.
    """

    def __init__(
        self, players: Mapping[str, Player], world: World = World(), tick: Callable[[], None] | None = None
    ) -> None:
        self.players, self.world, self.tick = dict(players), world, tick
        self.phase, self.iteration = "", 0
        self._sums: dict[str, Any] = {}
        self._counts: dict[str, int] = {}
        self._checked: set[tuple[str, ...]] = set()

    def __call__(self, **losses: Loss) -> None:
        """Move every named player once. Raises Diverged, before any weight is touched, where a number is not finite."""
        self._check_names(tuple(losses))
        named = {name: self.players[name] for name in losses}
        for player in named.values():
            player.clear()
        try:
            values = [self._backward(name, loss, k + 1 < len(losses)) for k, (name, loss) in enumerate(losses.items())]
            if self.world.size > 1:
                values = self._average(list(named.values()), values)
            norms = [player.norm() for player in named.values()]
            self._guard(list(named), values, norms)
        except BaseException:
            for player in named.values():
                player.clear()
            raise
        for (name, player), value, norm in zip(named.items(), values, norms, strict=True):
            player.step(norm)
            self._log(f"{name}/loss", value)
            self._log(f"{name}/grad_norm", norm)
        if self.tick is not None:
            self.tick()

    def note(self, figures: Mapping[str, float | Tensor]) -> None:
        """Log figures that belong to no move (`generator/patterns`); their means are among those of `drain`."""
        for key, value in figures.items():
            self._log(key, value)

    def drain(self) -> dict[str, float]:
        """Return the means since the last call (`generator/loss`, `generator/grad_norm`, ...), and start anew.

        Over several processes the mean is everybody's; all of them must call.
        """
        names = sorted(self._sums)
        means = [self._sums[name] / self._counts[name] for name in names]
        self._sums, self._counts = {}, {}
        tensors = [mean.float() for mean in means if isinstance(mean, Tensor)]
        if not names:
            return {}
        device = tensors[0].device if tensors else torch.device("cpu")
        # One transfer for all of them: on a GPU each would wait for the queue.
        flat = torch.stack([torch.as_tensor(mean, dtype=torch.float32, device=device) for mean in means])
        if self.world.size > 1:
            flat = self.world.sum(flat) / self.world.size
        return dict(zip(names, flat.tolist(), strict=True))

    def state(self) -> dict[str, list[float]]:
        """Return the sums and counts that `drain` would average, and whether the sum is a tensor's."""
        sums = sorted(self._sums.items())
        return {name: [float(total), self._counts[name], isinstance(total, Tensor)] for name, total in sums}

    def load_state(self, state: Mapping[str, Sequence[float]]) -> None:
        """Go on from what `state` returned."""
        self._sums = {name: torch.tensor(total) if tensor else total for name, (total, _, tensor) in state.items()}
        self._counts = {name: int(count) for name, (_, count, _) in state.items()}

    def _check_names(self, names: tuple[str, ...]) -> None:
        if names in self._checked:
            return
        if not names:
            raise ValueError("update() needs at least one named loss")
        for name in names:
            if name not in self.players:
                known = ", ".join(self.players)
                raise ValueError(f"no player is called '{name}'{nearest(name, self.players)} (there are: {known})")
        owner: dict[int, str] = {}
        for name in names:
            for parameter in self.players[name].parameters:
                other = owner.setdefault(id(parameter), name)
                if other != name:
                    raise ValueError(f"'{other}' and '{name}' share parameters, so they cannot move in one update")
        self._checked.add(names)

    def _backward(self, name: str, loss: Loss, retain: bool) -> Tensor:
        """Add the gradients of one player's loss to its parameters and return the loss's value."""
        player, total = self.players[name], None
        for part, more in _micro_batches(loss):
            value, metrics = part if isinstance(part, tuple) else (part, {})
            if value.requires_grad:
                player.follow(value, retain or more)
            value = value.detach().float()
            total = value if total is None else total + value
            for key, metric in metrics.items():
                self._log(f"{name}/{key}", metric)
        if total is None:
            raise ValueError(f"the loss of '{name}' is an empty iterable")
        if not player.gradients():
            raise ValueError(f"the loss of '{name}' depends on none of its parameters: was something detached?")
        return total

    def _average(self, players: Sequence[Player], values: Sequence[Tensor]) -> list[Tensor]:
        """Average the gradients and losses over the processes, in one all-reduce."""
        parameters = [p for player in players for p in player.parameters]
        have = torch.tensor([p.grad is not None for p in parameters], dtype=torch.float32, device=values[0].device)
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([torch.stack(list(values)), have, *(grad.float().reshape(-1) for grad in grads)])
        dist.all_reduce(flat)
        flat /= self.world.size
        means, have, rest = flat.split([len(values), len(parameters), sum(p.numel() for p in parameters)])
        # A parameter that no process has a gradient for keeps none: an optimiser treats that differently from zero.
        for parameter, grad, anybody in zip(
            parameters, rest.split([p.numel() for p in parameters]), have.tolist(), strict=True
        ):
            parameter.grad = grad.view_as(parameter).to(parameter.dtype).clone() if anybody else None
        return list(means)

    def _guard(self, names: Sequence[str], values: Sequence[Tensor], norms: Sequence[Tensor]) -> None:
        finite = torch.stack([*values, *norms]).isfinite()
        if bool(finite.all()):
            return
        first = int((~finite).nonzero()[0])
        what = "loss" if first < len(names) else "gradient"
        raise Diverged(names[first % len(names)], what, self.phase, self.iteration)

    def _log(self, key: str, value: Any) -> None:
        self._sums[key] = self._sums.get(key, 0.0) + (value.detach() if isinstance(value, Tensor) else value)
        self._counts[key] = self._counts.get(key, 0) + 1


def _micro_batches(loss: Loss) -> Iterator[tuple[Any, bool]]:
    """Yield each part and whether another one may need its graph."""
    if isinstance(loss, Tensor) or (isinstance(loss, tuple) and len(loss) == 2 and isinstance(loss[1], Mapping)):
        yield loss, False
    elif isinstance(loss, Sequence):
        # Parts that exist already may hang on one graph.
        for k, part in enumerate(loss, 1):
            yield part, k < len(loss)
    else:
        for part in loss:
            yield part, False
