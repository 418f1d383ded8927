"""Export a model as a MONAI bundle: `monai.bundle` verifies, loads and runs it.

The bundle holds Saywhere's own model folder, and its configuration names this package. So it runs
where Saywhere is installed. A MONAI network takes an image alone: the prompt is an entry of the
configuration, `--prompt "upper left"` on MONAI's command line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from saywhere._version import __version__
from saywhere.errors import UsageError
from saywhere.hub import bundle
from saywhere.hub.metadata import About
from saywhere.hub.onnx_graph import Described, Whole
from saywhere.hub.parity import Parity
from saywhere.inference.runtimes.runtime import sentence_vectors
from saywhere.inference.segmenter import Segmenter, load
from saywhere.io import files, images
from saywhere.io.decode import SUFFIXES
from saywhere.io.framing import Framing
from saywhere.modeling.stage_statistics import staged_network
from saywhere.text.prompts import clean

METADATA, INFERENCE = Path("configs/metadata.json"), Path("configs/inference.json")
MODEL = Path("models")
SCHEMA = (
    "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/"
    "meta_schema_20240725.json"
)


class PromptedNetwork(nn.Module):
    """A model with its prompt: image in, probability out, as MONAI's networks are called.

    Args:
        folder: A model's folder, a run directory, or a model's name.
        prompt: What is segmented; blank means "no words".
    """

    def __init__(self, folder: str, prompt: str = "") -> None:
        super().__init__()
        segmenter = load(folder, device="cpu")
        self.channels = segmenter.config.data.channels
        self.grey = segmenter.config.data.grey
        self.threshold = segmenter.config.evaluate.threshold
        self.rule = segmenter.presence_rule
        self.network, self.outputs = _network(segmenter)
        words = sentence_vectors(segmenter.vectors.table([clean(prompt)]))
        self.register_buffer("words", torch.from_numpy(words))
        # A buffer: it moves to a GPU with the weights.
        self.register_buffer("embedding", segmenter.embeddings([clean(prompt)]))

    embedding: Tensor
    words: Tensor

    def forward(self, image: Tensor) -> Tensor:
        """Segment.

        Args:
            image: (batch, channel, height, width), [0, 1], upright, of any size.

        Returns:
            Probability (batch, 1, height, width), [0, 1]; 0 everywhere where presence says that
            nothing named so is there.
        """
        n_images = image.shape[0]
        answers = self.network(image, self.embedding.expand(n_images, *self.embedding.shape[1:]))
        named = dict(zip(self.outputs, answers))
        logit = self._logit(named)
        if logit is None:
            return named["probability"]
        # A MONAI network has one output: what is emptied can be said in no other way.
        line = self.rule.slope * logit + self.rule.offset
        is_there = line.sigmoid() >= self.rule.threshold
        return named["probability"] * is_there[:, None, None, None]

    def _logit(self, named: Mapping[str, Tensor]) -> Tensor | None:
        """(batch,): of the head, or of what was learned of the network's features."""
        if not self.rule.weights:
            return named.get("presence")
        features = named["features"]
        described = torch.cat([features, self.words.expand(len(features), -1)], dim=1)
        weights = torch.tensor(self.rule.weights, dtype=torch.float64, device=features.device)
        return described.double() @ weights


def _network(segmenter: Segmenter) -> tuple[nn.Module, list[str]]:
    """The model for images of any size, and the names of its outputs."""
    whole = Whole(segmenter.model, Framing.of(segmenter.config.data))
    staged = staged_network(segmenter.model)
    if not segmenter.presence_rule.weights or staged is None:
        return whole, whole.outputs()
    return Described(whole, staged), [*whole.outputs(), "features"]


def predict(network: PromptedNetwork, pictures: str, output: str) -> list[str]:
    """Segment a folder of pictures; what `run` of the bundle's configuration does.

    Args:
        network: On any device.
        pictures: A folder of images that Saywhere reads.
        output: Where NAME-mask.png goes; it is made if need be.

    Returns:
        The files that were written.

    Raises:
        UnreadableFile: An image cannot be read.
        UsageError: Two images would have one mask's name.
        NotWritable: The folder takes no file.
    """
    paths = sorted(file for file in Path(pictures).iterdir() if file.suffix.lower() in SUFFIXES)
    _refuse_twins(paths)
    written = []
    for path in paths:
        image = _tensor(images.read_image(path, network.channels, network.grey))
        with torch.inference_mode():
            probability = network.eval()(image.to(network.embedding.device))
        mask = (probability[0, 0] > network.threshold).cpu().numpy()
        target = Path(output) / f"{path.stem}-mask.png"
        images.write_mask(target, mask)
        written.append(str(target))
    return written


