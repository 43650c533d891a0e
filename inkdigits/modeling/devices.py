"""Where networks are trained, and with what numbers."""

from __future__ import annotations

import torch

from inkdigits.errors import UsageError


def device_of(name: str) -> torch.device:
    """The device of that name; ``auto`` is the GPU where there is one.

    Raises:
        UsageError: there is no such device.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise UsageError(f"there is no device {name!r}: use auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("device cuda was asked for, but PyTorch finds no GPU here: use auto or cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def has_bfloat16(device: torch.device) -> bool:
    """Whether the processor multiplies bfloat16 by itself; where it doesn't, float32 is the faster."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def precision(device: torch.device) -> str:
    """What products are taken in while training: ``bfloat16`` or ``float32``."""
    return "bfloat16" if has_bfloat16(device) else "float32"


def mixed_precision(device: torch.device) -> torch.autocast:
    """A context for a forward pass: products in bfloat16 where the processor has it, all else in float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=has_bfloat16(device))
