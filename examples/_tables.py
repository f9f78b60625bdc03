"""How examples print: parts with titles, and tables, by rich if it is installed."""

from collections.abc import Sequence


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table."""
    try:
        from rich import box  # noqa: PLC0415 - the examples run without it
        from rich.console import Console  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
    except ImportError:
        widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
        for row in (headings, ["-" * width for width in widths], *rows):
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            print("  ".join(cells).rstrip())
        return
    shown = Table(*headings, box=box.SIMPLE, show_edge=False, pad_edge=False)
    for row in rows:
        shown.add_row(*row)
    Console(markup=False, emoji=False, highlight=False).print(shown)


def title(text: str) -> None:
    """Print a line that begins a part."""
    print(f"\n{text}\n")
