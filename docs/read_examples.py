"""Read the pictures in examples/, and end with an error if a digit is read wrong; "?" stands where the reader is unsure.

python docs/read_examples.py
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import inkdigits

DOCS = Path(__file__).parent
#: What is written in the pictures.
TEXTS = {
    "drawing.png": "5",
    "blackboard.png": "27182818",
    "page.jpg": "2048 771\n60025\n1984 39\n88 4071 6",
    "sudoku.jpg": """53  7
6  195
 98    6
8   6   3
4  8 3  1
7   2   6
 6    28
   419  5
    8  79""",
    "score_sheet.png": "79927398713\n47",
    "meter.jpg": "04732",
}


def agrees(read: str, true: str) -> bool:
    """Whether every digit is right or "?", line by line; blanks count for nothing."""
    lines = [[line.replace(" ", "") for line in text.splitlines()] for text in (read, true)]
    return len(lines[0]) == len(lines[1]) and all(
        re.fullmatch(one.replace("?", "."), other) for one, other in zip(*lines, strict=True)
    )


def read_examples() -> Iterator[tuple[str, str]]:
    """The name of each picture and its text; then of those that have a template in docs/templates what is in their fields."""
    for name in TEXTS:
        yield name, inkdigits.read(DOCS.parent / "examples" / name).text
    for template in sorted((DOCS / "templates").glob("*.json")):
        name = next(name for name in TEXTS if Path(name).stem == template.stem)
        rows: dict[str, str] = {}
        for key, field in inkdigits.read_fields(DOCS.parent / "examples" / name, template).items():
            row = re.sub(r"(r\d+)c\d+", r"\1", key)  # a grid's cells are called r1c1, r1c2, ...
            rows[row] = rows.get(row, "") + ("?" if field.text is None else field.text or " ")
        yield name, "\n".join(rows.values())


def main() -> None:
    """Read and tell."""
    wrong = []
    for number, (name, text) in enumerate(read_examples()):
        how = "" if number < len(TEXTS) else ", with its template"
        print(f"examples/{name}{how}", *(f"    {line}" for line in text.splitlines()), sep="\n")
        if not agrees(text, TEXTS[name]):
            wrong.append(name + how)
    if wrong:
        sys.exit(f"read wrong: {'; '.join(wrong)}")


if __name__ == "__main__":
    main()
