"""Distributions as drawings in the page.

Flows in: the numbers of one map. Flows out: SVG, with its text alternative.
"""

from __future__ import annotations

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.plotting.scale import plain
from ndfit.report.html import escape, number

__all__ = ["histogram"]

BINS = 48
WIDTH, HEIGHT, BASE = 240.0, 90.0, 18.0
CLIPPED_PERCENT = 1.0
ROUNDING = 1e-9  # of the values: what differs by less is drawn as one value


def histogram(name: str, unit: str, values: FloatArray) -> str:
    """Figure of a distribution between its 1st and 99th percentile; the outermost bars hold all beyond."""
    finite = plain(values)
    finite = finite[np.isfinite(finite)]
    title = f"{name} [{unit}]" if unit else name
    if not finite.size:
        return f'<figure class="histogram"><figcaption>{escape(title)}</figcaption><p>no fit has an answer</p></figure>'
    low, middle, high = (float(value) for value in np.percentile(finite, (CLIPPED_PERCENT, 50, 100 - CLIPPED_PERCENT)))
    if not high - low > ROUNDING * max(abs(low), abs(high)):
        half = 0.5 * abs(low) or 0.5
        low, high = low - half, high + half
    counts, edges = np.histogram(np.clip(finite, low, high), BINS, (low, high))
    inner = np.percentile(finite, (16, 84))
    spread = f"median {number(middle)}, middle two thirds {number(inner[0])} to {number(inner[1])}"
    label = f"Distribution of {title} over {finite.size} fits: {spread}"
    where = WIDTH * (middle - low) / (high - low)
    return f"""<figure class="histogram">
<figcaption>{escape(title)}</figcaption>
<svg viewBox="0 0 {WIDTH:g} {HEIGHT + BASE:g}" role="img" aria-label="{escape(label)}">
{_bars(counts.astype(float))}
<line class="median" x1="{where:.1f}" x2="{where:.1f}" y1="0" y2="{HEIGHT:g}"/>
<line class="base" x1="0" x2="{WIDTH:g}" y1="{HEIGHT:g}" y2="{HEIGHT:g}"/>
<text x="0" y="{HEIGHT + 13:g}">{number(edges[0], 4)}</text>
<text x="{WIDTH:g}" y="{HEIGHT + 13:g}" text-anchor="end">{number(edges[-1], 4)}</text>
</svg>
<p>{escape(spread)}</p>
</figure>"""


def _bars(counts: FloatArray) -> str:
    """One path for all bars, their heights relative to the highest."""
    width = WIDTH / counts.size
    heights = HEIGHT * counts / counts.max()
    parts = [
        f"M{index * width:.1f} {HEIGHT:g}v{-height:.1f}h{width:.1f}v{height:.1f}z"
        for index, height in enumerate(heights)
        if height > 0
    ]
    return f'<path class="bars" d="{"".join(parts)}"/>'
