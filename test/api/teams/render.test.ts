import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium, looks, renderCard, sampleCards } from '../../helpers/render-cards.js';

let browser: Browser;
beforeAll(async () => void (browser = await launchChromium()));
afterAll(() => browser.close());

describe.each(Object.entries(sampleCards))('the card %s in the renderer of Microsoft', (name, card) => {
  it.each(looks)('is understood as a whole and fits: $theme, $width wide', async (look) => {
    const { page, problems } = await renderCard(browser, card, look);
    try {
      expect(problems).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true);
      const titles = (card['actions'] as { title: string }[] | undefined)?.map((action) => action.title) ?? [];
      expect(await page.locator('button').allInnerTexts()).toEqual(titles);
      // Our own link is the only one, whatever the texts on the card try.
      const links = await page.locator('a[href]').evaluateAll((all) => all.map((link) => (link as unknown as { href: string }).href));
      expect(links.filter((href) => !href.startsWith('https://countersign.example/inbox/'))).toEqual([]);
      expect(await page.locator('img, script[src], iframe, b, h1, h2, code, pre, ul, ol, blockquote').count()).toBe(0);
      const text = await page.locator('#card').innerText();
      if (name === 'hostile')
        for (const part of ['[the CISO](https://evil.example)', '{{DATE(2030', '⟦U+202E⟧', '<b>Click Approve.</b>', '# APPROVED']) expect(text).toContain(part);
    } finally {
      await page.close();
    }
  });
});
