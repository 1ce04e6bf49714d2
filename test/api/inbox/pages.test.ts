import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inboxPlugin } from '../../../api/inbox/plugin.js';
import { decisions } from '../../../api/inbox/pages/record.js';
import { shown, shownLines } from '../../../api/inbox/shown.js';
import type { ActionView } from '../../../domain/view.js';
import { executedExport, pendingExport, pendingRole } from './fixtures.js';
import { Visitor } from './browserless.js';
import { startRig, type Rig } from './rig.js';

const attack = `"><img src=x onerror=alert(1)>'</textarea><script>alert(2)</script>\u202Egpj.exe\u200B`;

let rig: Rig;
let alice: Visitor;
beforeAll(async () => {
  rig = await startRig([pendingExport(), executedExport(), pendingRole()]);
  alice = new Visitor(rig.url);
  await alice.signIn('alice-at-idp');
});
afterAll(() => rig.close());

/** Every string of a view that a requester, a target or a person may have written, replaced. */
function poisoned(): ActionView {
  const keep = new Set([
    'id',
    'status',
    'kind',
    'digest',
    'planDigest',
    'policyDigest',
    'bodyDigest',
    'at',
    'verdict',
    'channel',
    'assurance',
    'code',
    'state',
  ]);
  const walk = (value: unknown, key: string): unknown => {
    if (typeof value === 'string') return keep.has(key) || /At$/.test(key) ? value : `${value} ${attack}`;
    if (Array.isArray(value)) return value.map((item) => walk(item, key));
    if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, walk(item, name)]));
    return value;
  };
  const view = walk(
    {
      ...pendingExport(),
      via: [{ kind: 'agent', id: 'desk-bot', name: 'Desk bot' }],
      previewError: 'no answer',
      channels: [{ kind: 'teams', state: 'failing' }],
    },
    '',
  ) as ActionView;
  return {
    ...view,
    id: 'act_poisoned',
    denial: { code: 'denied-by-policy', detail: attack },
    outcome: { status: 'unknown', detail: attack, check: attack, finishedAt: view.requestedAt },
  };
}

describe('untrusted text', () => {
  it('reaches every page escaped and with its invisible characters marked', async () => {
    rig.actions.put(poisoned());
    for (const target of [
      '/inbox',
      '/inbox/history',
      '/inbox/requests',
      '/inbox/actions/act_poisoned',
      `/inbox/history?action=${encodeURIComponent(attack)}&status=${encodeURIComponent(attack)}`,
    ]) {
      const page = await (await alice.ask(target)).text();
      expect(page).not.toContain('<img src=x');
      expect(page).not.toContain('<script>alert');
      expect(page).not.toContain('\u202E');
      expect(page).not.toContain('\u200B');
    }
    const page = await (await alice.ask('/inbox/actions/act_poisoned')).text();
    expect(page).toContain('⟦U+202E⟧gpj.exe⟦U+200B⟧');
    rig.actions.views.delete('act_poisoned');
  });

  it('keeps plain letters of every script, and line breaks where they belong', () => {
    expect(shownLines('a\nb ć Ж 中 עברית 😀')).toBe('a\nb ć Ж 中 עברית 😀');
    expect(shown('\u2066\u00ADx\uFEFF')).toBe('⟦U+2066⟧⟦U+00AD⟧x⟦U+FEFF⟧');
    expect(shownLines('x'.repeat(262_144))).toHaveLength(262_144);
  });
});

