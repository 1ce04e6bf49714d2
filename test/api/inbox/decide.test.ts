import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { executedExport, pendingExport, pendingRole } from './fixtures.js';
import { hidden, Visitor } from './browserless.js';
import { startRig, type Rig } from './rig.js';

const path = '/inbox/actions/act_exportpending';
const decide = `${path}/decide`;
let rig: Rig;
let alice: Visitor;
let form: { csrf: string; digest: string };
let own: Record<string, string>;

beforeEach(async () => {
  rig = await startRig([pendingExport(), executedExport(), pendingRole()]);
  alice = new Visitor(rig.url);
  const { page } = await alice.signIn('alice-at-idp', path);
  form = { csrf: hidden(page, 'csrf'), digest: hidden(page, 'digest') };
  own = { origin: rig.url, 'sec-fetch-site': 'same-origin' };
});
afterEach(() => rig.close());

describe('deciding', () => {
  it('passes on who, what they saw and said, with the assurance that needs no proof, and shows the result once', async () => {
    const answer = await alice.ask(decide, { form: { ...form, verdict: 'approve', comment: '  Looks right.\r\nFor this quarter. ' }, headers: own });
    expect(answer.status).toBe(303);
    expect(answer.headers.get('location')).toBe(path);
    expect(rig.actions.decided).toEqual([
      expect.objectContaining({
        actionId: 'act_exportpending',
        channel: 'inbox',
        assurance: 'chat',
        verdict: 'approve',
        digest: form.digest,
        comment: 'Looks right.\nFor this quarter.',
      }),
    ]);
    expect(rig.actions.decided[0]?.person).toMatchObject({ id: 'alice', groups: ['g-data-owners'] });
    expect(await (await alice.ask(path)).text()).toContain('You approved this action');
    expect(await (await alice.ask(path)).text()).not.toContain('You approved this action');
  });

  it('tells why a decision was refused, what to do, and that nothing changed; the comment is kept', async () => {
    rig.actions.refuseNext = { code: 'approver-not-eligible', detail: 'Alice Almeida left the group.' };
    const answer = await alice.ask(decide, { form: { ...form, verdict: 'reject', comment: 'too many rows' }, headers: own });
    const page = await answer.text();
    expect(answer.status).toBe(403);
    expect(page).toContain('Your rejection did not count, and nothing was changed');
    expect(page).toContain('Alice Almeida left the group.');
    expect(page).toContain('The card lists who can decide');
    expect(page).toContain('>too many rows</textarea>');
  });

  it('shows an engine that is away as such, with the action still on the page', async () => {
    rig.actions.refuseNext = { code: 'temporal-unavailable', detail: 'No answer from the workflow engine.', throws: true };
    const answer = await alice.ask(decide, { form: { ...form, verdict: 'approve' }, headers: own });
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain('nothing was changed');
  });

  it('refuses another digest than the one shown', async () => {
    const answer = await alice.ask(decide, { form: { ...form, digest: `sha256:${'0'.repeat(64)}`, verdict: 'approve' }, headers: own });
    expect(answer.status).toBe(409);
    expect(await answer.text()).toContain('decision-digest-mismatch');
  });
});

