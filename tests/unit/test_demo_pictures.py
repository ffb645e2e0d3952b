"""The two pictures of the keys' lives tell what happened."""

import xml.etree.ElementTree as ET
from collections import Counter

import pytest

from keypool_lab.demo import picture_text
from keypool_lab.demo.picture_svg import svg
from keypool_lab.demo.picture_text import picture
from keypool_lab.demo.story import Call
from keypool_lab.demo.svg_style import colour
from tests.unit.demo_story import SENT, life, story

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


def test_beneath_a_key_stand_the_requests_that_it_served() -> None:
    """Their number in each column, and in all."""
    lines = picture(story())
    row = lines[[line[:1] for line in lines].index("B") + 1]
    assert row.endswith(" 10 served")
    assert sum(int(sign) for sign in row[picture_text.LABEL :][: picture_text.BAR] if sign.strip()) == 10


def test_endpoints_show_when_one_took_over() -> None:
    """The first has nothing after the second began."""
    first, second = (bar(f"endpoint {number}", picture(story())) for number in (1, 2))
    assert len(first.rstrip()) <= len(second) - len(second.lstrip()) + 1


@pytest.mark.parametrize("neighbour", [-0.01, 0.01], ids=["before a good one", "after a good one"])
def test_a_refusal_is_never_hidden_by_others(neighbour: float) -> None:
    """One refusal in a column of many requests is what is shown."""
    calls = [Call(110, "C", 1, "a", 429), Call(110 + neighbour, "C", 1, "b", 200)]
    lines = picture(story(calls=sorted(calls, key=lambda call: call.time)))
    assert lines[[line[:1] for line in lines].index("C") + 1].count("!") == 1


def test_a_failed_request_has_a_line_of_its_own() -> None:
    """Which is empty otherwise, and tells how many of how many."""
    assert bar("failed", picture(story())).strip() == ""
    (line,) = (line for line in picture(story(failures=[110.0])) if line.startswith("failed"))
    assert line.count("!") == 1
    assert line.endswith(f" 1 of {SENT}")


def test_the_svg_is_well_formed_and_titled() -> None:
    """Its title says what it shows, for those who cannot see it."""
    root = ET.fromstring(svg(story()))  # noqa: S314 - our own text
    assert root.findtext(f"{SVG}title") == "5 keys, 130 requests, none failed"
    assert root.attrib["aria-label"] == "5 keys, 130 requests, none failed"


def test_the_svg_names_every_key_and_every_step() -> None:
    """Fingerprints and the steps' names can be read."""
    texts = {element.text for element in ET.fromstring(svg(story())).iter(f"{SVG}text")}  # noqa: S314 - our own text
    assert {each.fingerprint for each in story().lives} <= texts
    assert {mark.text for mark in story().marks} <= texts


def test_the_svg_draws_each_request_in_the_colour_of_its_key() -> None:
    """At the key and at the endpoint; what was refused or lost stands out, at the key alone."""
    root = ET.fromstring(svg(story()))  # noqa: S314 - our own text
    strokes: Counter[str] = Counter()
    for path in root.iter(f"{SVG}path"):
        if path.get("stroke-width") == "1.4":
            strokes[path.attrib["stroke"]] += path.attrib["d"].count("M")
    served = Counter(colour(call.letter) for call in story().calls if call.served)
    legend = Counter([colour("A")])
    assert strokes == served + served + legend
    assert len(root.findall(f".//{SVG}path[@class='refused']")) == 3 + 1


def test_the_svg_marks_failed_requests_by_themselves() -> None:
    """A failure stands out, and the title counts it."""
    root = ET.fromstring(svg(story(failures=[110.0])))  # noqa: S314 - our own text
    assert len(root.findall(f".//{SVG}path[@class='failed']")) == 1
    assert root.findtext(f"{SVG}title") == f"5 keys, {SENT} requests, 1 failed"


def test_the_svg_keeps_everything_inside_its_frame() -> None:
    """Bars and lines do not leave the picture, whenever things happened."""
    root = ET.fromstring(svg(story(end=110.0)))  # noqa: S314 - our own text
    rightmost = max(float(rect.attrib.get("x", 0)) + float(rect.attrib["width"]) for rect in root.iter(f"{SVG}rect"))
    assert rightmost <= float(root.attrib["width"])
