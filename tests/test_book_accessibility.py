"""Every page of the book under axe-core, in light and dark."""

from collections import Counter

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import browser, built_book, watched  # noqa: F401  fixtures

from labs.kit import book, manifest

COURSE = manifest.read()
CONTRAST = "color-contrast"  # by far the dearest rule
VIOLATIONS = {"resultTypes": ["violations"]}  # of what passes, axe would describe each node
ALL_ELSE = {**VIOLATIONS, "rules": {CONTRAST: {"enabled": False}}}
COLOURS = {**VIOLATIONS, "runOnly": {"type": "rule", "values": [CONTRAST, "link-in-text-block"]}}
AT_ONCE = "*, ::before, ::after { transition: none !important }"  # no colour is on its way
OF_A_KIND = 3  # looked at; one may be covered by something, and then axe cannot tell
# Marks what can be seen, holds text, and is not `enough` times known by its look: its class,
# colours and letters, and those of all that it lies in. Returns the looks that it marked.
MARK = """
(enough) => {
  for (const one of document.querySelectorAll("[data-look]")) one.removeAttribute("data-look");
  const known = new Set(enough), looks = new Map(), counts = {}, marked = [];
  const own = (one) => {
    const style = getComputedStyle(one);
    return [one.tagName, one.className, one.getAttribute("style"), style.color, style.opacity,
      style.backgroundColor, style.backgroundImage, style.fontSize, style.fontWeight].join();
  };
  const look = (one) => {
    if (one && !looks.has(one)) looks.set(one, `${look(one.parentElement)}>${own(one)}`);
    return one ? looks.get(one) : "";
  };
  const says = (one) => one.matches("input, select, textarea") ||
    [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  for (const one of document.body.querySelectorAll("*")) {
    if (!says(one) || !one.checkVisibility({visibilityProperty: true})) continue;
    const its = look(one);
    counts[its] = (counts[its] || 0) + 1;
    if (known.has(its) || counts[its] > OF_A_KIND) continue;
    one.setAttribute("data-look", "");
    marked.push(its);
  }
  return marked;
}
""".replace("OF_A_KIND", str(OF_A_KIND))


@pytest.fixture
def pages(built_book):  # noqa: F811
    return {
        name: (built_book / f"{name}.html").as_uri() for name in [*book.pages(COURSE), "search"]
    }


def serious(page, context, options):
    """What axe finds on the page that keeps somebody out."""
    violations = Axe().run(page, context, options).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in violations
        if one["impact"] in ("serious", "critical")
    ]


def colours(page, seen):
    """What axe finds in the colours of the page's looks that are not in `seen` often enough."""
    enough = [look for look, count in seen.items() if count >= OF_A_KIND]
    marked = page.evaluate(MARK, enough)
    seen.update(marked)
    return serious(page, {"include": [["[data-look]"]]}, COLOURS) if marked else []


def test_no_serious_accessibility_violation(browser, pages):  # noqa: F811
    """Dark differs from light in its colours alone; equal looks are looked at three times."""
    with watched(browser, color_scheme="light") as visit:
        found, seen = {}, {"light": Counter(), "dark": Counter()}
        for name, address in pages.items():
            visit.page.emulate_media(color_scheme="light")
            visit.page.goto(address)
            found[name] = serious(visit.page, None, ALL_ELSE)
            visit.page.add_style_tag(content=AT_ONCE)
            for scheme, looks in seen.items():
                visit.page.emulate_media(color_scheme=scheme)
                visit.page.locator(f"html[data-theme={scheme}]").wait_for()
                found[name] += [f"{scheme}: {one}" for one in colours(visit.page, looks)]
        assert all(len(looks) > 100 for looks in seen.values()), "they are not looked at otherwise"
        assert {name: said for name, said in found.items() if said} == {}
