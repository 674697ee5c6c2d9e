"""Rows of different lengths and kinds in one batch."""

import torch

from trainer_core.data.collation import collate, has_images, micro_batches
from trainer_core.data.encoding import IGNORED, EncodedRow


def text_row(num_tokens: int) -> EncodedRow:
    ids = torch.ones(1, num_tokens, dtype=torch.int64)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids.clone()}


def image_row(num_tokens: int, tiles: int, side: int) -> EncodedRow:
    return {**text_row(num_tokens), "pixel_values": torch.ones(1, tiles, 3, side, side)}


def test_short_rows_are_padded_on_the_right() -> None:
    batch = collate([text_row(3), text_row(1)], pad_token_id=9)

    assert batch["input_ids"].tolist() == [[1, 1, 1], [1, 9, 9]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["labels"].tolist() == [[1, 1, 1], [1, -100, -100]]


def test_a_stop_token_that_also_fills_up_is_learned_once_a_turn() -> None:
    stop = 2
    answer = {**text_row(2), "input_ids": torch.tensor([[1, stop]]), "labels": torch.tensor([[stop, IGNORED]])}

    batch = collate([answer, text_row(4)], pad_token_id=stop)

    assert batch["input_ids"][0].tolist() == [1, stop, stop, stop]
    assert batch["labels"][0].tolist() == [stop, IGNORED, IGNORED, IGNORED]
    assert batch["attention_mask"][0].tolist() == [1, 1, 0, 0]


def test_rows_without_a_picture_add_no_pixels() -> None:
    batch = collate([image_row(2, 1, 4), text_row(2), image_row(2, 1, 4)], pad_token_id=0)

    assert batch["input_ids"].shape == (3, 2)
    assert batch["pixel_values"].shape == (2, 1, 3, 4, 4)


def test_pictures_of_different_sizes_are_filled_up_with_zeros() -> None:
    batch = collate([image_row(2, 1, 2), image_row(2, 2, 4)], pad_token_id=0)

    assert batch["pixel_values"].shape == (2, 2, 3, 4, 4)
    assert batch["pixel_values"][0].sum() == 3 * 2 * 2


def test_entries_that_only_some_processors_make_are_kept() -> None:
    grids = [{**text_row(2), "image_grid_thw": torch.tensor([[1, 2, 2]])} for _ in range(2)]

    batch = collate(grids, pad_token_id=0)

    assert batch["image_grid_thw"].tolist() == [[1, 2, 2], [1, 2, 2]]


def lengths(groups: list[list[EncodedRow]]) -> list[list[int]]:
    return [[row["input_ids"].shape[1] for row in group] for group in groups]


def test_rows_of_like_length_are_computed_together() -> None:
    rows = [text_row(length) for length in (9, 1, 8, 2)]

    assert lengths(micro_batches(rows, batch_size=2)) == [[1, 2], [8, 9]]


def test_a_token_budget_counts_padding() -> None:
    rows = [text_row(length) for length in (2, 3, 4, 9)]

    assert lengths(micro_batches(rows, batch_size=4, max_tokens=8)) == [[2, 3], [4], [9]]


def test_rows_with_and_without_pictures_are_computed_apart() -> None:
    groups = micro_batches([text_row(1), image_row(1, 1, 2), text_row(1)], batch_size=4)

    assert [len(group) for group in groups] == [2, 1]


def test_pixels_are_found_under_whatever_name() -> None:
    assert has_images({**text_row(2), "flattened_patches": torch.zeros(1, 4, 8)})
    assert not has_images({**text_row(2), "image_grid_thw": torch.tensor([[1, 2, 2]])})
