import torch

from saywhere.data import halves
from saywhere.text.directions import contradict, positions


def test_a_cut_mask_keeps_one_half_and_leaves_the_given_mask_alone():
    mask = torch.ones(1, 4, 5, dtype=torch.uint8)
    left = halves.cut(mask, "left")
    right = halves.cut(mask, "right")
    assert left[0, 0].tolist() == [1, 1, 0, 0, 0]
    assert right[0, 0].tolist() == [0, 0, 1, 1, 1]
    assert torch.equal(left + right, mask)
    assert mask.all()


def test_every_wording_names_its_side_alone_and_its_contradiction_the_other():
    left, right = (halves.wordings("infection", side, "lung") for side in halves.SIDES)
    assert {tuple(positions(text)) for text in left} == {("left",)}
    assert [contradict(text) for text in left] == list(right)
    assert len(set(left)) > 20
    assert "infection, left lung" in left
