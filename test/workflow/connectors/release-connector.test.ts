import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { CompactSign, exportJWK, generateKeyPair } from 'jose';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { ConnectorDefinition } from '../../../domain/connector.js';
import { permitPayload, permitType, type Permit } from '../../../domain/permit.js';
import { testConverter, testKeyText } from '../../helpers/encryption.js';
import { requestOf } from '../../unit/connectors/request.js';
import type { callRollout } from './call-rollout.js';
import { findPython } from './python.js';

const definition = JSON.parse(readFileSync('examples/release-connector/connector.json', 'utf8')) as ConnectorDefinition;
const python = findPython();
// The refused permits are the point of the test, not news.
const commands: readonly (readonly [language: string, command: readonly string[]])[] = [
  ['TypeScript', [process.execPath, '--import', 'tsx', 'examples/release-connector/worker.ts']],
  ...(python === undefined ? [] : [['Python', [python, 'examples/release-connector-python/worker.py']] as const]),
];

it('is defined by a file that the schema compiler accepts', () => {
  const accepts = new Ajv2020({ strict: true }).addVocabulary(['x-display', 'x-policy']).compile(definition.parameters);
  expect(accepts({ version: '1.2.3', percent: 10 })).toBe(true);
  expect(accepts({ version: '1.2.3; rm -rf /', percent: 10 })).toBe(false);
  expect(definition.external).toEqual({ taskQueue: 'acme-releases', activity: 'rolloutRelease' });
});

