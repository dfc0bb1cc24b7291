"""LogPlot: lines over numbers that grow tenfold, as one SVG that is legible on a light and on a dark page.

Both axes are logarithmic, so that a cost which follows the number is a slope, and one that does not is level.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

PANEL_WIDTH = 480
PANEL_HEIGHT = 330
LEFT, TOP, RIGHT, BOTTOM = 64, 64, 52, 48
"""The room around the lines of one panel."""

STYLE = """
  .ground { fill: #ffffff } .frame { stroke: #c9d3e0; fill: none } .grid { stroke: #e6ebf2 }
  .title { fill: #1c2430; font-weight: 600; font-size: 15px } .label { fill: #5b6675; font-size: 12px }
  .line { fill: none; stroke-width: 2.25 } .dot { stroke: none } .name { font-size: 12px; font-weight: 600 }
  .line.a { stroke: #2f6fde } .dot.a, .name.a { fill: #2f6fde }
  .line.b { stroke: #1a7f4b } .dot.b, .name.b { fill: #1a7f4b }
  .line.c { stroke: #b4540a } .dot.c, .name.c { fill: #b4540a }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #14181f } .frame { stroke: #465063 } .grid { stroke: #29303c }
    .title { fill: #e8edf5 } .label { fill: #a3aebd }
    .line.a { stroke: #7eabff } .dot.a, .name.a { fill: #7eabff }
    .line.b { stroke: #5fcf93 } .dot.b, .name.b { fill: #5fcf93 }
    .line.c { stroke: #f2a35e } .dot.c, .name.c { fill: #f2a35e }
  }"""
"""Colours that stand out from their ground by 4.5 to 1 at least, in both schemes."""


@dataclass(frozen=True)
class Line:
    """One line: its name and its values, one per number."""

    name: str
    values: Sequence[float]


@dataclass(frozen=True)
class Panel:
    """One panel of lines that share an axis.

    Attributes:
        title: What the values are, with their unit.
        lines: At most three.
        lowest: The lowest power of ten of the axis.
        highest: The highest.
    """

    title: str
    lines: Sequence[Line]
    lowest: int
    highest: int


def log_plot(title: str, axis: str, numbers: Sequence[int], panels: Sequence[Panel]) -> str:
    """Return the picture.

    Args:
        title: For those who cannot see it.
        axis: What the numbers are.
        numbers: The powers of ten that the values belong to.
        panels: From left to right.
    """
    width, height = PANEL_WIDTH * len(panels), PANEL_HEIGHT
    shown = [_Scale(panel, numbers, at * PANEL_WIDTH).drawn(axis) for at, panel in enumerate(panels)]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-labelledby="title" '
        "font-family=\"system-ui, -apple-system, 'Segoe UI', sans-serif\">"
    )
    ground = f'<rect class="ground" width="{width}" height="{height}" rx="8"/>'
    lines = [head, f'<title id="title">{escape(title)}</title>', f"<style>{STYLE}\n</style>", ground]
    return "\n".join([*lines, *(line for each in shown for line in each), "</svg>", ""])


class _Scale:
    """Where the values of a panel are on the page.

    Args:
        panel: The panel.
        numbers: As `log_plot` takes them.
        start: Its left edge.
    """

    def __init__(self, panel: Panel, numbers: Sequence[int], start: float) -> None:
        self._panel = panel
        self._numbers = numbers
        self._left, self._right = start + LEFT, start + PANEL_WIDTH - RIGHT
        self._bottom = PANEL_HEIGHT - BOTTOM

    def drawn(self, axis: str) -> list[str]:
        """Return the elements of the panel."""
        middle = (self._left + self._right) / 2
        height, width = self._bottom - TOP, self._right - self._left
        return [
            *self._grid(),
            f'<rect class="frame" x="{self._left}" y="{TOP}" width="{width}" height="{height}"/>',
            _text("title", self._left, 26, self._panel.title),
            _text("label", middle, PANEL_HEIGHT - 12, axis, "middle"),
            *(
                element
                for line, colour in zip(self._panel.lines, "abc", strict=False)
                for element in self._drawn(line, colour)
            ),
            *self._last_values(),
            *self._names(),
        ]

    def _grid(self) -> list[str]:
        elements = []
        for power in range(self._panel.lowest, self._panel.highest + 1):
            y = self._y(10.0**power)
            elements.append(f'<path class="grid" d="M{self._left} {y:.1f}H{self._right}"/>')
            elements.append(_text("label", self._left - 8, y + 4, f"{10**power:,}", "end"))
        for number in self._numbers:
            elements.append(f'<path class="grid" d="M{self._x(number):.1f} {TOP}V{self._bottom}"/>')
            elements.append(_text("label", self._x(number), self._bottom + 17, f"{number:,}", "middle"))
        return elements

    def _drawn(self, line: Line, colour: str) -> list[str]:
        points = [(self._x(number), self._y(value)) for number, value in zip(self._numbers, line.values, strict=True)]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        dots = [f'<circle class="dot {colour}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in points]
        return [f'<path class="line {colour}" d="M{path}"/>', *dots]

    def _last_values(self) -> list[str]:
        """Return the last value of each line beside the frame, none above another."""
        lines = sorted(zip(self._panel.lines, "abc", strict=False), key=lambda each: -each[0].values[-1])
        elements, y = [], 0.0
        for line, colour in lines:
            y = max(self._y(line.values[-1]) + 4, y + 14)
            elements.append(_text(f"name {colour}", self._right + 6, y, f"{line.values[-1]:,.0f}"))
        return elements

    def _names(self) -> list[str]:
        """Return the key: the names in a row above the frame, each in the colour of its line."""
        elements, x = [], float(self._left)
        for line, colour in zip(self._panel.lines, "abc", strict=False):
            elements.append(f'<circle class="dot {colour}" cx="{x + 4:.1f}" cy="{TOP - 15}" r="4"/>')
            elements.append(_text(f"name {colour}", x + 13, TOP - 11, line.name))
            x += 32 + 6.9 * len(line.name)
        return elements

    def _x(self, number: float) -> float:
        # Half a step is left free on both sides.
        first, last = math.log10(self._numbers[0]) - 0.25, math.log10(self._numbers[-1]) + 0.25
        return self._left + (math.log10(number) - first) / (last - first) * (self._right - self._left)

    def _y(self, value: float) -> float:
        lowest, highest = self._panel.lowest, self._panel.highest
        return self._bottom - (math.log10(value) - lowest) / (highest - lowest) * (self._bottom - TOP)


def _text(style: str, x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
