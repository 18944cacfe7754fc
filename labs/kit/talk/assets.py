"""What a deck needs besides its slides: reveal.js, fonts, styles, MathJax; as text to inline."""

import base64
import importlib.metadata
import io
import logging
from functools import cache
from pathlib import Path

TEMPLATE = Path(__file__).with_name("template")
REVEAL = "sphinx_revealjs/_static/revealjs"
SANS = f"{REVEAL}/dist/theme/fonts/source-sans-pro/source-sans-pro-"
FACES = (  # family, weight, style, distribution, file
    ("Talk", 400, "normal", "sphinx-revealjs", f"{SANS}regular.ttf"),
    ("Talk", 600, "normal", "sphinx-revealjs", f"{SANS}semibold.ttf"),
    ("Talk", 400, "italic", "sphinx-revealjs", f"{SANS}italic.ttf"),
    ("TalkMono", 400, "normal", "matplotlib", "matplotlib/mpl-data/fonts/ttf/DejaVuSansMono.ttf"),
)
USUAL = "".join(map(chr, (*range(32, 127), *range(160, 256)))) + "–—‘’“”…•←→−≤≥≈✓☐"
LIGHT, DARK = "a11y-high-contrast-light", "a11y-high-contrast-dark"  # of accessible-pygments
MATHJAX = "sphinx-mathjax-offline/static/mathjax/tex-svg.js"  # draws formulas without a font file
MATHJAX_SETTINGS = """window.MathJax = {tex: {inlineMath: [['$', '$']]}, svg: {fontCache: 'local'},
options: {enableMenu: false}};"""


def script(distribution: str, name: str) -> str:
    """A script of an installed distribution, fit to stand in a page."""
    return closed(_file(distribution, name).read_text(encoding="utf-8"))


def closed(script: str) -> str:
    """A script in which nothing ends the element it stands in."""
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def own(name: str) -> str:
    """A file of the template's own."""
    return (TEMPLATE / name).read_text(encoding="utf-8")


def reveal() -> dict[str, str]:
    """reveal.js and its speaker view."""
    return {
        "reveal": script("sphinx-revealjs", f"{REVEAL}/dist/reveal.js"),
        "notes": script("sphinx-revealjs", f"{REVEAL}/plugin/notes/notes.js"),
    }


def mathjax() -> str:
    """MathJax and its settings."""
    return MATHJAX_SETTINGS + script("sphinx-mathjax-offline", MATHJAX)


def styles(text: str) -> str:
    """Every style of a deck that shows `text`; the fonts hold its characters alone."""
    ours = _file("sphinx-revealjs", f"{REVEAL}/dist/reveal.css").read_text(encoding="utf-8")
    return "\n".join([ours, faces(text), _highlighting(), own("deck.css")])


def faces(text: str) -> str:
    """The fonts, with the characters of `text` and the usual ones."""
    letters = {one for one in text if one.isprintable()} | set(USUAL)
    characters = "".join(sorted(letters))
    return "\n".join(
        f"@font-face {{font-family: {family}; font-weight: {weight}; font-style: {style}; "
        f"src: url(data:font/woff;base64,{_subset(str(_file(package, name)), characters)})}}"
        for family, weight, style, package, name in FACES
    )


@cache
def _subset(path: str, characters: str) -> str:
    """The font at `path` with these characters only, as WOFF in base 64."""
    from fontTools import subset

    logging.getLogger("fontTools").setLevel(logging.ERROR)  # it tells of every glyph
    options = subset.Options(flavor="woff", hinting=False, layout_features=["kern", "liga"])
    options.drop_tables += ["FFTM", "webf"]
    font = subset.load_font(path, options)
    chooser = subset.Subsetter(options)
    chooser.populate(text=characters)
    chooser.subset(font)
    buffer = io.BytesIO()
    subset.save_font(font, buffer, options)
    return base64.b64encode(buffer.getvalue()).decode()


@cache
def _highlighting() -> str:
    from pygments.formatters import HtmlFormatter

    light = HtmlFormatter(style=LIGHT, cssclass="highlight").get_style_defs(".highlight")
    dark = HtmlFormatter(style=DARK).get_style_defs(':root[data-theme="dark"] .highlight')
    return f"{light}\n{dark}"


def _file(distribution: str, name: str) -> Path:
    return Path(str(importlib.metadata.distribution(distribution).locate_file(name)))
