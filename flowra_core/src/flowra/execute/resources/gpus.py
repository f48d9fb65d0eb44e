"""The graphics cards that this process may use, found without starting a program or a CUDA context."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Gpu", "usable_gpus"]

_DRIVER = Path("/proc/driver/nvidia/gpus")
_DEVICES = Path("/dev")
_UUID_LENGTH = 96


@dataclass(frozen=True, slots=True)
class Gpu:
    """A graphics card.

    Attributes:
        id: What `CUDA_VISIBLE_DEVICES` may call it: its UUID, or its number where that is not known.
        memory: Its bytes of memory; None where nothing says.
    """

    id: str
    memory: int | None = None


def usable_gpus(
    environment: Mapping[str, str] | None = None, driver: Path = _DRIVER, devices: Path = _DEVICES
) -> tuple[Gpu, ...]:
    """Return the NVIDIA cards that a CUDA program of this process would see.

    The driver's library NVML says which there are, with their memory; without it the files of the driver, without
    memory.

    Args:
        environment: Where `CUDA_VISIBLE_DEVICES` is; this process's own if None.
        driver: Where the driver lists its cards.
        devices: Where the cards' device files are.
    """
    installed = _by_nvml() or _by_files(driver, devices)
    visible = (os.environ if environment is None else environment).get("CUDA_VISIBLE_DEVICES")
    if visible is None or not installed:
        return installed
    found: dict[str, Gpu] = {}
    for name in (each.strip() for each in visible.split(",")):
        gpu = _named(name, installed)
        if gpu is None:
            break  # as CUDA does: what stands after a name that is none doesn't count
        found[gpu.id] = gpu
    return tuple(found.values())


def _named(name: str, installed: tuple[Gpu, ...]) -> Gpu | None:
    if name.isdecimal():
        return installed[int(name)] if int(name) < len(installed) else None
    if name.startswith("MIG-"):
        return Gpu(name)  # a part of a card
    return next((gpu for gpu in installed if name.startswith("GPU-") and gpu.id.startswith(name)), None)


def _by_files(driver: Path, devices: Path) -> tuple[Gpu, ...]:
    try:
        informations = sorted(driver.glob("*/information"))
        texts = [information.read_text(encoding="utf-8", errors="replace") for information in informations]
    except OSError:
        texts = []
    uuids = (re.search(r"^GPU UUID:\s*(GPU-[0-9a-f-]+)\s*$", text, re.MULTILINE) for text in texts)
    if texts:
        return tuple(Gpu(uuid[1] if uuid else str(number)) for number, uuid in enumerate(uuids))
    numbers = sorted(int(path.name[6:]) for path in devices.glob("nvidia[0-9]*") if path.name[6:].isdecimal())
    return tuple(Gpu(str(number)) for number in numbers)


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


def _by_nvml() -> tuple[Gpu, ...]:
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
        if nvml.nvmlInit_v2() != 0:
            return ()
    except (OSError, AttributeError):
        return ()
    try:
        count = ctypes.c_uint()
        if nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
            return ()
        return tuple(_nvml_gpu(nvml, number) for number in range(count.value))
    except AttributeError:
        return ()
    finally:
        nvml.nvmlShutdown()


def _nvml_gpu(nvml: ctypes.CDLL, number: int) -> Gpu:
    handle = ctypes.c_void_p()
    if nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(number), ctypes.byref(handle)) != 0:
        return Gpu(str(number))
    uuid = ctypes.create_string_buffer(_UUID_LENGTH)
    known = nvml.nvmlDeviceGetUUID(handle, uuid, ctypes.c_uint(_UUID_LENGTH)) == 0
    memory = _Memory()
    measured = nvml.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)) == 0
    return Gpu(uuid.value.decode("ascii", "replace") if known else str(number), memory.total if measured else None)
