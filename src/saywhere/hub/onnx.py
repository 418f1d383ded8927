"""Export a model to ONNX: the network, the text encoder, and what a stranger needs to run them.

Neither PyTorch nor Saywhere is needed to run what is written, only onnxruntime and tokenizers.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from saywhere._version import __version__
from saywhere.hub.onnx_graph import (
    Described,
    Sentences,
    Whole,
    WithoutText,
)
from saywhere.hub.parity import Parity
from saywhere.inference import onnx_files
from saywhere.inference.finite import refuse_not_finite
from saywhere.inference.onnx_files import ABOUT, NETWORK, TEXT, TOKENIZER
from saywhere.inference.segmenter import Segmenter, load
from saywhere.io import files
from saywhere.io.framing import Framing
from saywhere.modeling.stage_statistics import staged_network
from saywhere.runs import locate
from saywhere.text.bert import BertEncoder

MOST_PIXELS_A_SIDE, MOST_IN_BATCH = 20_000, 512
TRIED_SIZES = ((1, 1), (3, 2), (1, 3), (2, 1))
"""Heights and widths that the parity is tried at, as shares of `data.size`."""


def export(run: Path, folder: Path, *, n_inputs: int = 20, seed: int = 0) -> Parity:
    """Write a model as ONNX, and compare the files with it.

    Args:
        run: A run directory, a model's folder, or a model's name.
        folder: Where the files go: network.onnx (image and embedding → probability, logits, and
            what else the model answers: pseudo_image, presence, features),
            text.onnx (token numbers → embedding), tokenizer.json, saywhere.json (sizes, threshold,
            digest). Batch and image size are open.
        n_inputs: Random images and prompts that both answer.
        seed: Of these.

    Returns:
        The largest differences.

    Raises:
        MissingFile: There is no such run or model.
        MissingExtra: onnx, onnxscript or onnxruntime is not installed.
        NotFiniteAnswer: The model answers NaN or infinity. No file is kept.
        ParityError: A probability differs by more than TOLERANCE. The files are not kept.
        NotWritable: The folder takes no file.
    """
    onnx_files.refuse_missing(onnx_files.EXPORTING, "exporting to ONNX")
    segmenter = load(run, device="cpu")
    segmenter.model.float()
    network = _network_bytes(segmenter)
    text = _text_bytes(segmenter)
    parity = _compare(segmenter, network, text, n_inputs, seed)
    parity.check(segmenter.folder)
    files.write_bytes(folder / NETWORK, network)
    if text is not None:
        files.write_bytes(folder / TEXT, text)
        files.write_text(folder / TOKENIZER, _bert(segmenter).tokenizer_json())
    files.write_json(folder / ABOUT, _about(segmenter, parity))
    return parity


def keep(run: Path) -> Path:
    """Export a model for `--runtime onnx`, unless that was done on this machine before.

    Args:
        run: A run directory, a model's folder, or a model's name.

    Returns:
        The folder of the cache that holds its files.

    Raises:
        MissingFile: There is no such run or model.
        MissingExtra: A package is not installed.
        NotFiniteAnswer: As `export`.
        ParityError: As `export`.
        NotWritable: The cache takes no file.
    """
    run_dir = locate.find(run)
    weights = locate.weights_file(run_dir)
    assert weights is not None
    folder = onnx_files.folder_for(weights)
    if not onnx_files.is_kept(weights):
        # Before a minute's work.
        onnx_files.refuse_missing()
        export(run_dir, folder)
    return folder


def _network_bytes(segmenter: Segmenter) -> bytes:
    channels, size = segmenter.config.data.channels, segmenter.config.data.size
    framing = Framing.of(segmenter.config.data)
    batch = torch.export.Dim("batch", min=1, max=MOST_IN_BATCH)
    height, width = (
        torch.export.Dim(name, min=1, max=MOST_PIXELS_A_SIDE) for name in ("height", "width")
    )
    # Two of a batch and no square: a 1, or equal sides, would be taken for fixed.
    image = torch.rand(2, channels, size + 8, size + 16)
    shapes: list[dict[int, Any]] = [{0: batch, 2: height, 3: width}]
    if not segmenter.hears_words:
        alone = WithoutText(segmenter.model, framing)
        outputs = alone.outputs()
        model = _described(alone, segmenter, outputs)
        return _exported(model, (image,), shapes, ["image"], outputs)
    embedding = segmenter.embeddings(["a lesion", "one small round polyp, upper left"])
    shapes.append({0: batch})
    if segmenter.model.reads_tokens:
        shapes[1][1] = torch.export.Dim("token", min=2, max=segmenter.encoder.max_length)
    names = ["image", "embedding"]
    whole = Whole(segmenter.model, framing)
    outputs = whole.outputs()
    model = _described(whole, segmenter, outputs)
    return _exported(model, (image, embedding), shapes, names, outputs)


def _described(whole: nn.Module, segmenter: Segmenter, outputs: list[str]) -> nn.Module:
    """With the network's features as a further output, where it names its maps."""
    network = staged_network(segmenter.model)
    if network is None:
        return whole
    outputs.append("features")
    return Described(whole, network)