describe.each(commands)('a release connector of its own in %s', (_, command) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'countersign-release-'));
  const taskQueue = `acme-releases-${randomUUID()}`;
  const driverQueue = `driver-${randomUUID()}`;
  const keys = new Map<string, Awaited<ReturnType<typeof generateKeyPair>>>();
  let child: ChildProcess;
  let client: Client;
  let native: NativeConnection;
  let driver: Worker;
  let driving: Promise<void>;

  beforeAll(async () => {
    const jwks = [];
    for (const role of ['executor', 'decision']) {
      const pair = await generateKeyPair('EdDSA', { extractable: true });
      keys.set(role, pair);
      jwks.push({ ...(await exportJWK(pair.publicKey)), kid: role, alg: 'EdDSA', countersign_role: role });
    }
    const jwksFile = path.join(folder, 'public.jwks.json');
    writeFileSync(jwksFile, JSON.stringify({ keys: jwks }));
    const address = inject('temporalAddress');
    child = spawn(command[0] as string, command.slice(1), {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: {
        ...process.env,
        TEMPORAL_ADDRESS: address,
        ACME_TASK_QUEUE: taskQueue,
        ACME_STATE: folder,
        COUNTERSIGN_JWKS: jwksFile,
        COUNTERSIGN_ENCRYPTION_KEYS: `first=${testKeyText.first}`,
        PYTHONDONTWRITEBYTECODE: '1',
      },
    });
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stdout! }).once('line', () => resolve());
      child.once('exit', (code) => reject(new Error(`the worker ended with ${code}`)));
    });
    const dataConverter = testConverter('refuse');
    client = new Client({ connection: await Connection.connect({ address }), dataConverter });
    native = await NativeConnection.connect({ address });
    driver = await Worker.create({
      connection: native,
      taskQueue: driverQueue,
      dataConverter,
      workflowsPath: path.join(import.meta.dirname, 'call-rollout.ts'),
    });
    driving = driver.run();
  });
  afterAll(async () => {
    driver.shutdown();
    await driving;
    await native.close();
    await client.connection.close();
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await gone;
    rmSync(folder, { recursive: true, force: true });
  });

  const issue = (service: string, change: Partial<Record<keyof Permit, unknown>> = {}, options: { role?: string; kid?: string; typ?: string } = {}) => {
    const request = { ...requestOf(definition, { type: 'Service', id: `acme/${service}` }, { version: '1.4.2', percent: 20 }), action: 'release.rollout' };
    const payload = permitPayload({
      request,
      actionDigest: `sha256:${'1'.repeat(64)}`,
      approvedBy: [{ id: 'alice', name: 'Alice' }],
      taskQueue,
      issuedAt: Math.floor(Date.now() / 1000),
    });
    return new CompactSign(new TextEncoder().encode(JSON.stringify({ ...payload, ...change })))
      .setProtectedHeader({ alg: 'EdDSA', kid: options.kid ?? options.role ?? 'executor', typ: options.typ ?? permitType })
      .sign(keys.get(options.role ?? 'executor')!.privateKey);
  };
  const call = (argument: unknown): Promise<unknown> =>
    client.workflow.execute<typeof callRollout>('callRollout', { taskQueue: driverQueue, workflowId: randomUUID(), args: [taskQueue, argument] });
  const released = (service: string): unknown => {
    const file = path.join(folder, 'releases', `${service}.json`);
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as unknown) : undefined;
  };

  it('rolls out what the permit says, once, whatever else it is told', async () => {
    const permit = await issue('shop');
    const outcome = await call({ permit, resource: { type: 'Service', id: 'acme/evil' }, parameters: { version: '6.6.6', percent: 100 } });
    expect(outcome).toMatchObject({
      status: 'succeeded',
      facts: [
        { label: 'Service', value: 'shop' },
        { label: 'Version', value: '1.4.2' },
        { label: 'Instances', value: '2 of 10' },
      ],
    });
    expect(released('shop')).toMatchObject({ version: '1.4.2', percent: 20 });
    expect(released('evil')).toBeUndefined();

    rmSync(path.join(folder, 'releases', 'shop.json'));
    expect(await Promise.all([call({ permit }), call({ permit })])).toEqual([outcome, outcome]);
    expect(released('shop')).toBeUndefined();
  });

  it('does not claim a success it cannot know: same permit id, other digest', async () => {
    const jti = 'permit_twice';
    await call({ permit: await issue('twice', { jti }) });
    const again = await call({ permit: await issue('thrice', { jti, actionDigest: `sha256:${'2'.repeat(64)}` }) });
    expect(again).toMatchObject({ status: 'unknown', check: expect.any(String) });
    expect(released('thrice')).toBeUndefined();
  });

  it('refuses every permit that does not hold, and does nothing', async () => {
    const now = Math.floor(Date.now() / 1000);
    const good = await issue('tampered');
    const [header, body, signature] = good.split('.') as [string, string, string];
    const changed = Buffer.from(Buffer.from(body, 'base64url').toString().replace('1.4.2', '6.6.6')).toString('base64url');
    const none = Buffer.from(JSON.stringify({ alg: 'none', kid: 'executor', typ: permitType })).toString('base64url');
    const bad: readonly unknown[] = [
      undefined,
      null,
      'permit',
      {},
      { permit: 7 },
      { permit: '' },
      { permit: 'a.b.c' },
      { permit: `${header}.${changed}.${signature}` },
      { permit: `${none}.${body}.` },
      { permit: await issue('tampered', {}, { role: 'decision' }) },
      { permit: await issue('tampered', {}, { role: 'decision', kid: 'executor' }) },
      { permit: await issue('tampered', {}, { typ: 'countersign-decision+jwt' }) },
      { permit: await issue('tampered', { iss: 'countersign-api' }) },
      { permit: await issue('tampered', { aud: 'other-queue' }) },
      { permit: await issue('tampered', { action: 'postgres.export' }) },
      { permit: await issue('tampered', { iat: now - 600, exp: now - 480 }) },
      { permit: await issue('tampered', { iat: now + 300, exp: now + 420 }) },
      { permit: await issue('tampered', { exp: now + 31_536_000 }) },
      { permit: await issue('tampered', { parameters: { version: '../../etc', percent: 10 } }) },
      { permit: await issue('tampered', { parameters: { version: '1.0.0', percent: true } }) },
      { permit: await issue('tampered', { resource: { type: 'Service', id: 'acme/../../tampered' } }) },
    ];
    const answers = await Promise.all(
      bad.map((argument) =>
        call(argument).then(
          () => 'accepted',
          (error: { cause?: { cause?: { type?: string } } }) => error.cause?.cause?.type ?? 'another error',
        ),
      ),
    );
    expect(answers).toEqual(bad.map(() => 'grant-invalid'));
    expect(released('tampered')).toBeUndefined();
    expect(await call({ permit: good })).toMatchObject({ status: 'succeeded' });
  });
});
