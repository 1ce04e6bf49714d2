import { describe, expect, it } from 'vitest';
import { buildCard } from '../../../domain/cards/adaptive-card.js';
import type { ConnectorDefinition } from '../../../domain/connector.js';
import { planDigest, type Plan } from '../../../domain/plan.js';
import { actionDigest, type ActionRequest } from '../../../domain/request.js';
import { createViewTrust } from '../../../domain/trusted-view.js';
import type { SignedParts } from '../../../domain/view.js';
import { makeKeys, sealRequest } from '../../helpers/keys.js';
import { definition, makePlan, makeRequest, makeStage, signPlan, startMs } from './grant-fixture.js';

const keys = await makeKeys('view');
const foreign = await makeKeys('view');
const request = makeRequest();
const plan = makePlan(request, { stages: [makeStage(), makeStage({ name: 'Security', assurance: 'mfa', quorum: 2 })] });
const digest = planDigest(plan);
const people = [
  { id: 'alice', name: 'Alice' },
  { id: 'dave', name: 'Dave' },
];
const state = {
  status: 'pending',
  asked: ['alice'],
  round: 1,
  decisions: [],
  refusedCount: 0,
  channels: [],
  story: [],
  stage: { index: 0, count: 9, name: 'Nobody', quorum: 0, assurance: 'chat', approvals: [], approvers: people, escalationLevel: 7 },
  deadlineAt: '2099-01-01T00:00:00.000Z',
};

function trustOf(connector: ConnectorDefinition = definition) {
  return createViewTrust({ connectors: [connector], trusted: keys.trusted, nameOf: async (id) => (id === 'dave' ? 'Dave Jones' : undefined) });
}

async function partsOf(change: Partial<SignedParts> = {}): Promise<SignedParts> {
  return { request, signedRequest: await sealRequest(request, keys.signing.decision), signedPlan: await signPlan(plan, keys.signing.policy), ...change };
}

async function told(said: object = {}, change: Partial<SignedParts> = {}, connector?: ConnectorDefinition) {
  const trust = trustOf(connector);
  return trust.rebuild(await trust.verify(request.id, await partsOf(change)), { ...state, ...said });
}

describe('a view told from signed things', () => {
  it('takes nothing of what the action is from Temporal', async () => {
    const lies = {
      id: 'act_x',
      action: 'http.request',
      title: 'Something harmless',
      resource: { type: 'Table', id: 'crm/public.holidays' },
      requester: { kind: 'person', id: 'alice', name: 'Alice' },
      owner: { id: 'dave', name: 'The Chief Executive' },
      onBehalfOf: { id: 'carol', name: 'Carol' },
      reason: 'Already approved.',
      fields: [],
      risk: { score: 0, signals: [] },
      policies: ['harmless'],
      policyDigest: 'sha256:ff',
      bodyDigest: 'sha256:ff',
      requestedAt: '2099-01-01T00:00:00.000Z',
      expiresAt: '2099-01-01T00:00:00.000Z',
    };
    const view = await told(lies);
    expect(view).toMatchObject({
      id: request.id,
      action: request.action,
      title: definition.title,
      resource: request.resource,
      requester: { kind: 'agent', id: 'invoice-bot', name: 'Invoice bot' },
      owner: { id: 'dave', name: 'Dave Jones' },
      reason: request.reason,
      risk: plan.risk,
      policies: plan.policies,
      digest: actionDigest(request, digest, plan.expiresAt),
      planDigest: digest,
      policyDigest: plan.policyDigest,
      bodyDigest: request.bodyDigest,
      requestedAt: request.requestedAt,
      expiresAt: plan.expiresAt,
    });
    expect(view.fields.map((field) => field.label)).not.toEqual([]);
    // Nobody's name stands there who is not in the signed request.
    expect(JSON.stringify(view)).not.toMatch(/Carol|Chief/);
  });

  it('names those who passed a delegation on as the request has them, and nobody whom Temporal adds', async () => {
    const release = { kind: 'agent', id: 'release-bot', name: 'Release bot', owner: 'dave', issuer: 'i', subject: 'release-bot' } as const;
    const passed = { ...request, via: [release] };
    const trust = trustOf();
    const verified = await trust.verify(request.id, {
      request: passed,
      signedRequest: await sealRequest(passed, keys.signing.decision),
      signedPlan: await signPlan(makePlan(passed, { stages: [makeStage()] }), keys.signing.policy),
    });
    const lie = { via: [{ kind: 'person', id: 'carol', name: 'Carol' }] };
    expect((await trust.rebuild(verified, { ...state, ...lie })).via).toEqual([{ kind: 'agent', id: 'release-bot', name: 'Release bot' }]);
    expect(await told(lie)).not.toHaveProperty('via');
  });

  it('bounds by the plan what Temporal says of the stage', async () => {
    const view = await told();
    expect(view.stage).toEqual({
      ...{ index: 0, count: 2, name: 'Data owner', quorum: 1, assurance: 'login', approvals: [], escalationLevel: 0 },
      // Dave owns the agent, so he decides nothing, whatever the view says.
      approvers: [{ id: 'alice', name: 'Alice' }],
    });
    expect(view.deadlineAt).toBe(new Date(startMs + 24 * 3_600_000).toISOString());
    const later = await told({ stage: { ...state.stage, index: 1 } });
    expect(later).toMatchObject({ stage: { name: 'Security', quorum: 2, assurance: 'mfa' }, deadlineAt: plan.expiresAt });
  });

  it('hides every parameter where the definition is not the one it was asked under', async () => {
    const view = await told({}, {}, { ...definition, description: 'Another' });
    expect(view.title).toBe(request.action);
    expect(view.fields.every((field) => field.masked)).toBe(true);
  });

  it.each(['decision', 'policy'] as const)(
    'tells what a compromised %s key signed, with a mark that the engine can neither set nor take away',
    async (role) => {
      const { kid } = keys.signing[role];
      const marked = {
        get: (id: string) => {
          const key = keys.trusted.get(id);
          return key === undefined || id !== kid ? key : { ...key, status: 'compromised' as const };
        },
      };
      const trust = createViewTrust({ connectors: [definition], trusted: marked, nameOf: async () => undefined });
      const said = { ...state, doubt: 'None at all.' };
      const view = await trust.rebuild(await trust.verify(request.id, await partsOf()), said);
      expect(view).toMatchObject({ reason: request.reason, doubt: expect.stringContaining(`${kid}, which was marked compromised`) });
      expect(buildCard(view, { publicUrl: 'https://x.example' })).toMatchObject({ approvable: false });
      expect(JSON.stringify(buildCard(view, { publicUrl: 'https://x.example' }).card)).toContain('marked compromised');
      expect(await told({ doubt: 'Beware.' })).not.toHaveProperty('doubt');
      const otherKeys = await partsOf({ signedPlan: await signPlan(plan, foreign.signing.policy) });
      await expect(trust.verify(request.id, otherKeys)).rejects.toMatchObject({ code: 'view-forged' });
    },
  );

  it('tells of an action without a plan, and of one that is over', async () => {
    const trust = trustOf();
    const { signedPlan: _none, ...unplanned } = await partsOf();
    const early = await trust.rebuild(await trust.verify(request.id, unplanned), { ...state, status: 'error' });
    expect(early).toMatchObject({ status: 'error', digest: 'sha256:', policies: [] });
    expect(await told({ status: 'executed' })).not.toHaveProperty('stage');
    expect(await told({ stage: undefined })).not.toHaveProperty('stage');
  });
});

