"""The table of families in the documents: what each takes, and what was measured."""

from pathlib import Path

from tests.families.catalogue import FAMILIES, FURTHER, Family

PAGE = Path(__file__).parents[2] / "docs/families.md"
BEGIN, END = "<!-- measured -->", "<!-- end -->"
Cells = dict[str, dict[str, str]]
"""By family and column."""
MEASURED = {
    "full": "full: loss",
    "lora": "LoRA: loss",
    "nf4": "LoRA on nf4: loss",
    "by heart": "16 rows by heart: exact match",
    "packing": "packing",
}


def takes(family: Family) -> list[str]:
    """What rows a family takes: images, several of them, none, chats of several turns."""
    traits = [family.reads_images and family.takes_several_images, family.takes_rows_without_images]
    words = [("several" if traits[0] else "one") if family.reads_images else "none"]
    words += ["yes" if traits[1] else "no", "yes" if family.has_chat_template else "question and answer"]
    return words


def with_table(page: str, cells: Cells) -> str:
    """The page with a table of these cells; what was not measured this time stays out."""
    head = ["family", "images a row", "rows without", "chats", *MEASURED.values()]
    lines = [_row(head), _row(["---"] * len(head))]
    for family in [*FAMILIES, *FURTHER]:
        measured = [cells.get(family.name, {}).get(column, "not measured") for column in MEASURED]
        lines.append(_row([family.name, *takes(family), *measured]))
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{rest.partition(END)[2]}"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
