import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBrowser, type TestBrowser } from '../helpers/browser.js';
import { TestSystem, until } from '../helpers/processes.js';
import { Callers, type Shown } from './faults/support/actions.js';

const reason = 'Violet-Mongoose-8102 asks for a few rows.';
type Wire = { readonly metadata: Readonly<Record<string, string>>; readonly data: string };

let system: TestSystem;
let pending: Shown;
let input: Wire;
let uiOrigin: string;

beforeAll(async () => {
  system = await TestSystem.start();
  uiOrigin = new URL(system.config.uiUrl).origin;
  const callers = new Callers(system);
  const parameters = { columns: ['id', 'email'], limit: 20, format: 'csv' };
  pending = await callers.submit({ action: 'postgres.export', resource: { type: 'Table', id: 'crm/public.customers' }, parameters, reason });
  const connection = await Connection.connect({ address: system.config.address });
  const { events } = await new Client({ connection }).workflow.getHandle(pending.id).fetchHistory();
  await connection.close();
  const payload = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0];
  const base64 = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString('base64');
  input = { metadata: Object.fromEntries(Object.entries(payload?.metadata ?? {}).map(([name, value]) => [name, base64(value)])), data: base64(payload?.data) };
});
afterAll(() => system?.stop());

async function ask(
  options: { readonly as?: string; readonly origin?: string; readonly path?: string; readonly body?: unknown; readonly method?: string } = {},
) {
  const { as, origin, path = 'decode', body = { payloads: [input] }, method = 'POST' } = options;
  const headers: Record<string, string> = {
    ...(method === 'OPTIONS' ? {} : { 'content-type': 'application/json' }),
    ...(origin === undefined ? {} : { origin }),
  };
  if (as !== undefined) headers['authorization'] = `Bearer ${await system.token(as)}`;
  return fetch(`${system.publicUrl}/codec/${path}`, { method, headers, ...(method === 'OPTIONS' ? {} : { body: JSON.stringify(body) }) });
}
const read = async (reply: Response): Promise<string> => {
  const { payloads } = (await reply.json()) as { payloads: readonly Wire[] };
  return payloads.map(({ data }) => Buffer.from(data, 'base64').toString()).join('\n');
};

describe('the codec server', () => {
  it('decrypts for operators, and for nobody else', async () => {
    const reply = await ask({ as: 'carol' });
    expect(reply.status).toBe(200);
    expect(await read(reply)).toContain(reason);
    for (const [as, status] of [
      ['alice', 403],
      ['dave', 403],
      ['invoice-bot', 403],
      [undefined, 401],
    ] as const) {
      const refused = await ask(as === undefined ? {} : { as });
      expect(refused.status, as).toBe(status);
      expect(await refused.text(), as).not.toContain('Mongoose');
    }
  });

  it('answers pages of the configured Temporal UI alone', async () => {
    for (const origin of ['https://evil.example', 'null', uiOrigin.replace(/\d+$/, '1'), `${uiOrigin}.evil.example`]) {
      for (const method of ['POST', 'OPTIONS']) {
        const reply = await ask({ as: 'carol', origin, method });
        expect(reply.status, origin).toBe(403);
        expect(reply.headers.get('access-control-allow-origin'), origin).toBeNull();
      }
    }
    const preflight = await ask({ origin: uiOrigin, method: 'OPTIONS' });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe(uiOrigin);
    expect(preflight.headers.get('access-control-allow-credentials')).toBe('true');
    expect((await ask({ as: 'carol', origin: uiOrigin })).status).toBe(200);
  });

  it('never encrypts, and has bounds', async () => {
    expect((await ask({ as: 'carol', path: 'encode' })).status).toBe(403);
    expect((await ask({ as: 'alice', path: 'encode' })).status).toBe(403);
    expect((await ask({ as: 'carol', body: { payloads: Array(1_001).fill({}) } })).status).toBe(400);
    // It may hang up while we still send.
    const tooLong = ask({ as: 'carol', body: { payloads: [{ data: 'a'.repeat(9_000_000) }] } });
    expect(
      await tooLong.then(
        ({ status }) => status,
        () => 413,
      ),
    ).toBe(413);
    expect((await ask({ as: 'carol', body: { payloads: 'all' } })).status).toBe(400);
    expect((await fetch(`${system.publicUrl}/codec/decode`)).status).toBe(404);
  });

  it('tells what is wrong with a payload in its place, and nothing more', async () => {
    const other = { ...input, metadata: { ...input.metadata, 'workflow-id': Buffer.from('act_other').toString('base64') } };
    const clear = { metadata: { encoding: Buffer.from('json/plain').toString('base64') }, data: Buffer.from('"clear"').toString('base64') };
    expect(await read(await ask({ as: 'carol', body: { payloads: [other, clear] } }))).toBe('"payload-unreadable"\n"clear"');
  });

  it('logs each time who read of which workflow, and never what', async () => {
    const log = await system.logFile('api');
    const lines = log.split('\n').filter((line) => line.includes('"audit":"codec"'));
    expect(lines.some((line) => line.includes('"person":"carol"') && line.includes(pending.id))).toBe(true);
    expect(lines.some((line) => line.includes('"person":"alice"') && line.includes('no operator'))).toBe(true);
    expect(log).not.toContain('Mongoose');
  });
});

describe('Temporal UI', () => {
  let browser: TestBrowser;
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser?.close());

  /** Opens the action in Temporal UI as somebody who is signed in at the inbox, and lets the page send the login along. */
  async function storyAs(name: RegExp): Promise<string> {
    await browser.context.clearCookies();
    const page = await browser.context.newPage();
    await page.goto(`${system.publicUrl}/inbox`);
    await page.getByRole('button', { name }).click();
    await page.waitForURL(`${system.publicUrl}/inbox`);
    // What the person sets in the page's codec server settings: this endpoint, with credentials.
    const settings = { endpoint: `${system.publicUrl}/codec`, includeCredentials: true, overrideRemoteCodecConfiguration: true };
    for (const [name, value] of Object.entries(settings)) await page.addInitScript(`localStorage.setItem('${name}', '${JSON.stringify(value)}')`);
    const decoded = page.waitForResponse((response) => response.url().includes('/codec/decode') && response.request().method() === 'POST');
    await page.goto(`${uiOrigin}/namespaces/default/workflows/${pending.id}`);
    const status = (await decoded).status();
    const shown = () => page.locator('body').innerText();
    // The page polls for ever, so it never falls silent; its id stands above what it shows of the payloads.
    const awaited = status === 200 ? reason : pending.id;
    await until(async () => (await shown()).includes(awaited), 20_000, `the page shows ${awaited}`);
    const text = await shown();
    await page.close();
    return `${status} ${text}`;
  }

  it('shows an operator what was asked, and others only that something is encrypted', async () => {
    expect(await storyAs(/Carol Chen/)).toMatch(/^200 .*Violet-Mongoose-8102/s);
    const others = await storyAs(/Alice Almeida/);
    expect(others).toMatch(/^403 /);
    expect(others).toContain(pending.id);
    expect(others).not.toMatch(/Invoice bot|Mongoose|Send cards/);
  });
});
