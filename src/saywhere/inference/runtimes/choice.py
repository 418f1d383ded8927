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

if TYPE_CHECKING:
    from saywhere.inference.runtimes.pytorch import TorchRuntime


def open_runtime(folder: Path, name: str, device: str) -> Runtime:
    """Load a model into a runtime.

    Args:
        folder: Of the run or model.
        name: Of RUNTIMES; auto: by what was measured on this machine, which the first call does.
        device: Where PyTorch computes, as `runs.devices.find` takes it.

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
        name = _chosen(folder, device)
    if name == ONNX:
        refuse_gpu(device)
        from saywhere.inference.runtimes.exported import OnnxRuntime

        return OnnxRuntime(folder)
    # Loaded only where it is chosen: PyTorch takes seconds.
    from saywhere.inference.runtimes.pytorch import TorchRuntime

    return TorchRuntime(folder, device, is_half=name == HALF)


def _chosen(folder: Path, device: str) -> str:
    """By the table of this machine, which is measured where it is not there yet."""
    weights = weights_file(folder)
    if weights is None:
        # The runtime that loads them says what is missing.
        return TORCH
    place = trial.place_for(files.digest(weights), device)
    chosen = trial.read(place)
    if chosen in RUNTIMES and (chosen != ONNX or onnx_files.is_kept(weights)):
        return chosen
    names = [TORCH, HALF]
    # It computes on the CPU, and is a candidate where its files are there.
    on_cpu = pytorch_of(open_runtime(folder, TORCH, device)).device.type == "cpu"
    if on_cpu and onnx_files.is_kept(weights):
        names.append(ONNX)
    runtimes = [open_runtime(folder, name, device) for name in names]
    threshold = runtimes[0].config.evaluate.threshold
    return trial.choose(trial.measure(runtimes, threshold), place)


def refuse_gpu(device: str) -> None:
    """Refuse ONNX Runtime on anything but the CPU: it would compute there without a word.

    Args:
        device: As it was named.

    Raises:
        UsageError: It is neither auto nor cpu.
    """
    if device not in ("auto", "cpu"):
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
