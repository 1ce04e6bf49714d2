import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import type { ExecutorPolicy } from '../../../activities/deps.js';
import type { Connector } from '../../../activities/ports.js';
import type { ExecutionOutcome } from '../../../domain/connector.js';
import { httpRequest, postgresExport } from '../../../domain/connectors/index.js';
import { CountersignError } from '../../../domain/errors.js';
import { planDigest, type Plan } from '../../../domain/plan.js';
import { actionDigest, type ActionRequest } from '../../../domain/request.js';
import { verify, type Verified } from '../../../domain/signing.js';
import { createFileDirectory } from '../../../directory/file.js';
import type { Directory } from '../../../directory/port.js';
import { makePlan } from '../../../policy/plan.js';
import { requestOf } from '../connectors/request.js';
import { bundleOf, executorOf, grantOf, keys, samples } from './scene.js';

vi.mock('node:timers/promises', () => ({ setTimeout: async () => undefined }));

const at = '2026-04-01T00:00:10.000Z';
const external = { ...httpRequest, name: 'release.rollout', resourceTypes: ['Service'], external: { taskQueue: 'acme', activity: 'rollout' } };
const parameters = { type: 'object', additionalProperties: false, properties: {} } as const;

function recording(
  idempotent = false,
  outcome: () => Promise<ExecutionOutcome> = async () => ({ status: 'succeeded', facts: [], startedAt: at, finishedAt: at }),
) {
  const ran: string[] = [];
  const connector: Connector = {
    definition: { ...postgresExport, idempotent },
    check: () => undefined,
    preview: async () => ({ facts: [], warnings: [] }),
    execute: async (request) => {
      ran.push(request.id);
      return outcome();
    },
  };
  return { connector, ran };
}
const exportRequest = (connector: Connector) => requestOf(connector.definition, { type: 'Table', id: 'crm/public.customers' }, { columns: ['id'] });
const away = () => {
  throw new CountersignError('directory-unavailable', 'The directory is away.');
};
const noDirectory = new Proxy({} as Directory, { get: () => async () => away() });
const noBundle = () => {
  throw new CountersignError('policy-unavailable', 'There is no policy.');
};

describe('an executor whose own policy asks for more than an allowing plan of the worker', () => {
  const cases: Record<string, { readonly policy: Partial<ExecutorPolicy>; readonly type: string; readonly again: boolean; readonly says?: string }> = {
    'people are asked': {
      policy: { bundle: () => bundleOf('@id("ask") @review("people") permit (principal, action, resource);') },
      type: 'plan-below-policy',
      again: false,
      says: 'the plan asks nobody',
    },
    'it is forbidden': {
      policy: { bundle: () => bundleOf('@id("all") permit (principal, action, resource); @id("never") forbid (principal, action, resource);') },
      type: 'plan-below-policy',
      again: false,
      says: 'Forbidden by "never"',
    },
    'nothing permits it': {
      policy: { bundle: () => bundleOf('@id("later") permit (principal, action, resource) when { context.hour == 3 };') },
      type: 'plan-below-policy',
      again: false,
      says: 'policy-no-match',
    },
    // The clock of this scene says midnight in UTC; in this zone it is six in the morning, the hour of the permit.
    'it is not the hour in the zone of the executor': {
      policy: { bundle: () => bundleOf('@id("early") permit (principal, action, resource) when { context.hour == 0 };'), timeZone: 'Asia/Dhaka' },
      type: 'plan-below-policy',
      again: false,
      says: 'policy-no-match',
    },
    'the floor asks for somebody': {
      policy: { floor: [{ action: '*', quorum: 1, assurance: 'chat' }] },
      type: 'below-floor',
      again: false,
      says: 'needs 1 people with chat, and has 0',
    },
    'its directory is away': { policy: { directory: noDirectory }, type: 'directory-unavailable', again: true },
    'it has no policy': { policy: { bundle: noBundle }, type: 'policy-unavailable', again: true },
  };
  for (const [name, { policy, type, again, says = '' }] of Object.entries(cases))
    it(`runs nothing when ${name}, and consumes nothing`, async () => {
      const { connector, ran } = recording();
      const { execute, authorize, grants } = executorOf([connector], [{ ...external, parameters }], policy);
      const refusal = { type, nonRetryable: !again, message: expect.stringContaining(says) };
      await expect(execute(exportRequest(connector))).rejects.toMatchObject(refusal);
      await expect(authorize(requestOf({ ...external, parameters }, { type: 'Service', id: 'shop' }, {}), 'acme')).rejects.toMatchObject(refusal);
      expect([ran, grants.begun]).toEqual([[], []]);
    });

  it('looks at nothing either', async () => {
    const { connector } = recording();
    const { preview } = executorOf([connector], [], { bundle: () => bundleOf('@id("ask") @review("people") permit (principal, action, resource);') });
    await expect(preview(exportRequest(connector))).rejects.toMatchObject({ type: 'plan-below-policy' });
  });
});