describe('nothing reaches the workflow', () => {
  const cases: readonly [string, (good: Record<string, string>) => Record<string, string>, Record<string, string | undefined>][] = [
    ['without the session’s token', ({ csrf: _csrf, ...rest }) => rest, {}],
    ['with a wrong token', (good) => ({ ...good, csrf: 'x'.repeat(43) }), {}],
    ['from another origin', (good) => good, { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['from another port of this host', (good) => good, { origin: 'http://127.0.0.1:1', 'sec-fetch-site': 'same-site' }],
    ['from a sandboxed frame', (good) => good, { origin: 'null', 'sec-fetch-site': 'cross-site' }],
    ['without any word on where it came from', (good) => good, { origin: undefined, 'sec-fetch-site': undefined }],
    ['with an opaque origin and no metadata', (good) => good, { origin: 'null', 'sec-fetch-site': undefined }],
  ];
  it.each(cases)('%s', async (_name, change, headers) => {
    const all = Object.fromEntries(Object.entries({ ...own, ...headers }).filter((pair): pair is [string, string] => pair[1] !== undefined));
    const answer = await alice.ask(decide, { form: change({ ...form, verdict: 'approve' }), headers: all });
    expect(answer.status).toBe(403);
    expect(await answer.text()).toContain('csrf-invalid');
    expect(rig.actions.decided).toEqual([]);
  });

  it('with the token of somebody else’s session', async () => {
    const bob = new Visitor(rig.url);
    const { page } = await bob.signIn('bob', path);
    const answer = await alice.ask(decide, { form: { ...form, csrf: hidden(page, 'csrf'), verdict: 'approve' }, headers: own });
    expect(answer.status).toBe(403);
    expect(rig.actions.decided).toEqual([]);
  });

  it('without a session', async () => {
    const answer = await new Visitor(rig.url).ask(decide, { form: { ...form, verdict: 'approve' }, headers: own });
    expect(answer.status).toBe(401);
    expect(rig.actions.decided).toEqual([]);
  });

  it('by GET, HEAD or any address', async () => {
    const query = new URLSearchParams({ ...form, verdict: 'approve' }).toString();
    for (const target of [`${decide}?${query}`, `${path}?${query}`, `/inbox?${query}`]) {
      expect((await alice.follow(target)).response.status).toBe(200);
      await alice.ask(target, { method: 'HEAD' });
    }
    expect(rig.actions.decided).toEqual([]);
  });

  it.each([
    ['no verdict', {}],
    ['another verdict', { verdict: 'approve-all' }],
    ['a digest of another shape', { verdict: 'approve', digest: '3f9a 02bc 77d1' }],
    ['a comment over the limit', { verdict: 'approve', comment: 'x'.repeat(1001) }],
  ])('with %s', async (_name, change) => {
    const answer = await alice.ask(decide, { form: { ...form, ...change }, headers: own });
    expect(answer.status).toBe(400);
    expect(rig.actions.decided).toEqual([]);
  });

  it('as JSON, or as a body beyond the limit', async () => {
    const json = await alice.ask(decide, { form, headers: { ...own, 'content-type': 'application/json' } });
    expect(json.status).toBe(415);
    const large = await alice.ask(decide, { form: { ...form, comment: 'x'.repeat(30_000) }, headers: own });
    expect(large.status).toBe(413);
    expect(rig.actions.decided).toEqual([]);
  });

  it('for people who may not see the action, who learn nothing about it either', async () => {
    rig.actions.put({ ...pendingRole(), owner: { id: 'carol', name: 'Carol Chen' } });
    const erin = new Visitor(rig.url);
    const { page } = await erin.signIn('erin');
    const csrf = hidden(page, 'csrf');
    const [real, none] = await Promise.all(
      ['act_rolepending', 'act_doesnotexist'].map(async (id) => {
        const read = await erin.ask(`/inbox/actions/${id}`);
        const write = await erin.ask(`/inbox/actions/${id}/decide`, { form: { ...form, csrf, verdict: 'approve' }, headers: own });
        const live = await erin.ask(`/inbox/actions/${id}/live`);
        return [read.status, await read.text(), write.status, (await write.text()).replaceAll(id, ''), live.status];
      }),
    );
    expect(real).toEqual(none);
    expect(real?.[0]).toBe(404);
    expect(rig.actions.decided).toEqual([]);
  });
});

describe('the requester’s side', () => {
  it.each(['dave', 'erin', 'carol'])('%s reads no target by asking: what it said before approval is for others and for operators', async (subject) => {
    const { page } = await new Visitor(rig.url).signIn(subject, path);
    expect(page).toContain('Row limit');
    expect(page.includes('12,400')).toBe(subject === 'carol');
    expect(page.includes('Personal data, judging')).toBe(subject === 'carol');
  });
  it.each([
    ['dave', 'You own the agent that asks'],
    ['erin', 'The agent acts on your behalf'],
  ])('%s sees why there are no buttons', async (subject, reason) => {
    const { page } = await new Visitor(rig.url).signIn(subject, path);
    expect(page).toContain(reason);
    expect(page).not.toContain('value="approve"');
  });

  it('a stage that asks for more than our word says so, and offers no plain approval', async () => {
    const view = pendingExport();
    rig.actions.put({ ...view, ...(view.stage === undefined ? {} : { stage: { ...view.stage, assurance: 'passkey' } }) });
    const page = await (await alice.ask(path)).text();
    expect(page).toContain('Approving needs a passkey');
    expect(page).not.toContain('value="approve"');
    expect(page).toContain('value="reject"');
  });
});