describe('pages', () => {
  it('carry a strict policy, no inline script or style, and are kept by nobody', async () => {
    for (const target of ['/inbox', '/inbox/actions/act_exportpending', '/inbox/history', '/inbox/signed-out', '/inbox/nothing-here']) {
      const answer = await alice.ask(target);
      const page = await answer.text();
      const policy = answer.headers.get('content-security-policy') ?? '';
      for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"])
        expect(policy).toContain(rule);
      expect(policy).not.toContain('unsafe');
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
      expect(answer.headers.get('cross-origin-opener-policy')).toBe('same-origin');
      expect(page).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=/);
    }
  });

  it('ask for https outside of loopback, and then for it only', async () => {
    const options = { ...({} as Parameters<typeof inboxPlugin>[0]), sessionSecret: 'x'.repeat(32) };
    expect(() => inboxPlugin({ ...options, publicUrl: 'http://countersign.example' })).toThrow('config-invalid');
    expect(() => inboxPlugin({ ...options, publicUrl: 'https://countersign.example', sessionSecret: 'short' })).toThrow('config-invalid');
    const { fastify } = await import('fastify');
    const app = fastify();
    await app.register(inboxPlugin({ ...options, publicUrl: 'https://countersign.example', login: { issuer: 'https://idp.example', clientId: 'x' } }));
    const answer = await app.inject('/inbox/callback?code=a');
    await app.close();
    expect(answer.headers['strict-transport-security']).toContain('max-age=');
    expect(answer.headers['set-cookie']).toMatch(/^__Host-countersign_login=; Path=\/; .*; Secure$/);
  });

  it('show an action whole: who asks, what, why, risk, policy, stage and fingerprint', async () => {
    rig.actions.put(pendingExport({ via: [{ kind: 'agent', id: 'desk-bot', name: 'Desk bot' }] }));
    const page = await (await alice.ask('/inbox/actions/act_exportpending')).text();
    rig.actions.put(pendingExport());
    for (const text of [
      'Passed on by',
      'Desk bot',
      'Churn analyst',
      'Dave Diallo',
      'Erin Eklund',
      'crm/public.customers',
      'id, name, email, phone',
      'text of 10 characters',
      'about 3,100 match the filter, of about 12,400; at most 5,000 are exported',
      'Personal data, judging by the column names',
      'In the words of the agent',
      'export-personal-data',
      'Data owners',
      '1 of 2',
      'Carol Chen',
      'Medium risk',
    ])
      expect(page).toContain(text);
    // The parts of the filter stand in one row under its name.
    const rows = [...page.matchAll(/<dt>([^<]*)<\/dt>\s*<dd>([^]*?)<\/dd>/g)].map(
      ([, title, value = '']) => `${title}: ${value.replaceAll(/<[^>]*>|\s+/g, ' ').replaceAll(/ +/g, ' ')}`,
    );
    expect(rows).toContainEqual('Filter:  Column signed_up_at Operator &#62;&#61; Value hidden text of 10 characters ');
  });

  it('list what waits for me with its deadline, and the history by filter', async () => {
    const waiting = await (await alice.ask('/inbox')).text();
    expect(waiting).toContain('/inbox/actions/act_exportpending');
    expect(waiting).toContain('data-relative');
    expect(waiting).not.toContain('act_exportexecuted');
    expect(rowOf(waiting, 'act_exportpending')).toBe(
      'Export rows from PostgreSQL Table crm/public.customers ' +
        'the agent&#39;s words The retention team needs the customers of the last quarter to compute churn. ⏎ The file is deleted after the run. ' +
        'Requested by Churn analyst TIME Rows: about 3,100 match the filter, of about 12,400; at most 5,000 are exported ' +
        'Medium risk Data owners, stage 1 of 2 1 of 2 approvals Expires TIME',
    );
    expect(rowOf(waiting, 'act_rolepending')).toContain('High risk Finance 0 of 1 approval escalated Expires');
    const carol = new Visitor(rig.url);
    await carol.signIn('carol');
    const executed = await (await carol.ask('/inbox/history?status=executed&since=2026-11-01&until=2026-11-30')).text();
    expect(executed).toContain('act_exportexecuted');
    expect(executed).not.toContain('act_exportpending');
    expect(rowOf(executed, 'act_exportexecuted')).toMatch(
      /^Export rows from PostgreSQL Table crm\/public\.customers the agent&#39;s words The retention team .* Rows: 2,914 Executed Medium risk Ended TIME$/,
    );
    expect(await (await carol.ask('/inbox/history?status=executed&until=2026-11-01')).text()).toContain('Nothing matches');
    expect(await (await carol.ask('/inbox')).text()).toContain('Nothing waits for you');
  });

  it('cut a long reason where everybody sees it, and tell the asking side nothing of the preview', async () => {
    rig.actions.put(pendingExport({ id: 'act_long', reason: `${'word '.repeat(60)}the end` }));
    const waiting = await (await alice.ask('/inbox')).text();
    expect(rowOf(waiting, 'act_long')).toMatch(/word word … \(cut; open the action to read it all\)/);
    expect(rowOf(waiting, 'act_long')).not.toContain('the end');
    const dave = new Visitor(rig.url);
    await dave.signIn('dave');
    expect(rowOf(await (await dave.ask('/inbox/history')).text(), 'act_long')).toContain('Row limit: 5000 Waiting Medium risk');
    rig.actions.views.delete('act_long');
  });

  it('list an action that cannot be read now, by the same title', async () => {
    const read = rig.actions.view;
    rig.actions.view = () => Promise.reject(new Error('no answer'));
    try {
      const row = rowOf(await (await alice.ask('/inbox')).text(), 'act_exportpending');
      expect(row).toBe('Export rows from PostgreSQL Table crm/public.customers Requested by Churn analyst TIME Medium risk');
    } finally {
      rig.actions.view = read;
    }
  });

  it('are told of a change, and of the end', async () => {
    const carol = new Visitor(rig.url);
    await carol.signIn('carol');
    const stream = await carol.ask('/inbox/actions/act_rolepending/live');
    expect(stream.headers.get('content-type')).toContain('text/event-stream');
    const reader = (stream.body ?? new ReadableStream<Uint8Array>()).pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!text.includes('data: ')) text += (await reader.read()).value ?? '';
    rig.actions.put({ ...pendingRole(), status: 'expired', endedAt: new Date().toISOString() });
    while (!text.includes('event: end')) text += (await reader.read()).value ?? '';
    expect(text.match(/^data: [0-9a-f]{16}$/gm)?.length).toBeGreaterThanOrEqual(2);
    rig.actions.put(pendingRole());
  });

  it('that are left while the action is still read give back their places on the live stream', async () => {
    const carol = new Visitor(rig.url);
    await carol.signIn('carol');
    const read = rig.actions.view;
    let asked = 0;
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    rig.actions.view = async (...args) => {
      asked += 1;
      await gate;
      return read(...args);
    };
    const cookie = [...carol.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const open = (signal: AbortSignal) => fetch(`${rig.url}/inbox/actions/act_rolepending/live`, { headers: { cookie }, signal });
    const away = new AbortController();
    const left = Array.from({ length: 12 }, () => open(away.signal).catch(() => undefined));
    await eventually(() => asked === 12);
    expect((await open(AbortSignal.timeout(5_000))).status).toBe(429);
    away.abort();
    await Promise.all(left);
    release();
    rig.actions.view = read;
    const stay = new AbortController();
    await eventually(async () => (await open(stay.signal)).status === 200);
    stay.abort();
  });
});

/** The words of one row of a list, times as TIME. */
function rowOf(page: string, id: string): string {
  const [, row = ''] = new RegExp(`href="/inbox/actions/${id}">([^]*?)</a>`).exec(page) ?? [];
  return row
    .replaceAll(/<time[^]*?<\/time>/g, ' TIME ')
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(' ,', ',')
    .trim();
}

async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('it did not come true in time');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('refused attempts', () => {
  const refused = {
    decisionId: 'd',
    at: '2026-11-21T10:00:00.000Z',
    accepted: false,
    round: 1,
    refusal: { code: 'decided-already', detail: 'Again.' },
  } as const;
  it('are counted beside the list only where the list leaves them out', () => {
    expect(decisions({ ...pendingExport(), decisions: [refused, refused], refusedCount: 2 })).not.toContain('more refused');
    expect(decisions({ ...pendingExport(), decisions: [refused, refused], refusedCount: 3 })).toContain('And 1 more refused attempt.');
  });
});
