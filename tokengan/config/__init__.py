"""From names and settings to built objects, and back to the `config.yaml` that replays a run."""

from tokengan.config.built import Config
from tokengan.config.resolve import configure, seed_of

__all__ = ["Config", "configure", "seed_of"]
