"""Several processes that train one network, started by ``torchrun``; one process is the usual case."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel


def rank() -> int:
    """Return the number of this process; 0 writes files and validates."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def processes() -> int:
    """Return how many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


@contextmanager
def process_group() -> Iterator[torch.device]:
    """Join the group that ``torchrun`` started, if it did, and give this process's device.

    NCCL where CUDA is there, otherwise gloo. Without ``torchrun``: the GPU if there is one, else the CPU.
    """
    gpu = torch.cuda.is_available()
    local = int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cuda", local) if gpu else torch.device("cpu")
    if "WORLD_SIZE" not in os.environ:
        yield device
        return
    if gpu:
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if gpu else "gloo")
    try:
        yield device
    finally:
        distributed.destroy_process_group()


def shared(network: nn.Module) -> nn.Module:
    """Return the network so that gradients are averaged over the processes; itself when there is one."""
    return DistributedDataParallel(network) if processes() > 1 else network


def from_first(value: float, device: torch.device) -> float:
    """Return the first process's value in every process."""
    if processes() == 1:
        return value
    tensor = torch.tensor([value], dtype=torch.float64, device=device)
    distributed.broadcast(tensor, src=0)
    return float(tensor.item())


def any_of(flag: bool, device: torch.device) -> bool:
    """Say in every process whether the flag is set in any, so that all stop at the same step."""
    if processes() == 1:
        return flag
    tensor = torch.tensor([int(flag)], device=device)
    distributed.all_reduce(tensor, op=distributed.ReduceOp.MAX)
    return bool(tensor.item())
