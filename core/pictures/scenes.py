"""Small scenes drawn by code, as the first pictures of tabs that take one."""

from collections.abc import Callable

from PIL import Image, ImageDraw, ImageFilter

SIDE = 512


def _sky(top: tuple[int, int, int], bottom: tuple[int, int, int]) -> Image.Image:
    """A vertical gradient."""
    column = Image.new("RGB", (1, SIDE))
    for y in range(SIDE):
        k = y / (SIDE - 1)
        column.putpixel((0, y), tuple(round(a + k * (b - a)) for a, b in zip(top, bottom, strict=True)))
    return column.resize((SIDE, SIDE))


def mountains() -> Image.Image:
    """Snowy mountains behind a meadow with a lake and a few firs."""
    page = _sky((96, 156, 222), (228, 240, 250))
    draw = ImageDraw.Draw(page)
    draw.ellipse((372, 44, 448, 120), fill=(255, 236, 170))
    for x, y, w, dark in ((120, 120, 210, 118), (330, 90, 240, 96), (470, 170, 170, 128)):
        draw.polygon([(x - w, 340), (x, y), (x + w, 340)], fill=(dark, dark + 8, dark + 26))
        draw.polygon(
            [(x - w // 4, y + 62), (x, y), (x + w // 4, y + 62), (x + 12, y + 44), (x - 16, y + 66)],
            fill=(246, 249, 252),
        )
    draw.rectangle((0, 322, SIDE, SIDE), fill=(92, 146, 74))
    draw.ellipse((90, 372, 420, 452), fill=(74, 132, 186))
    draw.ellipse((120, 380, 390, 428), fill=(116, 168, 212))
    for x, y, h in ((52, 400, 120), (452, 420, 140), (492, 380, 100), (16, 470, 150)):
        for k in range(3):
            top, half = y - h + k * h // 4, h // 6 + k * h // 12
            draw.polygon([(x - half, top + h // 2), (x, top), (x + half, top + h // 2)], fill=(30, 84 + 10 * k, 50))
        draw.rectangle((x - 5, y - h // 10, x + 5, y + 14), fill=(86, 60, 40))
    return page.filter(ImageFilter.GaussianBlur(1))


def sailboat() -> Image.Image:
    """A sailboat under an evening sun."""
    page = _sky((250, 150, 92), (255, 222, 160))
    draw = ImageDraw.Draw(page)
    draw.ellipse((330, 190, 430, 290), fill=(255, 244, 200))
    draw.rectangle((0, 300, SIDE, SIDE), fill=(28, 96, 140))
    for k in range(9):
        y = 316 + 22 * k
        draw.line([(20 * k, y), (180 + 30 * k, y)], fill=(250, 190 - 6 * k, 130), width=4)
    draw.polygon([(120, 350), (360, 350), (320, 410), (160, 410)], fill=(126, 62, 40))
    draw.rectangle((232, 110, 242, 352), fill=(92, 58, 38))
    draw.polygon([(248, 116), (248, 336), (360, 336)], fill=(250, 248, 240))
    draw.polygon([(226, 150), (226, 336), (136, 336)], fill=(222, 66, 58))
    return page.filter(ImageFilter.GaussianBlur(1))


def apple() -> Image.Image:
    """A red apple with a leaf, in a few strokes of flat colour: a sketch to be finished."""
    page = Image.new("RGB", (SIDE, SIDE), "white")
    draw = ImageDraw.Draw(page)
    draw.ellipse((96, 150, 296, 440), fill=(206, 40, 44))
    draw.ellipse((216, 150, 416, 440), fill=(206, 40, 44))
    draw.ellipse((136, 200, 186, 270), fill=(244, 130, 122))
    draw.line([(256, 170), (268, 84)], fill=(96, 62, 34), width=16)
    draw.ellipse((272, 84, 372, 132), fill=(84, 160, 62))
    return page


SCENES: dict[str, Callable[[], Image.Image]] = {"Mountains": mountains, "Sailboat": sailboat, "Apple": apple}
