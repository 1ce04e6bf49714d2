import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { examineAdmission, type PolicyInput, type PolicyMaterial } from '../../../cli/verify-policy.js';
import { createFileDirectory } from '../../../directory/file.js';
import type { Directory } from '../../../directory/port.js';
import { builtinConnectors } from '../../../domain/connectors/index.js';
import { CountersignError } from '../../../domain/errors.js';
import { examineGrant, resultOf } from '../../../domain/examine.js';
import { compilePolicies } from '../../../policy/bundle.js';
import { makePlan } from '../../../policy/plan.js';
import { signPolicies } from '../../../policy/signed-bundle.js';
import { directoryFile, signedGrant, startMs } from '../../helpers/signed-grant.js';

const good = await signedGrant(() => ({}));
const { request } = good.grant;
const directory = createFileDirectory(directoryFile);
const connectors = new Map(builtinConnectors.map((definition) => [definition.name, definition]));
const noDirectory = new Proxy({} as Directory, {
  get: () => async () => {
    throw new CountersignError('directory-unavailable', 'The directory is away.');
  },
});

const filesOf = (cedar: string) => [
  { name: 'schema.cedarschema', text: readFileSync(path.join(path.dirname(directoryFile), 'schema.cedarschema'), 'utf8') },
  {
    name: 'routes.yaml',
    text: `routes:
  owner: { stages: [{ name: Data owner, approvers: { groups: [g-data-owners] }, expires_in: 24h }] }
  pair: { stages: [{ name: Data owners, quorum: 2, approvers: { groups: [g-data-owners] }, expires_in: 24h }] }
  security: { stages: [{ name: Security, approvers: { groups: [g-security] }, expires_in: 24h }] }
`,
  },
  { name: 'test.cedar', text: cedar },
];

async function materialOf(cedar: string): Promise<PolicyMaterial> {
  const times = { issuedAt: startMs / 1000 - 60, expiresAt: startMs / 1000 + 86_400, id: 'bundle' };
  const bundle = await signPolicies(filesOf(cedar), good.keys.signing.authors, times);
  return { bundle, bundleFile: 'test', authors: good.keys.jwks, connectors, timeZone: 'Etc/UTC', environment: 'production' };
}

async function planBy(cedar: string, stated?: readonly string[]) {
  const bundle = compilePolicies(filesOf(cedar), 'test');
  const deps = { bundle: () => bundle, directory, connectors, timeZone: 'Etc/UTC', environment: 'production', ...(stated === undefined ? {} : { stated }) };
  return (await makePlan(deps, request, new Date(startMs))).plan;
}

async function admission(cedar: string, change: Partial<PolicyInput>) {
  const findings = await examineAdmission({ grant: good.grant, atMs: startMs, directory, policy: await materialOf(cedar), ...change });
  return { result: resultOf(findings), policy: findings.find(({ check }) => check === 'policy'), findings };
}

describe('policy as countersign verify evaluates it again', () => {
  const byHistory = `
    @id("calm") @review("owner") permit (principal, action, resource) unless { context.signals.contains("first-time-action") };
    @id("new") @review("security") permit (principal, action, resource) when { context.signals.contains("first-time-action") };`;

  it('takes the signals of history that the plan states, and lets nobody save people by them', async () => {
    const routed = await planBy(byHistory, ['first-time-action']);
    expect(routed.stages[0]?.name).toBe('Security');
    expect(await admission(byHistory, { plan: routed })).toMatchObject({ result: 'holds', policy: { state: 'held' } });
    const calmed = { ...(await planBy(byHistory)), risk: routed.risk };
    expect(await admission(byHistory, { plan: calmed })).toMatchObject({
      result: 'refused',
      policy: { detail: expect.stringContaining('other approvers') as string },
    });
  });

  it('wants as many people as policy has for the executor, whatever the plan says', async () => {
    const verdict = (await examineGrant(good.grant, { keys: good.keys.trusted, atMs: startMs + 302_000 })).verdict!;
    const floored = '@id("two") @review("pair") @executor_floor("2") permit (principal, action, resource);';
    const plan = await planBy(floored.replace('@executor_floor("2")', ''));
    const found = await admission(floored, { plan, verdict });
    expect(found).toMatchObject({ result: 'refused', policy: { detail: expect.stringContaining('it wants 2 people, and the grant has 1') as string } });
  });

  it('says nothing against a grant while the directory cannot be asked, and does not pass it', async () => {
    const examined = await examineGrant(good.grant, { keys: good.keys.trusted, atMs: startMs + 302_000 });
    const { result, findings } = await admission(byHistory, { ...examined, directory: noDirectory });
    expect(result).toBe('incomplete');
    expect(findings.map(({ check, state }) => [check, state])).toEqual([
      ['approvers', 'not-checked'],
      ['policy bundle', 'held'],
      ['policy', 'not-checked'],
    ]);
  });

  it('says that circles are not looked for, where the plan refuses them', async () => {
    const refusing = await signedGrant((plan) => ({ stages: plan.stages.map((stage) => ({ ...stage, circles: { refuseWithinMs: 1_000 } })) }));
    const examined = await examineGrant(refusing.grant, { keys: refusing.keys.trusted, atMs: startMs + 302_000 });
    const findings = await examineAdmission({ ...examined, grant: refusing.grant, atMs: startMs });
    expect(findings.map(({ check, state }) => [check, state])).toEqual([
      ['approvers', 'not-checked'],
      ['circles', 'not-checked'],
    ]);
  });
});

describe('the floor of an executor', () => {
  const floorOf = async (quorum: number, assurance: 'chat' | 'mfa', proofs?: 'checked', grant = good) => {
    const { result, findings } = await examineGrant(grant.grant, {
      keys: grant.keys.trusted,
      atMs: startMs + 302_000,
      floor: [{ action: '*', quorum, assurance }],
      ...(proofs === undefined ? {} : { proofs: async () => undefined }),
    });
    return [result, findings.find(({ check }) => check === 'floor')?.state];
  };
  it('is met by no proof that nobody checked', async () => {
    expect(await floorOf(1, 'mfa')).toEqual(['incomplete', 'not-checked']);
    expect(await floorOf(1, 'mfa', 'checked')).toEqual(['holds', 'held']);
    expect(await floorOf(1, 'chat')).toEqual(['holds', 'held']);
    expect(await floorOf(2, 'mfa')).toEqual(['refused', 'refused']);
  });
  it('is also what the plan itself demands of the executor', async () => {
    expect(await floorOf(1, 'chat', undefined, await signedGrant(() => ({ executorFloor: 2 })))).toEqual(['refused', 'refused']);
  });
});
