import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ActionView } from '../../domain/view.js';
import { executedExport, pendingExport, pendingRole } from '../api/inbox/fixtures.js';
import { startRig } from '../api/inbox/rig.js';
import { startBrowser } from './browser.js';

/**
 * Writes the pictures of the inbox that the documentation shows to docs/images, or all looks to the folder that is named:
 * `node --import tsx test/helpers/render-inbox.ts [folder]`.
 */
const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
const fresh = (view: ActionView, due: number): ActionView => ({ ...view, requestedAt: ago(15), deadlineAt: ago(-due) });
const refused: ActionView = {
  ...fresh(pendingExport(), 200),
  id: 'act_exportrefused',
  previewError: 'As it stands the executor would refuse it: public.customers has no column balance that the executor’s role may read.',
};
const { preview: _preview, ...refusedView } = refused;

const pages = {
  action: '/inbox/actions/act_exportpending',
  list: '/inbox',
  history: '/inbox/history',
  executed: '/inbox/actions/act_exportexecuted',
  refused: '/inbox/actions/act_exportrefused',
} as const;

// Those that the documentation shows: page, width, scheme.
const shown: Readonly<Record<string, readonly [keyof typeof pages, 1280 | 390, 'light' | 'dark']>> = {
  'inbox-action.png': ['action', 1280, 'light'],
  'inbox-action-dark.png': ['action', 1280, 'dark'],
  'inbox-list.png': ['list', 1280, 'light'],
  'inbox-list-dark.png': ['list', 1280, 'dark'],
  'inbox-phone-dark.png': ['list', 390, 'dark'],
};

async function main(): Promise<void> {
  const [given] = process.argv.slice(2);
  const folder = given ?? fileURLToPath(new URL('../../docs/images/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  const role = pendingRole();
  const rig = await startRig([fresh(pendingExport(), 45), executedExport(), fresh(role, 150), refusedView]);
  const browser = await startBrowser({ deviceScaleFactor: 1.5 });
  try {
    const page = await browser.context.newPage();
    await page.goto(`${rig.url}/inbox`);
    await page.getByRole('button', { name: /Alice/ }).click();
    await page.waitForURL(`${rig.url}/inbox`);
    const take = async (file: string, [name, width, colorScheme]: (typeof shown)[string]) => {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
      await page.goto(rig.url + pages[name]);
      await page.screenshot({ path: path.join(folder, file), fullPage: given !== undefined });
      process.stdout.write(`${file}\n`);
    };
    if (given === undefined) for (const [file, look] of Object.entries(shown)) await take(file, look);
    else
      for (const name of Object.keys(pages) as (keyof typeof pages)[])
        for (const width of [1280, 390] as const)
          for (const scheme of ['light', 'dark'] as const) await take(`${name}-${width}-${scheme}.png`, [name, width, scheme]);
  } finally {
    await browser.close();
    await rig.close();
  }
}

await main();
