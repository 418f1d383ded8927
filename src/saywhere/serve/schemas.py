"""What the service answers, for /openapi.json and for who reads this."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class Fault(BaseModel):
    """What went wrong: a stable name, a sentence, and what to do."""

    code: str
    message: str
    remedy: str | None


class Refusal(BaseModel):
    """Every answer that is no success has this form."""

    error: Fault


class Health(BaseModel):
    """The process answers."""

    status: str
    version: str


class Readiness(BaseModel):
    """Requests are taken."""

    status: str


class ModelFacts(BaseModel):
    """One model."""

    name: str
    digest: str = Field(
        description="sha256 of all that its answers come from: weights, configuration, encoder"
    )
    network: str
    fusion: str
    size_px: int
    hears_words: bool
    frame: str = Field(
        description=(
            "whose left and right its prompts mean: image, patient, both (the prompt says whose), "
            "or empty where it is not stated"
        )
    )
    left: str = Field(description="the same, for people: left of the image, patient's left …")
    threshold: float
    suggestions: list[str] = Field(description="prompts to begin with")


class Limits(BaseModel):
    """What is taken at most; one more is refused."""

    file_bytes: int
    pixels: int
    prompt_chars: int
    prompts: int


class ModelList(BaseModel):
    """In the order in which they were named; a call names one where there are several."""

    models: list[ModelFacts]
    keeps: bool = Field(description="is there a store for /v1/keep?")
    takes_references: bool = Field(description="may an image be named in an archive?")
    limits: Limits
    user: str | None = Field(description="whose token was sent; null: no users are listed")


class Mask(BaseModel):
    """COCO's compressed run lengths, as pycocotools reads them."""

    size: list[int] = Field(description="height, width", min_length=2, max_length=2)
    counts: str


class Found(BaseModel):
    """One prompt's answer."""

    prompt: str
    mask: Mask
    area_px: int
    presence: float = Field(
        description=(
            "how sure the model is that what was named is in the image: of a model with a presence "
            "head its probability, below whose threshold the mask is empty and a warning says so; "
            "else the largest probability, not calibrated"
        ),
        ge=0,
        le=1,
    )
    confidence: float | None = Field(
        description="mean probability inside the mask, not calibrated; null for an empty mask"
    )
    expected_dice: float | None = Field(
        description=(
            "Dice of answers of this confidence where the truth was known and the prompt right; "
            "null for an empty mask, a model that was not calibrated, and where the picture is "
            "unlike those of the training"
        )
    )
    unfamiliarity: float = Field(description="above 1: unlike the prompts of the training")
    picture_unfamiliarity: float | None = Field(
        description=(
            "above 1: unlike the pictures of the training; null for a model that learned no such "
            "distance"
        )
    )
    denies: bool = Field(
        description=(
            "has the prompt a no, not, without or the like? Published sets hold no such prompts: "
            "what they deny may be marked all the same"
        )
    )
    frame: str = Field(description="whose left and right the model was taught, see /v1/models")
    read_as: str | None = Field(
        description=(
            "the prompt in the model's frame, where it named the other one and was translated; "
            "null: it was read as it is"
        )
    )
    warnings: list[str] = Field(
        description="what to know of the prompt: translated, another language, whose left …"
    )
    slice_number: int | None = Field(
        alias="slice",
        description="of a volume: which slice, from 1, in the order of places; null of a picture",
    )
    probability_png: str = Field(
        "", description="where included: base64 of a PNG, 0 to 255 for [0, 1]"
    )
    pseudo_image_png: str = Field(
        "", description="where included: base64 of a PNG to look at, 256 pixels a side at most"
    )


class Segmented(BaseModel):
    """A mask per prompt, in the order of the prompts; of a volume slice after slice."""

    model: str
    model_digest: str = Field(description="as `digest` in /v1/models")
    frame: str = Field(description="whose left and right the model was taught, see /v1/models")
    size: list[int] = Field(
        description="height, width of the image, or of its first slice", min_length=2, max_length=2
    )
    slices: int = Field(description="of the volume that was sent; 1 of a picture", ge=1)
    notes: list[str] = Field(
        description="what to know of a volume: gaps, copies, files that are no images"
    )
    results: list[Found]
    timings_ms: dict[str, float]
    image_sha256: str = Field(
        description="of the file as it was sent; /v1/kept?image= gives what was kept for it"
    )
    image_png: str = Field(
        "", description="where included: base64 of a PNG of the image as it was read"
    )


