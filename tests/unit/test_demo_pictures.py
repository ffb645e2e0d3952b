"""The two pictures of the keys' lives tell what happened."""

import xml.etree.ElementTree as ET

import pytest

from keypool_lab.demo import picture_text
from keypool_lab.demo.picture_svg import svg
from keypool_lab.demo.picture_text import picture
from keypool_lab.demo.story import Request
from keypool_lab.demo.svg_style import colour
from tests.unit.demo_story import life, story

SVG = "{http://www.w3.org/2000/svg}"


def bar(label: str, lines: list[str]) -> str:
    """The bar in the line with this label."""
    (line,) = (line for line in lines if line.startswith(f"{label} "))
    return line[picture_text.LABEL :][: picture_text.BAR]


def test_text_fits_a_terminal_of_a_hundred_columns() -> None:
    """Also with a long story."""
    assert max(map(len, picture(story(end=1000.0)))) <= 100


def test_a_bar_shows_the_phases_of_a_life_in_their_order() -> None:
    """Created, published, draining, revoked; before and after, nothing."""
    assert "".join(dict.fromkeys(bar("A", picture(story())))) == " ·█▒✕"
    assert bar("A", picture(story())).endswith("✕" + " " * 40)


def test_a_key_lost_behind_our_back_shows_how_long_that_went_unnoticed() -> None:
    """The cross first, then a dotted line."""
    assert "".join(dict.fromkeys(bar("D", picture(story())).strip())) == "·█✕╌"


def test_a_key_that_lives_on_says_so() -> None:
    """Its bar goes on to the end."""
    (line,) = (line for line in picture(story(lives=[life("A", 101, None)])) if line.startswith("A "))
    assert line.endswith("█ still live")


def test_requests_show_the_key_that_served_them() -> None:
    """First the old one, then its successor; before the first and after the last there is nothing."""
    assert "".join(dict.fromkeys(bar("requests", picture(story())))) == " AC"


@pytest.mark.parametrize("neighbour", [-0.01, 0.01], ids=["before a good one", "after a good one"])
def test_a_failed_request_is_never_hidden_by_others(neighbour: float) -> None:
    """One failure in a column of many requests is what is shown."""
    requests = [Request(110, "C", ok=False), Request(110 + neighbour, "C", ok=True)]
    shown = bar("requests", picture(story(requests=sorted(requests, key=lambda request: request.time))))
    assert shown.count("!") == 1


def test_the_svg_is_well_formed_and_titled() -> None:
    """Its title says what it shows, for those who cannot see it."""
    root = ET.fromstring(svg(story()))  # noqa: S314 - our own text
    assert root.findtext(f"{SVG}title") == "5 keys, 120 requests, none failed"
    assert root.attrib["aria-label"] == "5 keys, 120 requests, none failed"


def test_the_svg_names_every_key_and_every_step() -> None:
    """Fingerprints and the steps' names can be read."""
    texts = {element.text for element in ET.fromstring(svg(story())).iter(f"{SVG}text")}  # noqa: S314 - our own text
    assert {each.fingerprint for each in story().lives} <= texts
    assert {mark.text for mark in story().marks} <= texts


def test_the_svg_draws_each_request_in_the_colour_of_its_key() -> None:
    """A path for each key that served, with a stroke for each of its requests."""
    strokes = {
        path.get("stroke"): path.attrib["d"].count("M")
        for path in ET.fromstring(svg(story())).iter(f"{SVG}path")  # noqa: S314 - our own text
        if path.get("stroke")
    }
    assert strokes == {colour("A"): 20, colour("C"): 100}


def test_the_svg_marks_failed_requests_by_themselves() -> None:
    """A failure stands out, and the title counts it."""
    root = ET.fromstring(svg(story(requests=[Request(110, "", ok=False)])))  # noqa: S314 - our own text
    assert len(root.findall(f".//{SVG}path[@class='failed']")) == 1
    assert root.findtext(f"{SVG}title") == "5 keys, 1 requests, 1 failed"


def test_the_svg_keeps_everything_inside_its_frame() -> None:
    """Bars and lines do not leave the picture, whenever things happened."""
    root = ET.fromstring(svg(story(end=110.0)))  # noqa: S314 - our own text
    rightmost = max(float(rect.attrib.get("x", 0)) + float(rect.attrib["width"]) for rect in root.iter(f"{SVG}rect"))
    assert rightmost <= float(root.attrib["width"])