describe('a preview under a mask', () => {
  const telling = (preview: Connector['preview']) => ({ ...recording().connector, preview }) as Connector;
  const bundle = () => bundleOf('@id("ask") @review("people") @mask("columns,limit") permit (principal, action, resource);');
  const masked = async (connector: Connector) => {
    const request = exportRequest(connector);
    const directory = createFileDirectory(path.join(samples, 'directory.yaml'));
    const connectors = new Map([[connector.definition.name, connector.definition]]);
    const { plan } = await makePlan({ bundle, directory, connectors, timeZone: 'Etc/UTC', environment: 'development' }, request, new Date(at));
    return executorOf([connector], [], { bundle }).preview(request, {}, plan);
  };

  it('keeps only lines that say that they tell of something else', async () => {
    const connector = telling(async () => ({
      facts: [
        { label: 'Source', value: 'customers', of: [] },
        { label: 'Columns', value: 'card_number', of: ['columns'] },
        { label: 'Rows', value: 'at most 5', of: ['limit', 'filter'] },
        { label: 'Filter', value: 'country', of: ['filter'] },
        { label: 'Says nothing', value: 'card_number' },
      ],
      warnings: ['Payment data: card_number.', { text: 'No row limit.', of: ['limit'] }, { text: 'Without TLS.', of: [] }],
    }));
    expect(await masked(connector)).toEqual({
      facts: [
        { label: 'Source', value: 'customers' },
        { label: 'Filter', value: 'country' },
      ],
      warnings: ['Without TLS.'],
    });
  });

  it('does not tell what the connector said against it either', async () => {
    const connector = telling(async () => {
      throw new CountersignError('target-refused', 'The table has no column card_number.');
    });
    const error = await masked(connector).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ type: 'target-refused' });
    expect(String(error)).not.toContain('card_number');
  });
});

