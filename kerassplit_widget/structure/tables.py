"""How tables are written: one text and one HTML form for costs, measured times and plans."""

from __future__ import annotations

import html
from collections.abc import Sequence

__all__ = ["html_table", "text_table"]

Row = Sequence[str]


def text_table(
    headers: Row, rows: Sequence[Row], *, left: int = 1, total: Row | None = None, sentence: str = "", note: str = ""
) -> str:
    """Write a table as plain text.

    Parameters
    ----------
    headers : sequence of str
    rows : sequence of sequence of str
        Each as long as `headers`.
    left : int
        How many columns, from the first, hold names and are aligned on the left. The others hold numbers and are
        aligned on the right.
    total : sequence of str, optional
        The last row, which sums the others up.
    sentence : str
        Goes above the table.
    note : str
        Goes below it.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If a row has more or fewer cells than there are headers.

    Examples
    --------
    >>> print(text_table(("part", "bytes"), [("a", "12"), ("tail", "4")], total=("all", "16")))
    part  bytes
    a        12
    tail      4
    all      16
    """
    lines = _checked(headers, rows, total)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [
        "  ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([*filter(None, [sentence]), *text, *filter(None, [note])])


def html_table(
    headers: Row, rows: Sequence[Row], *, left: int = 1, total: Row | None = None, sentence: str = "", note: str = ""
) -> str:
    """Write a table as HTML, as `text_table`. Every cell, the sentence and the note are escaped.

    Examples
    --------
    >>> html_table(("a",), [("<b>",)], left=0)[-75:]
    "<tbody><tr><td style='text-align:right'>&lt;b&gt;</td></tr></tbody></table>"
    """
    _checked(headers, rows, total)

    def line(cells: Row, tag: str) -> str:
        row = "".join(
            f"<{tag} style='text-align:{'left' if i < left else 'right'}'>{html.escape(cell)}</{tag}>"
            for i, cell in enumerate(cells)
        )
        return f"<tr>{row}</tr>"

    above, below = (f"<p>{html.escape(text)}</p>" if text else "" for text in (sentence, note))
    body = "".join(line(row, "td") for row in rows)
    foot = f"<tfoot>{line(total, 'th')}</tfoot>" if total is not None else ""
    return f"{above}<table><thead>{line(headers, 'th')}</thead><tbody>{body}</tbody>{foot}</table>{below}"


def _checked(headers: Row, rows: Sequence[Row], total: Row | None) -> list[Row]:
    lines = [headers, *rows, *([total] if total is not None else [])]
    for line in lines:
        if len(line) != len(headers):
            raise ValueError(f"A table with the columns {', '.join(headers)} cannot have the row {tuple(line)!r}.")
    return lines
