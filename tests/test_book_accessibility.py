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
OF_A_KIND = 3  # looked at; one may be covered by something, and then axe cannot tell
# Marks what can be seen, holds text, and is not `enough` times known by its look: its class,
# colours and letters, and those of all that it lies in. Returns the looks that it marked.
MARK = """
(enough) => {
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_accessibility_violation(browser, pages, scheme):  # noqa: F811
    """Dark differs from light in its colours alone; equal looks are looked at three times."""
    with watched(browser, color_scheme=scheme) as visit:
        found, seen = {}, Counter()
        for name, address in pages.items():
            visit.page.goto(address)
            found[name] = [] if scheme == "dark" else serious(visit.page, None, ALL_ELSE)
            enough = [look for look, count in seen.items() if count >= OF_A_KIND]
            if marked := visit.page.evaluate(MARK, enough):
                seen.update(marked)
                found[name] += serious(visit.page, {"include": [["[data-look]"]]}, COLOURS)
        assert len(seen) > 100, "looks; they are not looked at otherwise"
        assert {name: said for name, said in found.items() if said} == {}
