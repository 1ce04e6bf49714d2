import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { openProofs } from '../../../activities/adapters/proofs/index.js';
import type { Directory } from '../../../directory/port.js';
import type { Decision } from '../../../domain/decision.js';
import { inboxClient, makeProvider } from '../../helpers/provider.js';

const folder = mkdtempSync(path.join(tmpdir(), 'countersign-proofs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('whose account proved a decision is asked of the directory anew, not remembered', async () => {
  const idp = await makeProvider();
  writeFileSync(path.join(folder, 'jwks.json'), JSON.stringify({ keys: [idp.jwk] }));
  const decision: Decision = {
    decisionId: 'dec_1',
    actionId: 'act_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    actionDigest: 'sha256:01',
    planDigest: 'sha256:02',
    verdict: 'approve',
    person: { id: 'alice', name: 'Alice', groups: [] },
    channel: 'inbox',
    assurance: 'mfa',
    decidedAt: '2026-03-02T10:00:00.000Z',
  };
  const person = { id: decision.person.id, name: 'Somebody', active: true, groups: [], accounts: [] };
  // What it remembers is from before the account was given to somebody else.
  const directory: Pick<Directory, 'personByAccount'> = {
    personByAccount: async (_issuer, _subject, lookup) => (lookup?.fresh === true ? { ...person, id: 'somebody-else' } : person),
  };
  const providers = [{ issuer: idp.issuer, audience: inboxClient, algorithms: ['ES256'], mfaAcr: ['mfa'], jwksFile: 'jwks.json' }];
  const proofs = openProofs({ environment: 'production', resolve: (name: string) => path.join(folder, name), executor: { providers } } as never, directory);
  await proofs.ready;
  expect(await proofs.verify(decision, await idp.proofOf(decision))).toBe('The ID token is of somebody else.');
  proofs.close();
});
