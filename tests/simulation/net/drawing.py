"""A drawing of how objects spread: one curve per row, as SVG, by hand.

Enters: curves of (ms, part of deliveries made). Leaves: the text of an SVG file that needs nothing
else. Each curve has its name at its end, so that nobody has to match colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil

WIDTH, HEIGHT = 900, 460
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 200, 40, 50
_COLOURS = ("#1b6ca8", "#c1440e", "#2e7d32", "#6a1b9a", "#8d6e00", "#00838f", "#ad1457", "#455a64")

Curve = tuple[str, Sequence[tuple[float, float]]]


def spread(curves: Sequence[Curve], title: str) -> str:
    """Draw curves of deliveries over time.

    Args:
        curves: (name, [(ms, 0..1)]) each.
        title: one line above.
    """
    ends = [points[-1][0] for _, points in curves if points]
    most = max(ends, default=1.0)
    step = _step(most)
    span = step * max(1, ceil(most / step))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        '<g font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="22" font-size="15">{escape(title)}</text>',
    ]
    parts += _axes(step, span)
    taken: list[float] = []
    for number, (name, points) in enumerate(curves):
        if points:
            parts += _curve(name, points, span, _COLOURS[number % len(_COLOURS)], taken)
    return "\n".join([*parts, "</g>", "</svg>", ""])


def _step(most: float) -> float:
    """Choose a round distance between marks, for at most ten of them."""
    step = 10.0
    for factor in (2, 2.5, 2) * 6:
        if most / step <= 10:
            break
        step *= factor
    return step


def _x(ms: float, span: float) -> float:
    return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * ms / span, 1)


def _y(part: float) -> float:
    return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * part, 1)


def _axes(step: float, span: float) -> list[str]:
    right = WIDTH - _RIGHT
    parts = []
    for tenth in range(0, 11, 2):
        y = _y(tenth / 10)
        parts.append(f'<line x1="{_LEFT}" y1="{y}" x2="{right}" y2="{y}" stroke="#dddddd"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{tenth * 10} %</text>')
    marks = int(span / step)
    for number in range(marks + 1):
        x = _x(number * step, span)
        bottom = _y(0)
        parts.append(f'<line x1="{x}" y1="{bottom}" x2="{x}" y2="{bottom + 5}" stroke="#444444"/>')
        text = f"{number * step:g}"
        parts.append(f'<text x="{x}" y="{bottom + 20}" text-anchor="middle">{text}</text>')
    middle = (_LEFT + right) / 2
    parts.append(
        f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">ms since it was public</text>'
    )
    return parts


def _curve(
    name: str, points: Sequence[tuple[float, float]], span: float, colour: str, taken: list[float]
) -> list[str]:
    path = " ".join(f"{_x(ms, span)},{_y(part)}" for ms, part in points)
    y = _y(1.0) + 4
    while any(abs(y - other) < 16 for other in taken):
        y += 16
    taken.append(y)
    text = f"{escape(name)}, {points[-1][0]:,.0f} ms"
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
        f'<text x="{WIDTH - _RIGHT + 10}" y="{y}" fill="{colour}">{text}</text>',
    ]
