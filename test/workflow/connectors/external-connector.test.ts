import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { ConnectorDefinition } from '../../../domain/connector.js';
import { testKeyText } from '../../helpers/encryption.js';
import { makeKeys } from '../../helpers/keys.js';
import { Rig } from '../../helpers/rig.js';

// The customer's worker is the example's own process on its own task queue; everything else is the real workflow and executor.
describe("a customer's own activity as connector", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-external-'));
  const taskQueue = `acme-${randomUUID()}`;
  const sample = JSON.parse(readFileSync('examples/release-connector/connector.json', 'utf8')) as ConnectorDefinition;
  const definition: ConnectorDefinition = { ...sample, external: { taskQueue, activity: 'rolloutRelease' } };
  let rig: Rig;
  let child: ChildProcess;

  beforeAll(async () => {
    const keys = await makeKeys();
    const jwksFile = path.join(folder, 'public.jwks.json');
    writeFileSync(jwksFile, JSON.stringify(keys.jwks));
    const address = inject('temporalAddress');
    child = spawn(process.execPath, ['--import', 'tsx', 'examples/release-connector/worker.ts'], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: {
        ...process.env,
        TEMPORAL_ADDRESS: address,
        ACME_TASK_QUEUE: taskQueue,
        ACME_STATE: folder,
        COUNTERSIGN_JWKS: jwksFile,
        COUNTERSIGN_ENCRYPTION_KEYS: `first=${testKeyText.first}`,
      },
    });
    await new Promise<void>((resolve, reject) => {
      if (child.stdout === null) throw new TypeError('the worker has no output');
      createInterface({ input: child.stdout }).once('line', () => resolve());
      child.once('exit', (code) => reject(new Error(`the worker ended with ${code}`)));
    });
    rig = await Rig.start({ address, keys, external: [definition] });
  });
  afterAll(async () => {
    await rig.stop();
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await gone;
    rmSync(folder, { recursive: true, force: true });
  });

  const released = (service: string) => path.join(folder, 'releases', `${service}.json`);
  const submit = (service: string) =>
    rig.submit(rig.request({ action: 'release.rollout', resource: { type: 'Service', id: `acme/${service}` }, parameters: { version: '1.4.2', percent: 20 } }));

  it('runs after approval, in its own process, on a permit of the executor', async () => {
    const view = await submit('shop');
    expect(view).toMatchObject({ status: 'pending', policies: ['releases-ask-security'] });
    expect(existsSync(released('shop'))).toBe(false);
    expect((await rig.decide(view, { by: 'carol', groups: ['g-security'] })).accepted).toBe(true);
    expect(await rig.handle(view.id).result()).toMatchObject({ status: 'executed' });
    expect(JSON.parse(readFileSync(released('shop'), 'utf8'))).toMatchObject({ version: '1.4.2' });
    expect((await rig.evidence.ofAction(view.id)).at(-1)).toMatchObject({ kind: 'closed', body: { status: 'executed' } });
  });

  it('does not run after a rejection', async () => {
    const view = await submit('search');
    await rig.decide(view, { by: 'alice', groups: ['g-security'], verdict: 'reject' });
    expect((await rig.handle(view.id).result()).status).toBe('rejected');
    expect(existsSync(released('search'))).toBe(false);
  });
});