class Opposite(BaseModel):
    """null where the prompt names no side."""

    prompt: str | None


class Kept(BaseModel):
    """Written and flushed to the disk."""

    key: str
    # By its name in the answers of /v1, which stays.
    kept_at: str = Field(alias="kept", title="Kept", description="when, in UTC")
    n_kept: int


class TakenBack(BaseModel):
    """Out of the manifest, and in the history."""

    keys: list[str] = Field(description="of the row, and of those whose place it had taken")
    n_kept: int


class Review(BaseModel):
    """A second look at a row."""

    key: str
    verdict: str = Field(description="accepted, rejected or open")
    comment: str
    who: str
    when: str = Field(description="in UTC")


class ReviewList(BaseModel):
    """The newest of each row."""

    reviews: list[Review]


class AgreementPair(BaseModel):
    """Two masks of one picture and one prompt."""

    source: str = Field(description="sha256 of the picture's file")
    prompt: str
    readers: list[str]
    keys: list[str]
    dice: float | None = Field(description="null where the masks are not of one size")


class AgreementList(BaseModel):
    """Of every two masks that stand beside each other."""

    pairs: list[AgreementPair]


class Shades(BaseModel):
    """Grey values that are shown from black to white, in the file's unit."""

    name: str
    low: float
    high: float


class ShownPicture(BaseModel):
    """A picture to look at: either `image_png`, or `upper_png` and `lower_png`."""

    size: list[int] = Field(description="height, width", min_length=2, max_length=2)
    orientation: str = Field(
        description="what lies at the right edge and at the lower one, as DICOM writes it: L\\F; "
        "empty: not known"
    )
    image_png: str = Field("", description="base64 of a PNG of 8 bits")
    upper_png: str = Field("", description="base64 of a PNG: the upper 8 of 16 bits")
    lower_png: str = Field("", description="base64 of a PNG: the lower 8 bits")
    offset: float = Field(0.0, description="offset + step × value is the value in the file's unit")
    step: float = Field(1.0, description="negative where the least value is white")
    windows: list[Shades] = Field([], description="the first is how the file wants to be shown")


class ShownMask(BaseModel):
    """A mask as it is read."""

    size: list[int] = Field(description="height, width", min_length=2, max_length=2)
    mask_png: str = Field(description="base64 of a PNG of 0 and 255")


class KeptRow(BaseModel):
    """Of one act."""

    key: str
    prompt: str
    who: str
    model: str = Field(description="that gave the mask which was corrected")
    group: str = Field(description="patient or study; empty: none was given")
    kept_at: str = Field(alias="kept", title="Kept")
    mask_png: str = Field(
        "", description="where the call names one image: base64 of a PNG of the mask"
    )


class KeptList(BaseModel):
    """The newest 200; of one image the newest of each prompt and person."""

    n_kept: int
    rows: list[KeptRow]
    images: list[str] = Field(
        [],
        description=(
            "sha256 of each image's file that something was kept for; empty where the call names "
            "one image"
        ),
    )


MEANINGS = {
    400: "the request cannot be read, or calls the server by another name",
    401: "no token or a wrong one, or a call from another site's page",
    404: "there is no such row",
    406: "a kind of answer that this call does not give",
    409: "somebody kept another mask for this image and prompt, which the sender has not seen",
    408: "the body did not arrive in time",
    413: "the body is over the limit",
    415: "no image that can be read within the limits",
    422: "the call is wrong: a field is missing, unknown or over its limit",
    500: "a fault of the service; the log has it under X-Request-ID",
    502: "the archive cannot be reached, or refuses",
    503: "as much to do as it takes on, or about to stop; Retry-After says when to come back",
    507: "a disk is full, of what is kept or of temporary files; what was kept is still there",
}
GET = (400, 401, 406, 422, 500)
POST = (*GET, 408, 413, 503, 507)
IMAGE = (*POST, 415)
PICTURE = (*IMAGE, 502)
SEGMENT = PICTURE
KEEP = (*PICTURE, 409)
TAKE_BACK = (*POST, 404)


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe a route's refusals in /openapi.json.

    Args:
        statuses: HTTP statuses of MEANINGS.

    Returns:
        The route's `responses`.
    """
    headers = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
    return {
        status: {"model": Refusal, "description": MEANINGS[status]}
        | ({"headers": headers} if status == 503 else {})
        for status in statuses
    }
