"""Draws what a terminal showed: an SVG that fetches nothing, and whose text can be read back."""

import io
from html import unescape
from xml.etree import ElementTree as ET

from rich.console import Console
from rich.text import Text

_TEXT = "{http://www.w3.org/2000/svg}text"
# Rich's own frame, without the fonts that it would fetch from elsewhere.
_FRAME = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
    <style>
    .{unique_id}-matrix {{
        font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
        font-size: {char_height}px;
        line-height: {line_height}px;
        font-variant-east-asian: full-width;
    }}
    .{unique_id}-title {{
        font-size: 18px;
        font-weight: bold;
        font-family: sans-serif;
    }}
    {styles}
    </style>
    <defs>
    <clipPath id="{unique_id}-clip-terminal">
      <rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
    </clipPath>
    {lines}
    </defs>
    {chrome}
    <g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
    {backgrounds}
    <g class="{unique_id}-matrix">
    {matrix}
    </g>
    </g>
</svg>
"""


def drawn(shown: str, columns: int, title: str) -> str:
    """Return the picture of a terminal of ``columns`` that shows ``shown``, its colours as ANSI codes."""
    console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True, color_system="standard")
    console.print(Text.from_ansi(shown))
    return console.export_svg(title=title, unique_id="hubpress", code_format=_FRAME)


def text_in(picture: str) -> str:
    """Return the lines that a picture shows, the title left out."""
    lines: dict[float, dict[float, str]] = {}
    for text in ET.fromstring(picture).iter(_TEXT):  # noqa: S314 - our own file
        if text.get("clip-path"):
            row = lines.setdefault(float(text.get("y", "0")), {})
            row[float(text.get("x", "0"))] = unescape(text.text or "").replace("\xa0", " ")
    return "\n".join("".join(row[x] for x in sorted(row)).rstrip() for _, row in sorted(lines.items()))
