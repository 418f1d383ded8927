"""What is made ready before the first step."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from saywhere.config import Config
from saywhere.data.manifest import read_manifest
from saywhere.data.select import evaluation_prompt, limited
from saywhere.errors import ConfigError, MissingFile, TooManyFaults, UsageError
from saywhere.text.frames import translate_all
from saywhere.training.setup import checked, gather
from small_run import rows_of, write_rows


def test_the_scaled_training_prompts_have_unit_variance(config: Config) -> None:
    material = gather(config)
    assert material.scale is not None
    taught = {text for row in material.training.rows for text in row.prompts["taught"]}
    scaled = material.scale(
        material.table.embeddings[material.table.numbers(sorted(taught))]
    ).numpy()
    assert np.sqrt((scaled**2).mean()) == pytest.approx(1, abs=1e-3)


def test_validation_is_no_part_of_training(config: Config) -> None:
    material = gather(config)
    assert {row.split for row in material.training.rows} == {"train"}
    assert {row.split for row in material.validation_rows} == {"val"}


def test_without_a_validation_split_training_rows_stand_in(config: Config) -> None:
    material = gather(config.replace(**{"data.validation_split": "none"}))
    assert material.validation_rows == list(material.training.rows)[:64]


def test_only_the_rows_of_data_ids_are_used(config: Config, manifest: Path, tmp_path: Path) -> None:
    every = [row.id for row in read_manifest(manifest).rows]
    (tmp_path / "ids.txt").write_text("\n".join(every[:10]))
    assert [
        row.id
        for row in checked(config.replace(**{"data.ids": str(tmp_path / "ids.txt")})).manifest.rows
    ] == every[:10]


def test_who_learns_from_mosaics_alone_is_validated_on_mosaics(config: Config) -> None:
    single, mosaics = (gather(config.replace(**{"data.mosaic": share})) for share in (0.5, 1.0))
    assert single.validation_prompts == [row.prompts["plain"][0] for row in single.validation_rows]
    assert (
        len(mosaics.validation.decoded.masks)
        == len(mosaics.validation_prompts)
        == len(mosaics.validation_rows)
    )
    training = mosaics.training
    places = {text for same in training.prompts.same_place(training.rows) for text in same}
    assert set(mosaics.validation_prompts) <= places
    assert gather(
        config.replace(**{"data.mosaic": 1.0, "fusion.name": "none"})
    ).validation_prompts == [""] * len(mosaics.validation_rows)


def test_image_only_needs_no_encoder(config: Config) -> None:
    material = gather(config.replace(**{"fusion.name": "none"}))
    assert (material.encoder, material.scale, material.table.prompts) == (None, None, [""])


def test_a_limit_is_drawn_by_the_seed(config: Config, manifest: Path) -> None:
    read = read_manifest(manifest)

    def chosen(seed: int, limit: int | None) -> list[str]:
        return [
            row.id for row in limited(read, config.data.model_copy(update={"limit": limit}), seed)
        ]

    every = chosen(0, None)
    assert len(chosen(0, 7)) == 7
    assert chosen(0, 7) == chosen(0, 7) != chosen(1, 7)
    assert chosen(0, 7) == sorted(chosen(0, 7), key=every.index)
    assert chosen(0, 10**6) == every


@pytest.mark.parametrize(
    ("n_faulty", "budget", "is_refused"),
    [(2, 0.5, False), (5, 0.05, True), (1, 0.0, True), (0, 0.0, False)],
)
def test_the_budget_of_faults_is_a_share_of_the_rows(
    config: Config, manifest: Path, n_faulty: int, budget: float, is_refused: bool
) -> None:
    rows = [
        row | {"mask": "masks/none.png"} if i < n_faulty else row
        for i, row in enumerate(rows_of(manifest))
    ]
    asked = config.replace(
        **{
            "data.manifest": str(write_rows(manifest.with_name(f"budget_{n_faulty}.jsonl"), rows)),
            "data.fault_budget": budget,
        }
    )
    if is_refused:
        with pytest.raises(
            TooManyFaults, match=f"{n_faulty} of {len(rows)} rows are faulty"
        ) as caught:
            checked(asked)
        assert caught.value.exit_code == 3
    else:
        assert len(checked(asked).manifest.rows) == len(rows) - n_faulty


def test_what_is_missing_is_named(config: Config, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError,
        match=r"data\.manifest is not set: set it in the configuration, "
        r"or --set data\.manifest=PATH",
    ):
        checked(config.replace(**{"data.manifest": None}))
    with pytest.raises(MissingFile, match=r"no manifest .*none"):
        checked(config.replace(**{"data.manifest": str(tmp_path / "none.jsonl")}))
    with pytest.raises(
        ConfigError,
        match=r"no rows of split 'training' in .*; splits there: train, val, test: "
        r"set data\.train_split",
    ):
        gather(config.replace(**{"data.train_split": "training"}))
    with pytest.raises(UsageError, match=r"no prompts named 'tought'.*: did you mean 'taught'"):
        gather(config.replace(**{"text.train_prompts": "tought"}))


@pytest.mark.parametrize(
    "key", ["text.train_prompts", "text.evaluate_prompts", "text.unseen_prompts"]
)
def test_prompts_that_no_row_has_are_named_with_the_key_that_asks_for_them(
    config: Config, key: str
) -> None:
    asked = config.replace(**{key: "unsean"})
    with pytest.raises(
        ConfigError,
        match=rf"^no prompts named 'unsean' in \S+manifest\.jsonl, which {key} asks for: "
        r"did you mean 'unseen'\?$",
    ):
        checked(asked)
    checked(asked.replace(**{"fusion.name": "none"}))  # an image-only model asks for none


def test_a_test_row_without_the_unseen_wording_is_told_before_the_training(
    config: Config, manifest: Path, tmp_path: Path
) -> None:
    rows = [
        row
        | {"image": str(manifest.parent / row["image"]), "mask": str(manifest.parent / row["mask"])}
        for row in rows_of(manifest)
    ]
    last = next(row for row in reversed(rows) if row["split"] == "test")
    del last["prompts"]["unseen"]
    asked = config.replace(**{"data.manifest": str(write_rows(tmp_path / "manifest.jsonl", rows))})
    with pytest.raises(
        ConfigError, match=rf"no prompts 'unseen' in row '{last['id']}' in text\.unseen_prompts"
    ):
        checked(asked)
    checked(asked.replace(**{"text.unseen_prompts": None}))
    checked(
        asked.replace(**{"data.test_split": "nowhere"})
    )  # as of what the page keeps: there is nothing to evaluate


def test_rows_to_learn_from_alone_need_no_unseen_wording(config: Config) -> None:
    checked(config.replace(**{"text.unseen_prompts": "later", "data.test_split": "nowhere"}))


def test_a_manifest_without_any_words_says_what_to_do(
    config: Config, manifest: Path, tmp_path: Path
) -> None:
    rows = [
        row
        | {"image": str(manifest.parent / row["image"]), "mask": str(manifest.parent / row["mask"])}
        for row in rows_of(manifest)
    ]
    for row in rows:
        del row["prompts"]
    with pytest.raises(
        ConfigError,
        match=r"which text\.train_prompts asks for: write prompts, or set fusion\.name = 'none'",
    ):
        checked(
            config.replace(**{"data.manifest": str(write_rows(tmp_path / "manifest.jsonl", rows))})
        )


def test_a_row_is_evaluated_with_the_first_sentence_of_its_level(
    config: Config, manifest: Path
) -> None:
    row = read_manifest(manifest).rows[0]
    taught = config.replace(**{"text.evaluate_prompts": "taught"})
    assert evaluation_prompt(row, taught.evaluation_level) == row.prompts["taught"][0]
    image_only = config.replace(**{"fusion.name": "none"})
    assert evaluation_prompt(row, image_only.evaluation_level) == ""


def test_noise_is_in_spreads_of_the_prompts_whatever_the_scale(config: Config) -> None:
    """Without a scale, prompts differ by some 0.03 a number: noise of 0.5 would drown them."""
    for name in ("within", "whiten", "standardise", "none"):
        material = gather(config.replace(**{"text.scale": name, "text.noise": 0.5}))
        assert material.scale is not None
        scaled = material.scale(material.table.embeddings).numpy()
        assert material.noise_std == pytest.approx(0.5 * np.sqrt(scaled.var(0).mean()), rel=0.1), (
            name
        )


def test_the_frame_of_the_words_is_recorded(config: Config) -> None:
    facts = gather(config).prompt_facts
    assert (facts.frame, facts.scripts, facts.languages) == ("image", ("Latin",), ("English",))


def test_prompts_are_translated_into_the_frame_that_is_wanted(
    config: Config, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in Path(str(config.data.manifest)).read_text().splitlines()]
    folder = Path(str(config.data.manifest)).parent
    for row in rows:
        row |= {"image": str(folder / row["image"]), "mask": str(folder / row["mask"])}
        row |= {"frame": "patient", "orientation": "L\\F"}
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    patients = config.replace(**{"data.manifest": str(manifest)})
    # Some of the sentences say "of the image" themselves; the plain ones are the patient's now.
    as_written = gather(patients).prompt_facts
    assert (as_written.frame, as_written.plain) == ("both", "patient")
    # What writes plain words of the image's sides would teach one word for both sides.
    for key, value in (("data.half", 0.1), ("data.mosaic", 0.1), ("fusion.arm", "recaption")):
        with pytest.raises(ConfigError, match=rf"{key}.* writes sentences of the image's left"):
            gather(patients.replace(**{key: value}))
        gather(patients.replace(**{key: value, "text.frame": "image"}))
    translated = gather(patients.replace(**{"text.frame": "image"}))
    assert translated.prompt_facts.frame == "image"
    assert translated.validation_prompts == [
        translate_all(prompt, "patient", "image", "left")
        for prompt in gather(config).validation_prompts
    ]
