"""Exports in every layout that Loop Habit Tracker has written, made for the tests."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

Files = Mapping[str, str | bytes]

NEWER_HEADER = (
    "Position,Name,Type,Question,Description,FrequencyNumerator,FrequencyDenominator,"
    "Color,Unit,Target Type,Target Value,Archived?\n"
)
OLDER_HEADER = "Position,Name,Question,Description,NumRepetitions,Interval,Color\n"

RUN = "2026-01-05,2\n2026-01-04,0\n2026-01-03,1\n2026-01-02,2\n"
READ = "2026-01-05,2\n"

ARABIC_1, ARABIC_2 = "\u0660\u0660\u0661", "\u0660\u0660\u0662"
PERSIAN_1, PERSIAN_2 = "\u06f0\u06f0\u06f1", "\u06f0\u06f0\u06f2"

LAYOUTS: dict[str, Files] = {
    "folders without a list, 1.2 to 1.3.3": {
        "Run/checkmarks.csv": "2026-01-02,2\n2026-01-03,1\n2026-01-04,0\n2026-01-05,2\n",
        "Run/scores.csv": "2026-01-02,0.05\n",
        "Read/checkmarks.csv": READ,
    },
    "a list without positions, 1.4 to 1.5.3": {
        "Habits.csv": "Name,Description,NumRepetitions,Interval,Color\nRun,,1,1,#000\nRead,,1,1,#0\n",
        "001 Run/Checkmarks.csv": RUN,
        "002 Read/Checkmarks.csv": READ,
    },
    "Arabic digits, until 1.7.9": {
        "Habits.csv": OLDER_HEADER + f"{ARABIC_1},Run,,,1,1,#000\n{ARABIC_2},Read,,,1,1,#000\n",
        f"{ARABIC_1} Run/Checkmarks.csv": "2026-01-05,\u0662\n2026-01-04,\u0660\n"
        "2026-01-03,\u0661\n2026-01-02,\u0662\n",
        f"{ARABIC_2} Read/Checkmarks.csv": "2026-01-05,\u0662\n",
    },
    "Persian digits, until 2.3.0": {
        "Habits.csv": OLDER_HEADER + f"{PERSIAN_1},Run,,,1,1,#000\n{PERSIAN_2},Read,,,1,1,#000\n",
        "001 Run/Checkmarks.csv": RUN,
        f"{PERSIAN_2} Read/Checkmarks.csv": READ,
    },
    "words and types, since 2.3.1": {
        "Habits.csv": NEWER_HEADER
        + "001,Run,YES_NO,,,1,1,#000,,,,false\n002,Read,YES_NO,,,1,1,#000,,,,false\n",
        "001 Run/Checkmarks.csv": "Date,Value,Notes\n2026-01-05,YES_MANUAL,\n2026-01-04,NO,\n"
        "2026-01-03,YES_AUTO,\n2026-01-02,YES_MANUAL,\n",
        "002 Read/Checkmarks.csv": "Date,Value,Notes\n2026-01-05,YES_MANUAL,\n",
    },
}

PLAIN = LAYOUTS["words and types, since 2.3.1"]

REPACKED: dict[str, Files] = {
    "a folder around, as macOS packs it": {
        **{f"Loop Habits CSV/{name}": content for name, content in PLAIN.items()},
        "__MACOSX/Loop Habits CSV/._Habits.csv": b"\xff",
        "__MACOSX/Loop Habits CSV/001 Run/._Checkmarks.csv": b"\xff",
        "Loop Habits CSV/.DS_Store": b"\xff",
    },
    "backslashes, as some Windows programs write": {
        name.replace("/", "\\"): content for name, content in PLAIN.items()
    },
    "./ before each name": {f"./{name}": content for name, content in PLAIN.items()},
    "other folders beside": {**PLAIN, "2024 notes/plan.txt": b"\xff", "001 photos/a.jpg": b"\xff"},
    "other cases of letters": {name.lower(): content for name, content in PLAIN.items()},
}


def write_folder(place: Path, files: Files) -> Path:
    """Write an export as a folder."""
    for name, content in files.items():
        file = place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return place


def write_zip(place: Path, files: Files) -> Path:
    """Write an export as a zip."""
    place.mkdir(parents=True, exist_ok=True)
    path = place / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path
