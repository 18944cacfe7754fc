"""Every page of the book under axe-core, in light and dark."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import browser, built_book, watched  # noqa: F401  fixtures

from labs.kit import book, manifest

COURSE = manifest.read()
CODE = "notebooks/deployment/deploy-with-one-function"  # of every kind; enough for its colours


@pytest.mark.parametrize(
    ("scheme", "rules"),
    [("light", {}), ("dark", {"runOnly": {"type": "rule", "values": ["color-contrast"]}})],
    ids=["light", "dark"],  # which differ in their colours alone
)
def test_no_serious_accessibility_violation(browser, built_book, scheme, rules):  # noqa: F811
    with watched(browser, color_scheme=scheme) as visit:
        found = []
        for name in [*book.pages(COURSE), "search"]:
            visit.page.goto((built_book / f"{name}.html").as_uri())
            context = {} if name == CODE else {"exclude": [[".highlight"]]}
            violations = Axe().run(visit.page, context, rules).response["violations"]
            serious = [v for v in violations if v["impact"] in ("serious", "critical")]
            found += [f"{name}: {v['id']}: {v['nodes'][0]['html'][:200]}" for v in serious]
        assert found == []
