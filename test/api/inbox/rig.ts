import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fastify } from 'fastify';
import type { InboxPasskeys } from '../../../api/inbox/passkey-routes.js';
import { inboxPlugin } from '../../../api/inbox/plugin.js';
import { openPasskeyStore } from '../../../api/passkeys/store.js';
import type { LoadedConfig } from '../../../config/load.js';
import { startIdp, type RunningIdp } from '../../../dev/idp-server.js';
import { createFileDirectory } from '../../../directory/file.js';
import type { ActionView } from '../../../domain/view.js';
import { fakeActions, type FakeActions } from './fake-actions.js';

/** The directory of the tests, in the format of the real file. */
export const people = `
groups: [{ id: g-data-owners, name: Data owners }, { id: g-operators, name: Operators }]
people:
  - { id: alice, name: Alice Almeida, email: alice@example.com, groups: [g-data-owners], accounts: [{ issuer: development, subject: alice-at-idp }] }
  - { id: bob, name: Bob Baumann, groups: [g-data-owners], accounts: [{ issuer: development, subject: bob }] }
  - { id: carol, name: Carol Chen, groups: [g-operators], accounts: [{ issuer: development, subject: carol }] }
  - { id: dave, name: Dave Diallo, groups: [], accounts: [{ issuer: development, subject: dave }] }
  - { id: erin, name: Erin Eklund, groups: [], accounts: [{ issuer: development, subject: erin }] }
  - { id: frank, name: Frank Foti, active: false, groups: [], accounts: [{ issuer: development, subject: frank }] }
agents: [{ id: churn-analyst, name: Churn analyst, owner: dave, accounts: [] }]
`;

/** An inbox and a development provider over real http, with actions in memory. */
export type Rig = {
  readonly url: string;
  readonly issuer: string;
  readonly folder: string;
  readonly actions: FakeActions;
  readonly directoryFile: string;
  readonly clock: { offsetMs: number };
  readonly passkeys: InboxPasskeys;
  readonly setPeople: (text: string) => Promise<void>;
  close(): Promise<void>;
};

export async function startRig(
  views: readonly ActionView[],
  options: { readonly clock?: () => Date; readonly requestsPerMinute?: number; readonly passkeys?: boolean } = {},
): Promise<Rig> {
  const folder = await mkdtemp(path.join(tmpdir(), 'countersign-inbox-'));
  const directoryFile = path.join(folder, 'directory.yaml');
  await writeFile(directoryFile, people);
  const clock = { offsetMs: 0 };
  const now = options.clock ?? (() => new Date(Date.now() + clock.offsetMs));
  const actions = fakeActions(views, now);
  // The inbox must know the provider's address and the provider the inbox's: the inbox's port is taken first.
  const probe = fastify({ logger: false });
  await probe.listen({ host: '127.0.0.1', port: 0 });
  const port = (probe.server.address() as AddressInfo).port;
  await probe.close();
  const url = `http://127.0.0.1:${port}`;
  // No browser would make a passkey for an address of numbers; the authenticator of the tests is told this name.
  const passkeys = { store: openPasskeyStore(path.join(folder, 'passkeys.sqlite')), party: { id: 'localhost', origin: url } };
  const idp: RunningIdp = await startIdp(idpConfig(folder, url), { onError: () => undefined });
  const directory = createFileDirectory(directoryFile, idp.issuer);
  // A browser may keep a connection that it never uses; it must not hold up the end of a test.
  const app = fastify({ logger: false, forceCloseConnections: true });
  await app.register(
    inboxPlugin({
      actions,
      directory,
      connectors: [{ name: 'postgres.export', title: 'Export rows from PostgreSQL' }],
      publicUrl: url,
      sessionSecret: 'a session secret of the tests, long enough',
      login: { issuer: idp.issuer, clientId: 'countersign-inbox', stepUp: { mfaAcr: ['mfa'], maxAgeSeconds: 300 } },
      ...(options.passkeys === true ? { passkeys } : {}),
      operators: ['g-operators'],
      environment: 'development',
      now,
      ...(options.requestsPerMinute === undefined ? {} : { requestsPerMinute: options.requestsPerMinute }),
    }),
  );
  await app.listen({ host: '127.0.0.1', port });
  return {
    url,
    issuer: idp.issuer,
    folder,
    actions,
    directoryFile,
    clock,
    passkeys,
    setPeople: (text) => writeFile(directoryFile, text),
    close: async () => {
      await app.close();
      await idp.close();
      passkeys.store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The part of a configuration that the development provider reads. */
export function idpConfig(folder: string, publicUrl: string, change: Partial<LoadedConfig> = {}): LoadedConfig {
  const file = path.join(folder, 'countersign.yaml');
  return {
    environment: 'development',
    file,
    resolve: (relative: string) => path.resolve(folder, relative),
    api: { publicUrl },
    directory: { file: 'directory.yaml' },
    identity: { issuers: [], login: { issuer: 'http://127.0.0.1:0', clientId: 'countersign-inbox' }, operators: [] },
    dev: { idpPort: 0, databasePort: 0 },
    ...change,
  } as unknown as LoadedConfig;
}
