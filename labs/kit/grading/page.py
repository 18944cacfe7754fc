"""Pages that a grading writes: one file each, no request, no script, light and dark, printable."""

import html
import os
import re
from pathlib import Path

from labs.kit.exercise.report import ANSI, BACKTICKS, OVERWRITTEN

# Nothing that an answer smuggles into a page can run or call home.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
PRINTED = 4000  # characters of what an answer printed
CUT = "\n... (the rest is left out)"
BLANKS = re.compile(r"\n{3,}")

STYLE = """
:root { color-scheme: light dark; --page: #fff; --ink: #1c1d21; --soft: #55585f; --line: #cfd2d8;
  --box: #f3f4f6; --good: #00635a; --bad: #9c3600; --wait: #6a5300; --link: #0a569e;
  --mark: #ffe9a8; --share-0: #9c3600; --share-1: #c98a4b; --share-2: #7fb0a9; --share-3: #00635a; }
@media (prefers-color-scheme: dark) {
  :root { --page: #16181c; --ink: #e8e8ea; --soft: #b3b6bd; --line: #454952; --box: #22252b;
    --good: #74d3c4; --bad: #ffad80; --wait: #eed36a; --link: #8fbdff; --mark: #5a4700;
    --share-0: #ffad80; --share-1: #a8713f; --share-2: #3f7f77; --share-3: #74d3c4; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 46rem; background: var(--page);
  color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
body.wide { max-width: 76rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0.2rem 0 0.4rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 0.6rem; }
h3 { font-size: 1rem; margin: 1rem 0 0.3rem; }
p, ul, ol { margin: 0.5rem 0; }
a { color: var(--link); }
.soft { color: var(--soft); font-size: 0.92rem; }
.good { color: var(--good); } .bad { color: var(--bad); } .wait { color: var(--wait); }
.box { background: var(--box); border-radius: 0.4rem; padding: 0.8rem 1rem; margin: 1rem 0; }
.score { font-size: 1.35rem; font-weight: 650; }
.marks { list-style: none; padding: 0; }
.marks > li { border-top: 1px solid var(--line); padding: 0.7rem 0; }
.head { display: flex; gap: 0.6rem; align-items: baseline; }
.head > :nth-child(2) { flex: 1; font-weight: 600; }
.head > :last-child { white-space: nowrap; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.25rem 1rem;
  margin: 0.3rem 0; }
.below { margin-left: 1.5rem; } footer { margin-top: 2.5rem; }
dt { color: var(--soft); } dd { margin: 0; min-width: 0; }
code, pre { font: 0.9rem/1.45 ui-monospace, Consolas, monospace; white-space: pre-wrap; }
pre, .text { background: var(--box); border-radius: 0.4rem; padding: 0.6rem 0.8rem;
  margin: 0.5rem 0; overflow-wrap: anywhere; }
.text { white-space: pre-wrap; }
summary { cursor: pointer; color: var(--link); padding: 0.2rem 0; }
table { border-collapse: collapse; width: 100%; font-size: 0.95rem; overflow-wrap: break-word; }
th, td { text-align: left; vertical-align: top; padding: 0.35rem 0.7rem 0.35rem 0;
  border-bottom: 1px solid var(--line); }
th { font-weight: 600; } caption { text-align: left; color: var(--soft); padding: 0.3rem 0; }
th[scope=row] { min-width: 9rem; } td.number { white-space: nowrap; } .number { text-align: right; }
.wider { overflow-x: auto; margin: 0.5rem 0; }
mark { background: var(--mark); color: inherit; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
@media (max-width: 34rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: 0.4rem; }
  .head { flex-wrap: wrap; } .head > :nth-child(2) { flex: 1 1 80%; }
  .head > :last-child { margin-left: 1.5rem; } }
@media print { details::details-content { content-visibility: visible; height: auto; }
  body { max-width: none; padding: 0; } .marks > li, tr, pre { break-inside: avoid; }
  .box, pre, .text { border: 1px solid var(--line); } }
"""


def page(title: str, body: str, wide: bool = False) -> str:
    """A whole HTML page; `body` is HTML, `title` is text."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body{' class=wide' if wide else ''}>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def text(words: object) -> str:
    """Words as HTML, with nothing in them that is markup or unseen."""
    return html.escape(line(str(words)), quote=True)


def prose(words: str) -> str:
    """Words as HTML, with what stands between backticks as code."""
    return BACKTICKS.sub(r"<code>\1</code>", html.escape(line(words), quote=False))


def code(words: str, longest: int = PRINTED) -> str:
    """What a program was given, gave or printed, as HTML, line by line."""
    return html.escape(cleaned(words, longest), quote=False)


def line(words: str) -> str:
    """Words as one line of letters that are seen as they are."""
    return " ".join(_visible(words).split())


def cleaned(printed: str, longest: int = PRINTED) -> str:
    """What a program printed, as a terminal shows it in the end: without colours and redrawing."""
    shown = _visible(ANSI.sub("", OVERWRITTEN.sub("", printed[: 20 * longest])))
    shown = BLANKS.sub("\n\n", "\n".join(one.rstrip() for one in shown.splitlines())).strip("\n")
    return shown if len(shown) <= longest else shown[:longest] + CUT


def _visible(words: str) -> str:
    """Words without control characters, among them those that turn the reading direction."""
    letters = words.expandtabs(4)
    return "".join(one if one.isprintable() or one == "\n" else " " for one in letters)


def write(path: Path, content: str) -> Path:
    """Write the whole file or nothing of it; its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(content, encoding="utf-8", newline="\n")
    os.replace(fresh, path)
    return path
