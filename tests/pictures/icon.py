"""The icon of the app: the falling curve of a training loss, which ends in a point."""

import math
import struct
import zlib
from itertools import pairwise

SIZE = 512  # pixels, the least that Slack takes
BACKGROUND = (0x12, 0x37, 0x2A)  # the background color of manifest.yml
_LINE, _AXIS, _POINT = (0x7E, 0xE2, 0xA8), (0x2F, 0x5E, 0x4B), (0xFF, 0xFF, 0xFF)
_LEFT, _RIGHT, _TOP, _BOTTOM = 112.0, 400.0, 112.0, 400.0
_STEPS = 48  # straight pieces of the curve
_THICK, _THIN, _DOT = 17.0, 9.0, 36.0  # half of the widths, and the radius


def png() -> bytes:
    """Return the icon as a PNG file. https://www.w3.org/TR/png-3/"""
    head = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 2, 0, 0, 0)  # 8 bits for each of three colors
    chunks = (
        _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(pixels(), 9)) + _chunk(b"IEND", b"")
    )
    return b"\x89PNG\r\n\x1a\n" + chunks


def pixels() -> bytes:
    """Return the rows of the icon, each after a zero: no filter."""
    return b"".join(b"\0" + _row(y + 0.5) for y in range(SIZE))


def _row(y: float) -> bytes:
    return b"".join(bytes(_pixel(x + 0.5, y)) for x in range(SIZE))


def _pixel(x: float, y: float) -> tuple[int, int, int]:
    color = BACKGROUND
    axis = min(_distance(x, y, *_UPRIGHT), _distance(x, y, *_LEVEL))
    color = _over(color, _AXIS, axis - _THIN)
    color = _over(color, _LINE, _from_curve(x, y) - _THICK)
    return _over(color, _POINT, math.dist((x, y), _CURVE[-1]) - _DOT)


def _from_curve(x: float, y: float) -> float:
    """Return the distance from the curve; only its near pieces are measured."""
    near = (
        _distance(x, y, *begin, *end)
        for begin, end in pairwise(_CURVE)
        if begin[0] - 2 * _THICK < x < end[0] + 2 * _THICK
    )
    return min(near, default=math.inf)


def _distance(x: float, y: float, x0: float, y0: float, x1: float, y1: float) -> float:  # noqa: PLR0913, PLR0917 - three points
    """Return the distance of a point from a straight piece."""
    along = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2)
    along = min(1.0, max(0.0, along))
    return math.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0))


def _over(
    below: tuple[int, int, int], color: tuple[int, int, int], outside: float
) -> tuple[int, int, int]:
    """Return a color over another one, with a smooth edge of one pixel."""
    share = min(1.0, max(0.0, 0.5 - outside))
    red, green, blue = (round(b + share * (c - b)) for b, c in zip(below, color, strict=True))
    return red, green, blue


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def _curve() -> list[tuple[float, float]]:
    """Return the points of a decay from the top left to the bottom right."""
    points = []
    for step in range(_STEPS + 1):
        share = step / _STEPS
        fall = (1 - math.exp(-4 * share)) / (1 - math.exp(-4))
        width, height = _RIGHT - _LEFT - 2 * _DOT, _BOTTOM - _TOP - 2 * _DOT
        points.append((_LEFT + _DOT + share * width + 12, _TOP + 4 + fall * height))
    return points


_CURVE = _curve()
_UPRIGHT = (_LEFT, _TOP, _LEFT, _BOTTOM)
_LEVEL = (_LEFT, _BOTTOM, _RIGHT, _BOTTOM)
