"""Paints ``strokes.jpg``, the bundled style picture: a swirling sky over warm land, in thick paint.

Run ``python tools/make_strokes.py``; it writes ``data/paintings/strokes.jpg``. The same seed always
gives the same picture.

The painting is built as a painter would work. A flow field gives the direction of the brush, a tone
field the lightness of the paint. Layers of strokes are drawn from the widest brush to the finest.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from onestroke.data.paintings import BUNDLED_PAINTING

Draw = ImageDraw.ImageDraw
Random = np.random.Generator
Floats = NDArray[np.float64]

WIDTH, HEIGHT = 768, 640
SCALE = 2  # Strokes are drawn this much larger, then shrunk, which smooths their edges.
SEED = 16
QUALITY = 90
STEP = 4.0  # How far the brush moves between two points of its path.

# Each palette goes from its darkest paint to its lightest.
SKY = np.array(
    [(22, 20, 58), (27, 38, 122), (30, 74, 168), (22, 128, 150), (96, 176, 176), (238, 220, 168)]
)
LAND = np.array(
    [(66, 20, 38), (150, 40, 32), (214, 84, 28), (236, 138, 36), (240, 184, 58), (246, 224, 158)]
)
SUN = np.array([(206, 74, 26), (232, 118, 30), (244, 172, 44), (248, 208, 88), (250, 232, 170)])
OUTLINE = np.array((16, 13, 40))
RELIEF, STREAK = 34, 42  # How much lighter or darker the sides and the streaks of a stroke are.

# Swirls of the sky: centre x, centre y, reach, and the sense in which they turn.
SWIRLS = ((250.0, 205.0, 135.0, 1.0), (585.0, 150.0, 150.0, -1.0), (440.0, 335.0, 80.0, 1.0))
SUN_SWIRL, SUN_RADIUS = 1, 66.0

# Layers of paint: brush width, length of a stroke, gap between strokes, share that is outlined.
LAYERS = (
    (46.0, 190.0, 26.0, 0.0),
    (34.0, 160.0, 25.0, 0.6),
    (25.0, 125.0, 25.0, 0.6),
    (17.0, 95.0, 27.0, 0.55),
    (10.0, 62.0, 38.0, 0.3),
)


def horizon(x: Floats) -> Floats:
    """Returns the height at which the land begins, for each x."""
    return 430 + 32 * np.sin(x / 118 + 0.6) + 14 * np.sin(x / 47)


def is_land(points: Floats) -> NDArray[np.bool_]:
    """Tells which points lie on the land."""
    return points[:, 1] > horizon(points[:, 0])


def flow(points: Floats) -> Floats:
    """Returns the unit direction in which a brush moves at each point."""
    x, y = points.T
    direction = np.stack([np.ones_like(x), 0.45 * np.sin(x / 95 + y / 140)], axis=1)
    for centre_x, centre_y, reach, turn in SWIRLS:
        away = points - (centre_x, centre_y)
        distance = np.linalg.norm(away, axis=1, keepdims=True) + 1e-6
        around = turn * np.stack([-away[:, 1], away[:, 0]], axis=1) / distance
        # A little outward motion turns circles into spirals.
        spiral = around + 0.18 * away / distance
        direction += 6 * spiral * np.exp(-((distance / reach) ** 3))
    depth = (y - horizon(x)) / 150
    slope = (horizon(x + 1) - horizon(x - 1)) / 2 + depth * 0.9 * np.cos(x / 75 + 2.5 * depth)
    ground = np.stack([np.ones_like(x), slope], axis=1)
    direction = np.where(is_land(points)[:, None], ground, direction)
    return direction / np.linalg.norm(direction, axis=1, keepdims=True)


def tone(points: Floats) -> Floats:
    """Returns how light the paint is at each point, from 0 to 1."""
    x, y = points.T
    sky = 0.42 + 0.2 * np.sin(x / 70 + y / 31) + 0.14 * np.sin(y / 17 - x / 130)
    for centre_x, centre_y, reach, _ in SWIRLS:
        away = points - (centre_x, centre_y)
        distance = np.linalg.norm(away, axis=1)
        arms = 0.5 + 0.5 * np.cos(distance / 11 - np.arctan2(away[:, 1], away[:, 0]))
        near = np.exp(-((distance / reach) ** 4))
        sky = sky * (1 - near) + near * arms
    depth = y - horizon(x)
    land = 0.55 + 0.3 * np.sin(depth / 23 + x / 85) + 0.15 * np.sin(x / 33 - depth / 60)
    return np.where(is_land(points), land, sky)


def follow(starts: Floats, length: float) -> Floats:
    """Returns the paths, ``(stroke, step, 2)``, of strokes whose middles are ``starts``."""
    sides = []
    for sign in (-1.0, 1.0):
        path = [starts]
        for _ in range(round(length / STEP / 2)):
            path.append(path[-1] + sign * STEP * flow(path[-1]))
        sides.append(np.stack(path, axis=1))
    return np.concatenate([sides[0][:, :0:-1], sides[1]], axis=1)


def paint_of(start: Floats, random: Random) -> Floats:
    """Mixes the colour of the stroke that starts at a point, ``(1, 2)``."""
    palette = LAND if is_land(start)[0] else SKY
    if np.linalg.norm(start[0] - SWIRLS[SUN_SWIRL][:2]) < SUN_RADIUS:
        palette = SUN
    elif random.random() < 0.06:
        palette = SKY if palette is LAND else LAND  # Complementary accents keep both halves alive.
    light = np.clip(tone(start)[0] + random.normal(0, 0.13), 0, 1)
    return palette[round(light * (len(palette) - 1))] + random.normal(0, 7, 3)


def draw_bristle(draw: Draw, path: Floats, paint: Floats, thickness: float) -> None:
    """Draws the trace of one bristle: a line with round ends."""
    colour = tuple(int(part) for part in np.clip(paint, 8, 246))
    path, thickness = path * SCALE, max(1, round(thickness * SCALE))
    draw.line([tuple(point) for point in path], colour, thickness, "curve")
    for point in (path[0], path[-1]):
        draw.circle(tuple(point), thickness / 2, colour)


def draw_stroke(
    draw: Draw, path: Floats, width: float, paint: Floats, outlined: bool, random: Random
) -> None:
    """Draws one stroke: its outline, its bristles with ragged ends, and fine streaks on top."""
    across = np.gradient(path, axis=0)[:, ::-1] * (-1, 1)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    # The brush is pressed down in the middle of a stroke and lifted at its ends.
    across *= width * np.sin(np.linspace(0.25, np.pi - 0.25, len(path)))[:, None] ** 0.5
    # Light comes from above, so that the paint looks thick.
    lit = -RELIEF * np.sign(across[len(path) // 2, 1] + 1e-6)
    if outlined:
        # Ragged bristles would leave the tips of a full outline bare, as dots.
        trim = slice(len(path) // 8, -(len(path) // 8))
        for edge in (-0.5, 0.5):
            draw_bristle(draw, (path + across * edge * (1 + 4 / width))[trim], OUTLINE, 4)

    count = max(4, round(width / 2.4))
    offsets = random.permutation(np.linspace(-0.5, 0.5, count))
    bristles = [(offset, random.normal(0, 20), 1.5 * width / count) for offset in offsets]
    offsets = random.uniform(-0.45, 0.45, count // 2)
    bristles += [(offset, random.choice((-STREAK, STREAK)), 1.2) for offset in offsets]
    for offset, shade, thickness in bristles:
        first, last = random.integers(0, max(2, len(path) // 5), 2)
        line = (path + across * offset)[first : len(path) - last]
        draw_bristle(draw, line, paint + lit * offset + shade, thickness)


def starts_of(gap: float, random: Random) -> Floats:
    """Spreads starting points over the canvas: a shaken grid, in random order."""
    grid = np.mgrid[-gap : WIDTH + gap : gap, -gap : HEIGHT + gap : gap].reshape(2, -1).T
    return random.permutation(grid + random.uniform(-gap / 2, gap / 2, grid.shape))


def paint_picture() -> Image.Image:
    """Paints the whole picture, layer upon layer."""
    random = np.random.default_rng(SEED)
    canvas = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), tuple(OUTLINE.tolist()))
    draw = ImageDraw.Draw(canvas)
    for width, length, gap, outlined in LAYERS:
        starts = starts_of(gap, random)
        for start, path in zip(starts, follow(starts, length), strict=True):
            paint = paint_of(start[None], random)
            draw_stroke(draw, path, width, paint, random.random() < outlined, random)
    return canvas.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    paint_picture().save(BUNDLED_PAINTING, quality=QUALITY)
