"""Where in a TOML text a key is written, so that a refusal can name the line."""

import re

HEADER = re.compile(r"^\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(#.*)?$")
KEY = re.compile(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")


def line_of(text: str, path: str) -> int | None:
    """The number, from 1, of the line on which the key ``path`` is written, such as ``timepoints[1].review``.

    Where it is not written itself, as when it is missing or stands inside a line, that of the table or key around it.
    """
    places = _places(text)
    while path:
        if path in places:
            return places[path]
        cut = max(path.rfind("."), path.rfind("["))
        path = path[:cut] if cut > 0 else ""
    return None


def _places(text: str) -> dict[str, int]:
    places: dict[str, int] = {}
    counts: dict[str, int] = {}
    current = ""
    for number, line in enumerate(text.splitlines(), start=1):
        header, key = HEADER.match(line), KEY.match(line)
        if key:
            places.setdefault(f"{current}{_bare(key[1])}", number)
        elif header:
            current = _opened(header[1] == "[[", _bare(header[2]), counts)
            places.setdefault(current.removesuffix("."), number)
    return places


def _opened(listed: bool, name: str, counts: dict[str, int]) -> str:
    """The path of the table a header opens, with the numbers of the lists it lies in."""
    parts: list[str] = []
    names = name.split(".")
    for depth, part in enumerate(names, start=1):
        path = ".".join([*parts, part])
        if listed and depth == len(names):
            counts[path] = counts.get(path, -1) + 1
        parts.append(f"{part}[{counts[path]}]" if path in counts else part)
    return ".".join(parts) + "."


def _bare(name: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in name.split("."))
