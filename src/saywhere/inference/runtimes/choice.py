"""Which runtime answers: the one that was named, or the fastest here that keeps the answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from saywhere.errors import UsageError, nearest
from saywhere.inference import onnx_files
from saywhere.inference.runtimes import trial
from saywhere.inference.runtimes.runtime import AUTO, HALF, ONNX, RUNTIMES, TORCH, Runtime
from saywhere.io import files
from saywhere.runs.locate import weights_file
from saywhere.runs.weights_header import read_header

if TYPE_CHECKING:
    from saywhere.inference.runtimes.pytorch import TorchRuntime

ON_CPU = ("auto", "cpu")
"""Names of devices that may mean the CPU."""


def open_runtime(folder: Path, name: str, device: str, *, mirror: bool | None = None) -> Runtime:
    """Load a model into a runtime.

    Args:
        folder: Of the run or model.
        name: Of RUNTIMES; auto: by what was measured on this machine, which the first call does.
        device: Where PyTorch computes, as `runs.devices.find` takes it.
        mirror: Will answers be averaged over mirrorings? None: as the model's configuration says.
            Then auto does not take ONNX Runtime, which cannot.

    Returns:
        The loaded model.

    Raises:
        UsageError: There is no such runtime or device.
        MissingFile: There are no weights.
        BadCheckpoint: The weights are damaged.
    """
    known = (AUTO, *RUNTIMES)
    if name not in known:
        raise UsageError(f"no runtime {str(name)[:40]!r}", remedy=nearest(str(name), known))
    if name == AUTO:
        name = _chosen(folder, device, mirror)
    if name == ONNX:
        refuse_gpu(device)
        from saywhere.inference.runtimes.exported import OnnxRuntime

        return OnnxRuntime(folder)
    # Loaded only where it is chosen: PyTorch takes seconds.
    from saywhere.inference.runtimes.pytorch import TorchRuntime

    return TorchRuntime(folder, device, is_half=name == HALF)


def is_measured(folder: Path, device: str) -> bool:
    """Was it measured on this machine what is fastest for a model?

    Args:
        folder: Of the run or model.
        device: As it was named.

    Returns:
        False also where there are no weights.
    """
    weights = weights_file(folder)
    return weights is not None and trial.read(_place(weights, device)) is not None


def _place(weights: Path, device: str) -> Path:
    return trial.place_for(files.digest(weights), device)


def _chosen(folder: Path, device: str, mirror: bool | None) -> str:
    """By the table of this machine, which is measured where it is not there yet."""
    weights = weights_file(folder)
    if weights is None:
        # The runtime that loads them says what is missing.
        return TORCH
    has_files = device in ON_CPU and onnx_files.is_kept(weights) and not onnx_files.missing()
    place = _place(weights, device)
    table = trial.read(place)
    # Exported after it was measured: now there is one more to choose from.
    if table is None or (has_files and table.kind == "cpu" and not table.has(ONNX)):
        table = _measured(folder, device, has_files)
        trial.keep(table, place)
    is_mirrored = read_header(folder)[1].evaluate.mirror if mirror is None else mirror
    names = [TORCH, HALF]
    if has_files and not is_mirrored:
        names.append(ONNX)
    return table.fastest(names)


def _measured(folder: Path, device: str, has_files: bool) -> trial.Table:
    runtimes = [open_runtime(folder, name, device) for name in (TORCH, HALF)]
    kind = pytorch_of(runtimes[0]).device.type
    # It computes on the CPU, whatever PyTorch does.
    if kind == "cpu" and has_files:
        runtimes.append(open_runtime(folder, ONNX, device))
    return trial.Table(kind, trial.measure(runtimes, runtimes[0].config.evaluate.threshold))


def refuse_gpu(device: str) -> None:
    """Refuse ONNX Runtime on anything but the CPU: it would compute there without a word.

    Args:
        device: As it was named.

    Raises:
        UsageError: It is neither auto nor cpu.
    """
    if device not in ON_CPU:
        raise UsageError(
            f"the ONNX runtime on {device}",
            allowed="it computes on the CPU",
            remedy="leave the device out, or take the runtime 'torch'",
        )


def pytorch_of(runtime: Runtime) -> TorchRuntime:
    """Narrow a runtime to PyTorch's, for what looks into the network.

    Args:
        runtime: Of a segmenter.

    Returns:
        The same one.

    Raises:
        UsageError: It is another one.
    """
    from saywhere.inference.runtimes.pytorch import TorchRuntime

    if not isinstance(runtime, TorchRuntime):
        raise UsageError(
            f"the runtime is {runtime.name!r}, which has no PyTorch network to look into",
            remedy="load the model with runtime='torch'",
        )
    return runtime
