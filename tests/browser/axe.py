"""What axe finds wrong with a page."""

from __future__ import annotations

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

RUN = "options => axe.run(document, {resultTypes: ['violations'], ...options}).then(found => found.violations)"


async def violations(page: Page, *rules: str) -> list[str]:
    """Each violation with the first places of it; only these rules, where some are given."""
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(Axe().axe_script)
    options = {"runOnly": {"type": "rule", "values": list(rules)}} if rules else {}
    found = await page.evaluate(RUN, options)
    return [f"{one['id']}: {[node['target'] for node in one['nodes']][:3]}" for one in found]