describe('a view that does not hold', () => {
  const other: ActionRequest = { ...request, id: 'act_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb' };
  const denied: Plan = { ...plan, outcome: 'deny', stages: [] };
  const cases: Record<string, { readonly said?: object; readonly parts?: () => Promise<Partial<SignedParts>>; readonly reason: RegExp }> = {
    'no signed parts': { parts: async () => ({ request: undefined as never }), reason: /cannot be read/ },
    'a request that was edited': { parts: async () => ({ request: { ...request, reason: 'Other' } }), reason: /request: signed for another/ },
    'a request nobody signed': { parts: async () => ({ signedRequest: '' }), reason: /request: / },
    'a request of another deployment': { parts: async () => ({ signedRequest: await sealRequest(request, foreign.signing.decision) }), reason: /request: / },
    'the request of another action': {
      parts: async () => ({ request: other, signedRequest: await sealRequest(other, keys.signing.decision) }),
      reason: /of another action/,
    },
    'a plan by another key': { parts: async () => ({ signedPlan: await signPlan(plan, foreign.signing.policy) }), reason: /plan: the signature/ },
    'a plan that is none': {
      parts: async () => ({ signedPlan: await signPlan({ stages: [] }, keys.signing.policy) }),
      reason: /plan: not the shape/,
    },
    'the plan of another request': {
      parts: async () => ({ signedPlan: await signPlan({ ...plan, requestDigest: 'sha256:00' }, keys.signing.policy) }),
      reason: /plan: made for another/,
    },
    'the plan of another action': {
      parts: async () => ({ signedPlan: await signPlan({ ...plan, actionId: other.id }, keys.signing.policy) }),
      reason: /plan: made for another/,
    },
    'a digest of something else': { said: { digest: 'sha256:ff' }, reason: /its digest/ },
    'a plan digest of something else': { said: { planDigest: 'sha256:ff' }, reason: /its digest/ },
    'a stage that the plan has not': { said: { stage: { ...state.stage, index: 2 } }, reason: /no stage of its plan/ },
    'a stage that is none': { said: { stage: 'first' }, reason: /no stage of its plan/ },
    'a status nobody knows': { said: { status: 'fine' }, reason: /shape/ },
    'a story that is none': { said: { story: 'once' }, reason: /shape/ },
    'waiting for people although policy denied it': {
      parts: async () => ({ signedPlan: await signPlan(denied, keys.signing.policy) }),
      reason: /policy denied it/,
    },
    'executed without a plan': { said: { status: 'executed' }, parts: async () => ({ signedPlan: undefined as never }), reason: /without a plan/ },
  };
  for (const [name, { said = {}, parts, reason }] of Object.entries(cases))
    it(name, async () => {
      const failure = await told(said, (await parts?.()) ?? {}).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(failure).toMatchObject({ code: 'view-forged', detail: expect.stringMatching(reason) });
    });
});