def _text_bytes(segmenter: Segmenter) -> bytes | None:
    """None for an image-only model, and for encoders that are no network (controls)."""
    if not segmenter.hears_words or not isinstance(segmenter.encoder, BertEncoder):
        return None
    encoder = segmenter.encoder
    model = Sentences(
        encoder.trunk, encoder.pooling, encoder.unit_length, segmenter.model.reads_tokens
    )
    tokens = encoder.tokens(["a lesion", "one small round polyp, upper left"])
    batch = torch.export.Dim("batch", min=1, max=MOST_IN_BATCH)
    # The public code's pooling counts the padding, so there the length is fixed.
    is_open = encoder.pooling != "paper_code"
    token = torch.export.Dim("token", min=2, max=encoder.max_length)
    shape = {0: batch, 1: token} if is_open else {0: batch}
    inputs = (tokens["input_ids"], tokens["attention_mask"])
    # Not "embedding": a table of the encoder has that name.
    return _exported(model, inputs, [shape, shape], ["input_ids", "attention_mask"], ["prompt"])


def _bert(segmenter: Segmenter) -> BertEncoder:
    assert isinstance(segmenter.encoder, BertEncoder)
    return segmenter.encoder


def _exported(
    model: nn.Module,
    inputs: tuple[Tensor, ...],
    shapes: Sequence[dict[int, Any]],
    names: list[str],
    outputs: list[str],
) -> bytes:
    with torch.no_grad(), _quiet():
        program = torch.onnx.export(
            model.eval(),
            inputs,
            dynamo=True,
            dynamic_shapes=tuple(shapes),
            input_names=names,
            output_names=outputs,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    return program.model_proto.SerializeToString()


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter prints on its own behalf: of torchvision, of its own future."""
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        exporter.setLevel(level)


def _compare(
    segmenter: Segmenter, network: bytes, text: bytes | None, n_inputs: int, seed: int
) -> Parity:
    import onnxruntime

    session = onnxruntime.InferenceSession(network)
    size = segmenter.config.data.size
    model = Whole(segmenter.model, Framing.of(segmenter.config.data)).eval()
    names = model.outputs()
    generator = torch.Generator().manual_seed(seed)
    largest = {"probability": 0.0, **({"presence": 0.0} if "presence" in names else {})}
    for i in range(n_inputs):
        height, width = (size * share for share in TRIED_SIZES[i % len(TRIED_SIZES)])
        image = torch.rand(1, segmenter.config.data.channels, height, width, generator=generator)
        embedding = segmenter.embeddings([f"prompt {i}: a lesion, left"])
        with torch.inference_mode():
            answer = dict(zip(names, model(image, embedding)))
        # Compared with NaN, every difference counts as small.
        refuse_not_finite(segmenter.folder, *(answer[name] for name in largest))
        feed = {"image": image.numpy()}
        if segmenter.hears_words:
            feed["embedding"] = embedding.numpy()
        exported = dict(zip(largest, session.run(list(largest), feed)))
        for name, value in exported.items():
            difference = float(np.abs(value - answer[name].numpy()).max())
            largest[name] = max(largest[name], difference)
    return Parity(
        n_inputs,
        largest["probability"],
        None if text is None else _text_parity(segmenter, text),
        largest.get("presence"),
    )


def _text_parity(segmenter: Segmenter, text: bytes) -> float:
    import onnxruntime

    session = onnxruntime.InferenceSession(text)
    prompts = ["left", "one small round polyp, upper right of the image", "no words of ours: 12 x"]
    tokens = _bert(segmenter).tokens(prompts)
    feed = {name: tokens[name].numpy() for name in ("input_ids", "attention_mask")}
    expected = segmenter.embeddings(prompts).numpy()
    return float(np.abs(session.run(None, feed)[0] - expected).max())


def _about(segmenter: Segmenter, parity: Parity) -> dict[str, object]:
    """What the files do not say of themselves."""
    config = segmenter.config
    about: dict[str, object] = {
        "saywhere": __version__,
        "model": segmenter.digest,
        "channels": config.data.channels,
        "size_px": config.data.size,
        "grey": config.data.grey,
        "threshold": config.evaluate.threshold,
        "image": "float32 (batch, channel, height, width) in [0, 1], upright; any size",
        "probability": "float32 (batch, 1, height, width) of the image's size",
        "logits": f"float32 (batch, 1, {config.data.size}, {config.data.size})",
        "parity": asdict(parity),
    }
    if parity.presence is not None:
        about["presence"] = "float32 (batch,), a logit: is what the prompt names in the image?"
        # Without it, nobody could empty a mask as the model does.
        about["presence_rule"] = asdict(segmenter.presence_rule)
    elif segmenter.presence_rule.weights:
        about["presence"] = (
            "a logit: the sum of presence_rule.weights times the features, then the prompt's vector"
        )
        about["presence_rule"] = asdict(segmenter.presence_rule)
    if segmenter.hears_words:
        about["encoder"] = segmenter.state.get("encoder")
        about["embedding_size"] = segmenter.encoder.dim
        about["max_tokens"] = segmenter.encoder.max_length
        about["reads_tokens"] = segmenter.model.reads_tokens
    return about
