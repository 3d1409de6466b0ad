"""A picture of a drawn cell: layers in colours, nets named where the mouse rests."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from edarl.layout.geometry import Label, Shape

__all__ = ["svg_text"]

_SCALE = 2.4
_MARGIN = 26.0
_LAYERS: dict[str, tuple[str, float, str]] = {
    "WELL": ("#f4efe2", 1.0, "n-well"),
    "ACTIVE": ("#7fb77e", 0.85, "diffusion"),
    "GATE": ("#c0504d", 0.75, "gate"),
    "GCUT": ("#ffffff", 0.65, "gate cut"),
    "SDT": ("#5b7553", 0.7, "trench contact"),
    "LISD": ("#8064a2", 0.45, "local interconnect, source/drain"),
    "LIG": ("#e0a030", 0.6, "local interconnect, gate"),
    "M1": ("#3a76c4", 0.5, "metal 1"),
    "M2": ("#b0379c", 0.4, "metal 2"),
    "V0": ("#1d2f45", 0.85, "via 0"),
    "V1": ("#5a124e", 0.9, "via 1"),
}
"""Colour, opacity and what it is, from the lowest layer to the highest."""


def svg_text(
    title: str,
    shapes: Sequence[Shape],
    labels: Sequence[Label],
    violations: Sequence[tuple[str, float, float, float, float]] = (),
) -> str:
    """Give the picture as SVG.

    Args:
        title: What stands above it.
        shapes: The drawn cell; the outline is on ``BOUNDARY``.
        labels: The texts.
        violations: Rule, left, bottom, right and top in nanometres; framed in red.
    """
    outline = next(shape for shape in shapes if shape.layer == "BOUNDARY")
    used = [layer for layer in _LAYERS if any(shape.layer == layer for shape in shapes)]
    low = min(shape.bottom for shape in shapes)
    high = max(shape.top for shape in shapes)
    width = max((outline.right + 2 * _MARGIN) * _SCALE, 420.0)
    legend = 22 * ((len(used) + 3) // 4)
    height = (high - low + 2 * _MARGIN) * _SCALE + legend

    def box(left: float, bottom: float, right: float, top: float) -> str:
        return (
            f'x="{(left + _MARGIN) * _SCALE:.1f}" y="{(high - top + _MARGIN) * _SCALE:.1f}" '
            f'width="{(right - left) * _SCALE:.1f}" height="{(top - bottom) * _SCALE:.1f}"'
        )

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" font-family="sans-serif">',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
        f'<text x="{_MARGIN * _SCALE:.0f}" y="28" font-size="18" fill="#222">'
        f"{escape(title)}</text>",
    ]
    for layer in used:
        colour, opacity, what = _LAYERS[layer]
        parts.append(f'<g fill="{colour}" opacity="{opacity}">')
        for shape in shapes:
            if shape.layer == layer:
                hover = f"{shape.net}: {what}" if shape.net else what
                parts.append(
                    f"<rect {box(shape.left, shape.bottom, shape.right, shape.top)}>"
                    f"<title>{escape(hover)}</title></rect>"
                )
        parts.append("</g>")
    parts.append(
        f"<rect {box(outline.left, outline.bottom, outline.right, outline.top)} "
        'fill="none" stroke="#222" stroke-dasharray="6 4"/>'
    )
    parts += [
        f'<text x="{(label.x + _MARGIN) * _SCALE:.1f}" '
        f'y="{(high - label.y + _MARGIN) * _SCALE + 5:.1f}" font-size="15" '
        'text-anchor="middle" fill="#000" stroke="#fff" stroke-width="3" '
        f'paint-order="stroke">{escape(label.text)}</text>'
        for label in labels
    ]
    parts += [
        f'<rect {box(*sides)} fill="none" stroke="#e00000" stroke-width="2">'
        f"<title>{escape(rule)}</title></rect>"
        for rule, *sides in violations
    ]
    top = (high - low + 2 * _MARGIN) * _SCALE
    for index, layer in enumerate(used):
        colour, opacity, what = _LAYERS[layer]
        x = _MARGIN * _SCALE + (index % 4) * (width - _MARGIN * _SCALE) / 4
        y = top + 22 * (index // 4)
        parts.append(
            f'<rect x="{x:.0f}" y="{y:.0f}" width="14" height="14" fill="{colour}" '
            f'fill-opacity="{opacity}" stroke="#888"/>'
            f'<text x="{x + 20:.0f}" y="{y + 12:.0f}" font-size="12" fill="#222">'
            f"{escape(what)}</text>"
        )
    return "\n".join([*parts, "</svg>", ""])