def _refuse_twins(paths: Sequence[Path]) -> None:
    """a.png and a.bmp would both be written to a-mask.png."""
    stems = Counter(path.stem for path in paths)
    twins = sorted(path.name for path in paths if stems[path.stem] > 1)
    if twins:
        raise UsageError(
            f"several pictures of one name: {', '.join(twins[:4])}",
            where=paths[0].parent,
            allowed="each mask is named by its picture, without the ending",
            remedy="rename them, or put them into folders of their own",
        )


def export(run: Path, folder: Path, *, n_inputs: int = 20, seed: int = 0) -> Parity:
    """Write a model as a MONAI bundle, and compare it with the model.

    Args:
        run: A run directory, a model's folder, or a model's name.
        folder: Where configs/, models/ and docs/ go.
        n_inputs: Random images that both answer.
        seed: Of these.

    Returns:
        The largest difference of a probability. A run's weights become float16 in a bundle, as in
        every model that is passed on; the comparison is with that model.

    Raises:
        MissingFile: There is no such run or model.
        ParityError: A probability differs by more than `parity.TOLERANCE`.
        NotWritable: The folder takes no file.
    """
    facts = bundle.write(run, folder / MODEL, folder.name, About())
    prompt = next(iter(facts["about"]["suggestions"]), "")
    segmenter = load(folder / MODEL, device="cpu")
    channels, size = segmenter.config.data.channels, segmenter.config.data.size
    network = PromptedNetwork(str(folder / MODEL), prompt).eval()
    rng = np.random.default_rng(seed)
    largest = 0.0
    for _ in range(n_inputs):
        # At the network's size, where the library's rounding of resized pixels plays no part.
        pixels = rng.integers(0, 256, (size, size, channels), dtype=np.uint8)
        expected = segmenter.segment(pixels, prompt).probability
        with torch.inference_mode():
            answer = network(_tensor(pixels))[0, 0].numpy()
        largest = max(largest, float(np.abs(answer - expected).max()))
    parity = Parity(n_inputs, largest, None)
    parity.check(folder)
    files.write_json(folder / METADATA, _metadata(channels, folder.name))
    files.write_json(folder / INFERENCE, _inference(prompt))
    files.write_text(folder / "docs/README.md", (folder / MODEL / "README.md").read_text("utf-8"))
    return parity


def _tensor(pixels: np.ndarray) -> Tensor:
    """uint8 (height, width, channel) → float32 (1, channel, height, width), [0, 1]."""
    return torch.tensor(pixels.transpose(2, 0, 1), dtype=torch.float32)[None] / 255


def _metadata(channels: int, name: str) -> dict[str, object]:
    import monai

    image = {
        "type": "image",
        "format": "magnitude",
        "modality": "n/a",
        "num_channels": channels,
        "spatial_shape": ["*", "*"],
        "dtype": "float32",
        "value_range": [0, 1],
        "is_patch_data": False,
        "channel_def": {str(number): "image" for number in range(channels)},
    }
    mask = image | {
        "format": "segmentation",
        "num_channels": 1,
        "channel_def": {"0": "probability of what the prompt names"},
    }
    return {
        "schema": SCHEMA,
        "version": "0.1.0",
        "changelog": {"0.1.0": f"exported by Saywhere {__version__}"},
        "monai_version": monai.__version__,
        "pytorch_version": torch.__version__.split("+")[0],
        "numpy_version": np.__version__,
        "required_packages_version": {"saywhere": __version__},
        "name": name,
        "task": "referring segmentation: the configuration's `prompt` says what",
        "description": "See docs/README.md. Research use only, not a medical device.",
        "authors": "see docs/README.md",
        "copyright": "see docs/README.md",
        "network_data_format": {"inputs": {"image": image}, "outputs": {"pred": mask}},
    }


def _inference(prompt: str) -> dict[str, object]:
    return {
        # MONAI takes one name an import.
        "imports": ["$from saywhere.hub.monai_bundle import predict", "$import torch"],
        "bundle_root": ".",
        "dataset_dir": "$@bundle_root + '/images'",
        "output_dir": "$@bundle_root + '/output'",
        "prompt": prompt,
        "device": "$torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        "network_def": {
            "_target_": "saywhere.hub.monai_bundle.PromptedNetwork",
            "folder": f"$@bundle_root + '/{MODEL}'",
            "prompt": "@prompt",
        },
        "network": "$@network_def.to(@device)",
        "initialize": [],
        "run": ["$predict(@network, @dataset_dir, @output_dir)"],
        "finalize": [],
    }