describe('an action that has begun when policy changes', () => {
  const crash = async (): Promise<ExecutionOutcome> => {
    throw Object.assign(new Error('killed'), { crash: true });
  };

  it('is not run again, and does not end as if nothing had happened', async () => {
    const { connector, ran } = recording(true, crash);
    const policy = { current: bundleOf('@id("all") permit (principal, action, resource);') };
    const { execute, grants } = executorOf([connector], [], { bundle: () => policy.current });
    const request = exportRequest(connector);
    await grants.begin({ actionId: request.id, actionDigest: await digestOf(request), at });
    policy.current = bundleOf('@id("never") forbid (principal, action, resource);');
    expect(await execute(request)).toMatchObject({ status: 'unknown', receipt: expect.any(String) });
    expect(ran).toEqual([]);
  });

  it('waits for the directory, and is not told to have failed', async () => {
    const { connector, ran } = recording(true);
    const { execute, grants } = executorOf([connector], [], { directory: noDirectory });
    const request = exportRequest(connector);
    await grants.begin({ actionId: request.id, actionDigest: await digestOf(request), at });
    await expect(execute(request)).rejects.toMatchObject({ type: 'execution-unclear', nonRetryable: false });
    expect(ran).toEqual([]);
  });

  it('whose grant then expires ends as unclear, and not as if nothing had happened', async () => {
    const { connector, ran } = recording(true);
    const { execute, grants } = executorOf([connector], [], {}, () => new Date('2027-01-01T00:00:00.000Z'));
    const request = exportRequest(connector);
    await expect(execute(request)).rejects.toMatchObject({ type: 'grant-expired' });
    await grants.begin({ actionId: request.id, actionDigest: await digestOf(request), at });
    expect(await execute(request)).toMatchObject({ status: 'unknown', check: expect.stringContaining(request.id) });
    expect(ran).toEqual([]);
  });

  const refuses = (): never => {
    throw new CountersignError('target-unknown', 'The target is configured no more.');
  };
  const refused: ExecutionOutcome = { status: 'failed', code: 'target-refused', detail: 'refused with 409', finishedAt: at };
  const later: Record<string, { readonly connectors: (before: Connector) => readonly Connector[]; readonly forged?: true }> = {
    'a signature that does not hold any more': { connectors: (before) => [before], forged: true },
    'a connector that is gone': { connectors: () => [] },
    'a connector that has changed': { connectors: (before) => [{ ...before, definition: { ...before.definition, version: '99.0.0' } }] },
    'a check of the connector': { connectors: (before) => [{ ...before, check: refuses }] },
    'the target, which refuses the repetition': { connectors: (before) => [{ ...before, execute: async () => refused }] },
  };
  for (const [name, { connectors, forged }] of Object.entries(later))
    it(`is unclear, and never failed, when it is refused then by ${name}`, async () => {
      const { connector } = recording(true);
      const { environment, activities, grants } = executorOf(connectors(connector));
      const request = exportRequest(connector);
      const grant = { ...(await grantOf(request)), ...(forged === undefined ? {} : { signedRequest: 'a.b.c' }) };
      await grants.begin({ actionId: request.id, actionDigest: await digestOf(request), at });
      expect(await environment.run(activities.execute, { grant })).toMatchObject({ status: 'unknown', receipt: expect.any(String) });
    });

  it('tells how it ended to a grant that is refused since', async () => {
    const { connector, ran } = recording();
    const { environment, activities, execute } = executorOf([connector]);
    const request = exportRequest(connector);
    const first = await execute(request);
    expect(await environment.run(activities.execute, { grant: { ...(await grantOf(request)), signedRequest: 'a.b.c' } })).toEqual(first);
    expect(ran).toEqual([request.id]);
  });

  it('is unclear when its permit may be out and it is refused then', async () => {
    const definition = { ...external, parameters };
    const request = requestOf(definition, { type: 'Service', id: 'shop' }, {});
    const { environment, activities, authorize } = executorOf([], [definition]);
    expect(await authorize(request, 'acme')).toMatchObject({ ok: true });
    const grant = { ...(await grantOf(request)), signedRequest: 'a.b.c' };
    for (const taskQueue of ['acme', 'another'])
      expect(await environment.run(activities.authorize, { grant, taskQueue })).toMatchObject({ ok: false, outcome: { status: 'unknown' } });
  });

  it('keeps the outcome it has, whatever policy says since', async () => {
    const { connector, ran } = recording();
    const policy = { current: bundleOf('@id("all") permit (principal, action, resource);') };
    const { execute } = executorOf([connector], [], { bundle: () => policy.current });
    const request = exportRequest(connector);
    const first = await execute(request);
    policy.current = bundleOf('@id("never") forbid (principal, action, resource);');
    expect(await execute(request)).toEqual(first);
    expect(ran).toEqual([request.id]);
  });

  /** The digest under which an allowing plan of the worker is begun. */
  async function digestOf(request: ActionRequest) {
    const { plan } = await grantOf(request);
    const content = (await verify('plan', plan, keys.trusted)) as Verified;
    return actionDigest(request, planDigest(content.content as unknown as Plan), content.content['expiresAt'] as string);
  }
});

describe('attack: settling an action of the executor', () => {
  it('is refused, whether it has begun or not', async () => {
    const { connector } = recording();
    const { environment, activities, execute } = executorOf([connector]);
    const outcome: ExecutionOutcome = { status: 'succeeded', facts: [], startedAt: at, finishedAt: at };
    const request = exportRequest(connector);
    await expect(environment.run(activities.settle, { actionId: request.id, outcome })).rejects.toMatchObject({ type: 'grant-invalid' });
    await execute(request);
    await expect(environment.run(activities.settle, { actionId: request.id, outcome })).rejects.toMatchObject({ type: 'grant-invalid' });
  });
});
