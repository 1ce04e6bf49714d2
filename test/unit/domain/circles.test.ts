import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSqliteEvidenceLog } from '../../../activities/adapters/evidence/sqlite.js';
import { openGrantStore } from '../../../activities/adapters/grant-store-sqlite.js';
import { circleSince, circleWith, consentOf, humansBehind, type ApprovalFact } from '../../../domain/circles.js';
import { makeRequest, makeStage } from './grant-fixture.js';

const at = '2026-04-30T12:00:00.000Z';
const since = '2026-03-31T12:00:00.000Z';
const before = '2026-03-31T11:59:59.999Z';
const fact = (by: string, of: string, when = at): ApprovalFact => ({ by, of, at: when });

describe('a circle', () => {
  it('goes back as far as the window and no further', () => {
    expect(circleSince(at, 30 * 86_400_000)).toBe(since);
    expect(circleWith('alice', ['dave'], [fact('dave', 'alice', since)], since)).toEqual(fact('dave', 'alice', since));
    expect(circleWith('alice', ['dave'], [fact('dave', 'alice', before)], since)).toBeUndefined();
    expect(circleWith('alice', ['dave'], [fact('dave', 'alice', '2027-01-01T00:00:00.000Z')], since)).toBeDefined();
  });
  it('is closed by those two alone, in that direction alone, and by nobody with themselves', () => {
    for (const other of [fact('alice', 'dave'), fact('bob', 'alice'), fact('dave', 'bob')])
      expect(circleWith('alice', ['dave'], [other], since)).toBeUndefined();
    expect(circleWith('dave', ['dave'], [fact('dave', 'dave')], since)).toBeUndefined();
  });
  it('names the latest of several', () =>
    expect(circleWith('alice', ['dave', 'bob'], [fact('dave', 'alice', since), fact('bob', 'alice'), fact('dave', 'alice', since)], since)?.by).toBe('bob'));
  it('is also with those for whom an agent may be asking, and the owner whom the directory has by now', () => {
    const request = makeRequest();
    expect(humansBehind(request, ['ann', 'dave', 'erin', request.requester.id])).toEqual(['dave', 'ann', 'erin']);
  });
  it('is between the humans behind a request, and no agent', () => {
    const { requester } = makeRequest();
    const via = [
      { kind: 'agent', id: 'release-bot', name: 'R', owner: 'bob', issuer: 'x', subject: 'r' },
      { kind: 'person', id: 'erin', name: 'E', issuer: 'x', subject: 'e' },
    ] as const;
    expect(humansBehind(makeRequest({ onBehalfOf: 'carol', via }), [])).toEqual(['dave', 'bob', 'erin', 'carol']);
    expect(humansBehind(makeRequest({ requester: { ...requester, kind: 'person', id: 'ann' } as never }), [])).toEqual(['ann']);
  });
});

describe('what the stores remember', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'countersign-circles-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const seat = (person: string, circles = true, decidedAt = at) => ({
    decision: { person: { id: person }, decidedAt },
    stage: makeStage(circles ? { circles: { refuseWithinMs: 30 * 86_400_000 } } : {}),
  });
  const ask = (requester: string) => makeRequest({ requester: { kind: 'person', id: requester, name: requester, issuer: 'x', subject: requester } });
  const grant = (actionId: string, by: string, of: string, circles = true, decidedAt = at) => ({
    actionId,
    actionDigest: 'sha256:00' as const,
    at: decidedAt,
    consent: consentOf(ask(of), [], [seat(by, circles, decidedAt)]),
  });

  it('the grant store refuses the second half of a circle, over restarts, and consumes nothing', async () => {
    const file = path.join(folder, 'grants.sqlite');
    const store = openGrantStore(file);
    expect((await store.begin(grant('act_1', 'alice', 'bob'))).first).toBe(true);
    await store.close();
    const again = openGrantStore(file);
    await expect(again.begin(grant('act_2', 'bob', 'alice'))).rejects.toMatchObject({ code: 'approval-circle' });
    expect(await again.find('act_2')).toBeUndefined();
    // What was refused is not remembered as consent, and what does not refuse runs.
    expect(await again.approvalsBy(['bob'], since)).toEqual([]);
    expect((await again.begin(grant('act_3', 'bob', 'alice', false))).first).toBe(true);
    expect((await again.begin(grant('act_4', 'carol', 'alice'))).first).toBe(true);
    expect((await again.begin(grant('act_1', 'alice', 'bob'))).first).toBe(false);
    await again.close();
  });

  it('the grant store refuses one with somebody for whom the agent may be asking, whom the request does not name', async () => {
    const store = openGrantStore(path.join(folder, 'acts-for.sqlite'));
    await store.begin(grant('act_1', 'ann', 'bob'));
    const asked = { ...grant('act_2', 'bob', 'carol'), consent: consentOf(makeRequest(), ['ann', 'dave'], [seat('bob')]) };
    await expect(store.begin(asked)).rejects.toMatchObject({ code: 'approval-circle' });
    expect((await store.begin({ ...asked, consent: consentOf(makeRequest(), ['dave'], [seat('bob')]) })).first).toBe(true);
    await store.close();
  });

  it('the grant store forgets nothing by an approval that is older, and keeps one row a pair', async () => {
    const store = openGrantStore(path.join(folder, 'latest.sqlite'));
    await store.begin(grant('act_1', 'alice', 'bob'));
    await store.begin(grant('act_2', 'alice', 'bob', true, before));
    expect(await store.approvalsBy(['alice', 'carol'], before)).toEqual([fact('alice', 'bob')]);
    expect(await store.approvalsBy(['alice'], before, 'bob')).toEqual([fact('alice', 'bob')]);
    expect(await store.approvalsBy(['alice'], before, 'dave')).toEqual([]);
    await store.close();
  });

  it('the evidence log knows accepted approvals, superseding ones too, and nothing else', async () => {
    const log = createSqliteEvidenceLog(path.join(folder, 'evidence.sqlite'));
    const approval = (by: string, of: string) => ({ by, of: [of, 'both'], at });
    const append = (key: string, kind: 'decided' | 'refused', body: object) => log.append({ actionId: 'act_1', key, kind, at, body: body as never });
    await append('a', 'decided', { approval: approval('alice', 'bob') });
    await append('a', 'decided', { approval: approval('alice', 'nobody, since the key was used') });
    await append('b#2', 'decided', { supersedes: 1, entry: { approval: approval('carol', 'bob') } });
    await append('c', 'refused', { approval: approval('dave', 'bob') });
    await append('d', 'decided', { record: {} });
    expect(await log.approvalsBy(['alice', 'carol', 'dave'], since)).toEqual([
      fact('alice', 'bob'),
      fact('alice', 'both'),
      fact('carol', 'bob'),
      fact('carol', 'both'),
    ]);
    expect(await log.approvalsBy(['alice'], '2026-05-01T00:00:00.000Z')).toEqual([]);
    await log.close();
  });
});
