"""One of two processes that train together; started by `test_trainer.py` with the variables torchrun sets."""

import hashlib
import json
import os
import sys
from dataclasses import replace

import torch
import torch.distributed as dist
from real_methods import METHODS, figures
from training_toys import QUIET

from tokengan.training.run import Run
from tokengan.training.trainer import fit

if __name__ == "__main__":
    torch.set_num_threads(1)
    toy = METHODS[sys.argv[2]]()
    fit(toy, Run(sys.argv[1]), figures, settings=replace(QUIET, keep=10))
    digest = hashlib.sha256(b"".join(value.numpy().tobytes() for value in toy.state_dict().values())).hexdigest()
    print(json.dumps({"weights": digest, "means": toy.update.drain(), "processes": toy.world.size}), flush=True)
    dist.barrier()
    # PyTorch's own threads can be joined too late when the interpreter winds down, which ends in an abort.
    os._exit(0)
