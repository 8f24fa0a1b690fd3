"""The pictures in ``.github/`` show the present bot; ``python -m tests.pictures`` draws them."""

import re
import struct
import zlib
from html import unescape

import pytest
import yaml

from bot.cli.screen import BOT_NAME
from tests.pictures import icon, recorded
from tests.process import ROOT

MOST_BYTES = 200_000


def words(svg: str) -> str:
    """Return the text of a picture, without frames, in one line."""
    texts = "".join(re.findall(r"<text[^>]*>(.*?)</text>", svg))
    return " ".join(re.sub("[│╭╮╰╯─▌]", " ", unescape(texts)).split())


def undated(text: str) -> str:
    """Return a text without the parts that differ in each run: dates, ages, ids of projects."""
    text = re.sub(
        r"\d{4}-\d\d-\d\d \d\d:\d\d UTC|\d+ (?:second|minute|hour|day)s?|`\w{7}`", "", text
    )
    return re.sub(r"\s", "", text)


@pytest.mark.slow
async def test_the_pictures_show_the_present_bot() -> None:
    drawn = await recorded.pictures()
    for name, svg in drawn.items():
        kept = (ROOT / f".github/{name}.svg").read_text(encoding="utf-8")
        assert undated(words(kept)) == undated(words(svg)), f"{name}.svg: python -m tests.pictures"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("demo", recorded.FIRST_LINE),
        ("message", "HF_TOKEN=[redacted]"),
        ("home", "Open a training project"),
    ],
)
def test_each_picture_is_small_and_needs_no_network(name: str, said: str) -> None:
    content = (ROOT / f".github/{name}.svg").read_bytes()
    assert len(content) < MOST_BYTES
    assert said in words(content.decode())
    assert re.findall(rb"url\((?!#)", content) == []
    assert f".github/{name}.svg" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_icon_is_drawn_by_its_script() -> None:
    content = (ROOT / ".github/icon.png").read_bytes()
    assert len(content) < MOST_BYTES
    assert struct.unpack(">II", content[16:24]) == (icon.SIZE, icon.SIZE) == (512, 512)
    size = struct.unpack(">I", content[33:37])[0]
    pixels = zlib.decompress(content[41 : 41 + size])
    assert pixels == icon.pixels()


def test_name_picture_and_manifest_agree() -> None:
    manifest = yaml.safe_load((ROOT / "manifest.yml").read_text(encoding="utf-8"))
    shown = manifest["display_information"]
    assert shown["background_color"] == "#{:02x}{:02x}{:02x}".format(*icon.BACKGROUND)
    assert shown["name"] == manifest["features"]["bot_user"]["display_name"] == BOT_NAME
