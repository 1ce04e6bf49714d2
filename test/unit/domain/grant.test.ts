import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../domain/canonical.js';
import { digestText } from '../../../domain/digest.js';
import { actionDigest } from '../../../domain/request.js';
import { importSigningKey } from '../../../domain/signing.js';
import { makeKeys, sealRequest } from '../../helpers/keys.js';
import { approve, judged, makePlan, makeRequest, makeStage, signPlan, startMs, type Tampering } from './grant-fixture.js';

const minute = 60_000;
const hour = 60 * minute;
const foreign = await makeKeys('trusted');
const foreignPolicy = foreign.signing.policy;
const twoStages = [makeStage(), makeStage({ name: 'Security', approvers: { groups: ['g-security'], people: [] } })];
const alice = {};
const carol = { by: 'carol', groups: ['g-security'], stage: 1, afterMs: 8 * minute };
const escalating = makeStage({
  approvers: { groups: [], people: ['bob'] },
  escalations: [{ afterMs: 2 * hour, approvers: { groups: ['g-security'], people: [] }, channels: [] }],
});

describe('a grant that holds', () => {
  const cases: Record<string, Tampering> = {
    'one approval by a data owner': {},
    'two stages, two people': { plan: { stages: twoStages }, approvers: [alice, carol] },
    'a quorum of two': { plan: { stages: [makeStage({ quorum: 2 })] }, approvers: [alice, { by: 'bob' }] },
    'allowed at once, nobody asked': { plan: { outcome: 'allow', stages: [] }, approvers: [] },
    'named by person instead of by group': {
      plan: { stages: [makeStage({ approvers: { groups: [], people: ['erin'] } })] },
      approvers: [{ by: 'erin', groups: [] }],
    },
    'escalated, after the escalation': {
      plan: { stages: [escalating] },
      approvers: [{ by: 'carol', groups: ['g-security'], afterMs: 2 * hour }],
      afterMs: 3 * hour,
    },
    'a stronger sign-in than asked for': { approvers: [{ assurance: 'passkey' }] },
    'a claim nobody proved, where none is asked for': { plan: { stages: [makeStage({ assurance: 'chat' })] }, approvers: [{ proof: undefined }] },
    'clocks that differ by less than a minute': { approvers: [{ afterMs: -59_000 }], afterMs: -30_000 },
  };
  for (const [name, tampering] of Object.entries(cases)) it(name, async () => expect(await judged(tampering)).toMatchObject({ ok: true }));

  it('tells who approved and which digest', async () => {
    expect(await judged()).toMatchObject({ ok: true, digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/), approvedBy: [{ person: { id: 'alice' } }] });
  });
});

// Each case tampers with one thing, and exactly one check stands against it.
type Case = Tampering & { readonly check: string | RegExp; readonly code?: string };
const tampered: Record<string, Case> = {
  'request that the api never signed': { grant: (grant) => ({ ...grant, signedRequest: grant.plan }), check: /^request: /, code: 'request-unsigned' },
  'request signed by a key of another role': {
    requestKey: (keys) => ({ ...keys.signing.policy, role: 'decision' }),
    check: /^request: /,
    code: 'request-unsigned',
  },
  'request edited and signed anew after the plan was made': {
    grant: (grant) => ({ ...grant, request: { ...grant.request, parameters: { limit: 5_000_000 } } }),
    resealed: true,
    check: 'plan: made for another request',
  },
  'plan signed by a foreign key with the trusted id': { planKey: () => foreignPolicy, check: 'plan: the signature does not hold' },
  'plan that is no plan': { grant: (grant) => ({ ...grant, plan: 'e30.e30.' }), check: /^plan: / },
  'plan without its stages': { plan: { stages: 'no' as never }, check: 'plan: not the shape of a plan' },
  'plan whose outcome is not known': { plan: { outcome: 'permit' as never }, check: 'plan: not the shape of a plan' },
  'plan whose stage asks for an assurance that is not known': {
    plan: { stages: [makeStage({ assurance: 'hardware' as never })] },
    check: 'plan: not the shape of a plan',
  },
  'plan set back to before the request, so that escalations come at once': {
    request: { requestedAt: new Date(startMs + 2 * hour).toISOString() },
    plan: { stages: [escalating] },
    approvers: [{ by: 'carol', groups: ['g-security'], afterMs: 2 * hour + minute }],
    afterMs: 3 * hour,
    check: 'plan: from before the request',
  },
  'plan a millisecond earlier than clocks may differ from the request': {
    request: { requestedAt: new Date(startMs + minute + 1).toISOString() },
    check: 'plan: from before the request',
  },
  'request whose signature is of a minute later than it was taken': {
    signedLateMs: { request: minute + 1_000 },
    check: 'request: not signed when it was taken',
    code: 'request-unsigned',
  },
  'request that a retired key signed as of long ago': {
    signedLateMs: { request: -24 * hour },
    check: 'request: not signed when it was taken',
    code: 'request-unsigned',
  },
  'plan whose signature is of a minute later than it was made': { signedLateMs: { plan: minute + 1_000 }, check: 'plan: not signed when it was made' },
  'plan that a retired key signed as of long ago': { signedLateMs: { plan: -24 * hour }, check: 'plan: not signed when it was made' },
  'release whose signature is of a minute later than it was made': { signedLateMs: { release: minute + 1_000 }, check: 'release: not signed when it was made' },
  'release that a retired key signed as of long ago': { signedLateMs: { release: -24 * hour }, check: 'release: not signed when it was made' },
  'approval whose signature is of a minute later than it was made': {
    approvers: [{ signedLateMs: minute + 1_000 }],
    check: 'approval: not signed when it was made',
  },
  'approval that a retired key signed as of long ago': { approvers: [{ signedLateMs: -24 * hour }], check: 'approval: not signed when it was made' },
  'plan of another action': { plan: { actionId: 'act_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb' }, check: 'plan: made for another action' },
  'parameters edited after approval': {
    grant: (grant) => ({ ...grant, request: { ...grant.request, parameters: { ...grant.request.parameters, limit: 5_000_000 } } }),
    check: 'request: signed for another request',
    code: 'request-unsigned',
  },
  'resource edited after approval': {
    grant: (grant) => ({ ...grant, request: { ...grant.request, resource: { type: 'Table', id: 'crm/public.salaries' } } }),
    check: 'request: signed for another request',
    code: 'request-unsigned',
  },
  'requester edited after approval': {
    grant: (grant) => ({ ...grant, request: { ...grant.request, requester: { ...grant.request.requester, id: 'other-bot' } } }),
    check: 'request: signed for another request',
    code: 'request-unsigned',
  },
  'a member slipped into the request': {
    grant: (grant) => ({ ...grant, request: { ...grant.request, extra: true } }),
    check: 'request: signed for another request',
    code: 'request-unsigned',
  },
  'connector schema swapped under the same version': { connector: { description: 'Something else' }, check: /^connector: /, code: 'connector-mismatch' },
  'connector of another version': { connector: { version: '9.9.9' }, check: /^connector: /, code: 'connector-mismatch' },
  'request that names one connector and another action': { request: { action: 'http.request' }, check: /^connector: /, code: 'connector-mismatch' },
  'executed after the plan expired': { afterMs: 26 * hour, check: 'plan: expired', code: 'grant-expired' },
  'executed at the very moment of expiry': { afterMs: 25 * hour, check: 'plan: expired', code: 'grant-expired' },
  'plan from the future': { afterMs: -61_000, check: 'plan: from the future' },
  'a denial with approvals': { plan: { outcome: 'deny' }, check: 'plan: a denial', code: 'denied-by-policy' },
  'an allowance with approvals nobody asked for': { plan: { outcome: 'allow', stages: [] }, check: 'approvals: none were asked for' },
  'a review without a stage': { plan: { stages: [] }, approvers: [], check: 'plan: a stage nobody can pass' },
  'a quorum of zero': { plan: { stages: [makeStage({ quorum: 0 })] }, approvers: [], check: 'plan: a stage nobody can pass' },
  'a quorum of minus one': { plan: { stages: [makeStage({ quorum: -1 })] }, approvers: [], check: 'plan: a stage nobody can pass' },
  'half a person as quorum': { plan: { stages: [makeStage({ quorum: 0.5 })] }, check: 'plan: a stage nobody can pass' },
  'a stage that names nobody': { plan: { stages: [makeStage({ approvers: { groups: [], people: [] } })] }, check: 'plan: a stage nobody can pass' },
  'no approval at all': { approvers: [], check: 'stage 1: 0 of 1 approvals' },
  'one approval where two are asked for': { plan: { stages: [makeStage({ quorum: 2 })] }, check: 'stage 1: 1 of 2 approvals' },
  'the second stage left out': { plan: { stages: twoStages }, check: 'stage 2: 0 of 1 approvals' },
  'the first stage left out': { plan: { stages: twoStages }, approvers: [carol], check: 'stage 1: 0 of 1 approvals' },
  'approval for a stage that is not there': { approvers: [{ stage: 1 }], check: 'approval: for no stage of the plan' },
  'approval for a stage before the first': { approvers: [{ stage: -1 }], check: 'approval: for no stage of the plan' },
  'approval for a stage named like a member of arrays': { approvers: [{ stage: 'length' as never }], check: 'approval: for no stage of the plan' },
  'approval signed by a foreign key with the trusted id': { decisionKey: () => foreign.signing.decision, check: 'approval: the signature does not hold' },
  'approval that is a plan': {
    grant: (grant) => ({ ...grant, approvals: [{ stage: 0, decision: grant.plan }] }),
    check: 'approval: the signature does not hold',
  },
  'approval without a person': { approvers: [{ person: undefined } as never], check: 'approval: not the shape of a decision' },
  'approval with an assurance nobody knows': { approvers: [{ assurance: 'certain' as never }], check: 'approval: not the shape of a decision' },
  'approval through a channel nobody knows': { approvers: [{ channel: 'carrier-pigeon' as never }], check: 'approval: not the shape of a decision' },
  'approvals without a release': { grant: ({ release: _release, ...grant }) => grant, check: 'release: there is none' },
  'a release that is a plan': { grant: (grant) => ({ ...grant, release: grant.plan }), check: 'release: signed for another purpose' },
  'a release signed by the decision key': {
    releaseKey: (keys) => ({ ...keys.signing.decision, role: 'policy' }),
    check: 'release: the signature does not hold',
  },
  'a release signed by a foreign key with the trusted id': { releaseKey: () => foreignPolicy, check: 'release: the signature does not hold' },
  'a release without its decisions': { release: { decisionIds: undefined as never }, check: 'release: not the shape of a release' },
  'a release at no time': { release: { releasedAt: 'soon' }, check: 'release: not the shape of a release' },
  'a release of another action': { release: { actionId: 'act_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb' }, check: 'release: of another action' },
  'a release of another digest': { release: { actionDigest: 'sha256:00' }, check: 'release: of another digest' },
  'a release under an earlier plan': { release: { planDigest: 'sha256:00' }, check: 'release: under another plan' },
  'a release of other approvals': { release: { decisionIds: ['dec-bob'] }, check: 'release: for other approvals than these' },
  'a release of one approval more': { release: { decisionIds: ['dec-alice', 'dec-bob'] }, check: 'release: for other approvals than these' },
  'a release of nobody': { release: { decisionIds: [] }, check: 'release: for other approvals than these' },
  'an approval added after the release': {
    approvers: [alice, { by: 'bob' }],
    release: { decisionIds: ['dec-alice'] },
    check: 'release: for other approvals than these',
  },
  'a release in which one of two approvals is another': {
    plan: { stages: [makeStage({ quorum: 2 })] },
    approvers: [alice, { by: 'bob' }],
    release: { decisionIds: ['dec-alice', 'dec-carol'] },
    check: 'release: for other approvals than these',
  },
  'a release from between two approvals': {
    plan: { stages: [makeStage({ quorum: 2 })] },
    approvers: [alice, { by: 'bob', afterMs: 9 * minute }],
    release: { releasedAt: new Date(startMs + 6 * minute).toISOString() },
    check: 'release: made before an approval',
  },
  'a release from before the approval': {
    release: { releasedAt: new Date(startMs + 4 * minute - 1).toISOString() },
    check: 'release: made before an approval',
  },
  'a release from the future': { release: { releasedAt: new Date(startMs + 11 * minute + 1).toISOString() }, check: 'release: from the future' },
  'a release whose time is over': { releaseLifetimeMs: 10 * minute, check: 'release: expired', code: 'grant-expired' },
  'one approval twice': { plan: { stages: [makeStage({ quorum: 2 })] }, approvers: [alice, alice], check: 'approval: stands twice', code: 'decision-replayed' },
  'two decisions of one person in one stage': {
    plan: { stages: [makeStage({ quorum: 2 })] },
    approvers: [alice, { decisionId: 'dec-2' }],
    check: /already decided/,
    code: 'decided-already',
  },
  'one person in two stages': {
    plan: { stages: twoStages },
    approvers: [{ groups: ['g-data-owners', 'g-security'] }, { decisionId: 'dec-2', groups: ['g-data-owners', 'g-security'], stage: 1 }],
    check: /already decided/,
    code: 'decided-already',
  },
  'approvals in another order than the stages': { plan: { stages: twoStages }, approvers: [carol, alice], check: 'approvals: not in the order of the stages' },
  'a rejection': { approvers: [{ verdict: 'reject' }], check: 'approval: it is a rejection' },
  'an approval of another action': { approvers: [{ actionId: 'act_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb' }], check: 'approval: of another action' },
  'an approval of another digest': { approvers: [{ actionDigest: 'sha256:ff' }], check: 'approval: of another digest', code: 'decision-digest-mismatch' },
  'an approval under another plan': { approvers: [{ planDigest: 'sha256:ff' }], check: 'approval: under another plan', code: 'decision-digest-mismatch' },
  'an approval after the plan expired': {
    approvers: [{ afterMs: 25 * hour }],
    afterMs: 25 * hour - 1,
    check: 'approval: after the deadline',
    code: 'decision-expired',
  },
  'an approval from before the plan': { approvers: [{ afterMs: -61_000 }], check: 'approval: its time cannot be' },
  'an approval from the future': { approvers: [{ afterMs: 12 * minute }], check: 'approval: its time cannot be' },
  'a click after the deadline of its stage, while the plan runs on': {
    plan: { stages: [makeStage({ expiresInMs: 2 * minute })] },
    check: 'approval: after the deadline of its stage',
    code: 'decision-expired',
  },
  'a click after the deadline of the second stage': {
    plan: { stages: [makeStage(), makeStage({ approvers: { groups: ['g-security'], people: [] }, expiresInMs: 2 * minute })] },
    approvers: [alice, { ...carol, afterMs: 18 * minute }],
    afterMs: 20 * minute,
    check: 'approval: after the deadline of its stage',
    code: 'decision-expired',
  },
  'a decision of the second stage made long before the first was passed': {
    plan: { stages: twoStages },
    approvers: [{ afterMs: 30 * minute }, { ...carol, afterMs: 5 * minute }],
    afterMs: hour,
    check: 'approval: before its stage began',
  },
  'the owner of the agent': {
    plan: { excluded: ['dave'] },
    approvers: [{ by: 'dave' }],
    check: /asked for the action, owns the agent/,
    code: 'approver-is-requester',
  },
  'somebody the plan excludes as an alias': { plan: { excluded: ['dave', 'alice'] }, check: /asked for the action/, code: 'approver-is-requester' },
  'the owner of the agent, under a plan that forgot to exclude them': {
    plan: { excluded: [] },
    approvers: [{ by: 'dave' }],
    check: /asked for the action/,
    code: 'approver-is-requester',
  },
  'the agent itself': { plan: { excluded: [] }, approvers: [{ by: 'invoice-bot' }], check: /asked for the action/, code: 'approver-is-requester' },
  'the person on whose behalf it is, under a plan that forgot them': {
    request: { onBehalfOf: 'alice' },
    plan: { excluded: [] },
    check: /benefits from it/,
    code: 'approver-is-requester',
  },
  'the owner of an agent that held the delegated token before': {
    request: { via: [{ kind: 'agent', id: 'release-bot', name: 'Release bot', owner: 'alice', issuer: 'i', subject: 'release-bot' }] },
    plan: { excluded: [] },
    check: /asked for the action/,
    code: 'approver-is-requester',
  },
  'a person who held the delegated token before': {
    request: { via: [{ kind: 'person', id: 'alice', name: 'Alice', issuer: 'i', subject: 'alice' }] },
    plan: { excluded: [] },
    check: /asked for the action/,
    code: 'approver-is-requester',
  },
  'the requester, a person': {
    request: { requester: { kind: 'person', id: 'alice', name: 'Alice', issuer: 'https://idp.example', subject: 'alice' } },
    plan: { excluded: [] },
    check: /asked for the action/,
    code: 'approver-is-requester',
  },
  'a person of no group': { approvers: [{ groups: [] }], check: /not an approver of the stage/, code: 'approver-not-eligible' },
  'a person of a group with a similar name': {
    approvers: [{ groups: ['G-Data-Owners', 'g-data-owners '] }],
    check: /not an approver/,
    code: 'approver-not-eligible',
  },
  'an approver of the other stage': {
    plan: { stages: twoStages },
    approvers: [{ ...carol, stage: 0 }, { stage: 1 }],
    check: /not an approver/,
    code: 'approver-not-eligible',
  },
  'an escalation whose time had not come': {
    plan: { stages: [escalating] },
    approvers: [{ by: 'carol', groups: ['g-security'] }],
    check: /not an approver/,
    code: 'approver-not-eligible',
  },
  'an escalation of the second stage counted from the start of the first': {
    plan: { stages: [makeStage(), escalating] },
    approvers: [{ afterMs: 2 * hour }, { ...carol, afterMs: 2 * hour + minute }],
    afterMs: 3 * hour,
    check: /not an approver/,
    code: 'approver-not-eligible',
  },
  'an approval that claims a sign-in and proves none': {
    approvers: [{ proof: undefined }],
    check: /needs the assurance login\. No proof/,
    code: 'assurance-too-low',
  },
  'an approval with the proof of another decision': {
    approvers: [{ proof: { kind: 'id-token', token: 'of.dec-bob.x' } }],
    check: /needs the assurance login\. It proves another/,
    code: 'assurance-too-low',
  },
  'an approval whose proof has a member too many': {
    approvers: [{ proof: { kind: 'id-token', token: 'of.dec-alice.x', more: true } }],
    check: /What came with the decision is no proof/,
    code: 'assurance-too-low',
  },
  'an approval whose proof is null': { approvers: [{ proof: null }], check: /is no proof/, code: 'assurance-too-low' },
  'an approval that claims less than its proof could carry': {
    approvers: [{ assurance: 'chat' }],
    check: /needs the assurance login/,
    code: 'assurance-too-low',
  },
  'too weak a sign-in': { plan: { stages: [makeStage({ assurance: 'mfa' })] }, check: /needs the assurance mfa/, code: 'assurance-too-low' },
  'a request nested without end': {
    grant: (grant) => {
      const loop: Record<string, unknown> = {};
      loop['self'] = loop;
      return { ...grant, request: { ...grant.request, parameters: loop } };
    },
    check: 'grant: cannot be read',
  },
  'half a surrogate pair in the reason': { grant: (grant) => ({ ...grant, request: { ...grant.request, reason: '\ud800' } }), check: 'grant: cannot be read' },
  'no request': { grant: (grant) => ({ ...grant, request: null }), check: 'grant: cannot be read' },
  'approvals that are no list': { grant: (grant) => ({ ...grant, approvals: { length: 1 } }), check: 'grant: cannot be read' },
};

describe('a grant is refused for', () => {
  for (const [name, { check, code = 'grant-invalid', ...tampering }] of Object.entries(tampered))
    it(name, async () => {
      const verdict = await judged(tampering);
      expect(verdict).toEqual({ ok: false, code, check: typeof check === 'string' ? check : expect.stringMatching(check) });
    });
});

describe('signatures by the wrong role', () => {
  it('a decision key cannot vouch for a plan, nor a policy key for a decision', async () => {
    const { generateKeyPair, exportJWK } = await import('jose');
    const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
    const jwk = { ...(await exportJWK(privateKey)), kid: 'shared' };
    const { importTrustedKeys } = await import('../../../domain/signing.js');
    const { d: _d, ...half } = jwk;
    const { verifyGrant } = await import('../../../domain/grant.js');
    const request = makeRequest();
    const plan = makePlan(request);
    const grant = {
      request,
      signedRequest: await sealRequest(request, await importSigningKey(jwk, 'decision')),
      plan: await signPlan(plan, await importSigningKey(jwk, 'policy')),
      approvals: [{ stage: 0, decision: await approve(request, plan, {}, await importSigningKey(jwk, 'decision')) }],
    };
    // The same bytes of a key, trusted for one role only: the other signature must not count.
    for (const [role, check, code] of [
      ['policy', 'request: the signature does not hold', 'request-unsigned'],
      ['decision', 'plan: the signature does not hold', 'grant-invalid'],
      ['executor', 'request: the signature does not hold', 'request-unsigned'],
    ] as const) {
      const trusted = await importTrustedKeys({ keys: [{ ...half, countersign_role: role } as never] });
      expect(await verifyGrant(grant, trusted, request.connector, startMs + minute * 10)).toEqual({ ok: false, code, check });
    }
  });
});

describe('the connector that runs is compared member by member', () => {
  // A digest covers name and version; the verifier does not rest on that.
  it.each(['name', 'version', 'digest'] as const)('another %s alone is refused', async (member) => {
    const verdict = await judged({ connectorRef: { [member]: member === 'digest' ? `sha256:${'0'.repeat(64)}` : 'other' } });
    expect(verdict).toEqual({ ok: false, code: 'connector-mismatch', check: 'connector: another definition than requested' });
  });
});

describe('times at their very edge', () => {
  const within = { ok: true };
  const stageOf = (expiresInMs: number) => ({
    stages: [makeStage({ expiresInMs }), makeStage({ name: 'Security', approvers: { groups: ['g-security'], people: [] }, expiresInMs })],
  });
  const holds: Record<string, Tampering> = {
    'a release exactly a minute before its approval, as clocks may differ': { release: { releasedAt: new Date(startMs + 4 * minute).toISOString() } },
    'all signed exactly a minute after they were made': {
      signedLateMs: { request: minute, plan: minute, release: minute },
      approvers: [{ signedLateMs: minute }],
    },
    'a plan evaluated exactly a minute before the request': { request: { requestedAt: new Date(startMs + minute).toISOString() } },
    'a plan made anew long after the request': { request: { requestedAt: new Date(startMs - 10 * hour).toISOString() } },
    'a plan evaluated exactly a minute from now': { plan: { outcome: 'allow', stages: [] }, approvers: [], afterMs: -minute },
    'a decision exactly a minute before its plan': { approvers: [{ afterMs: -minute }], afterMs: 0 },
    'a decision exactly a minute from now': { approvers: [{ afterMs: 11 * minute }], afterMs: 10 * minute },
    'a click in the minute after the deadline of the first stage': {
      plan: { stages: [makeStage({ expiresInMs: 2 * minute })] },
      approvers: [{ afterMs: 3 * minute - 1 }],
    },
    'a click of the second stage in the slack after its deadline': {
      plan: stageOf(5 * minute),
      approvers: [alice, { ...carol, afterMs: 20 * minute - 1 }],
      afterMs: 30 * minute,
    },
    'a decision of the second stage exactly at the slack before the first was passed': {
      plan: { stages: twoStages },
      approvers: [{ afterMs: 30 * minute }, { ...carol, afterMs: 20 * minute }],
      afterMs: hour,
    },
    'an escalation a minute before its time, as clocks may differ': {
      plan: { stages: [escalating] },
      approvers: [{ by: 'carol', groups: ['g-security'], afterMs: 2 * hour - minute }],
      afterMs: 3 * hour,
    },
  };
  for (const [name, tampering] of Object.entries(holds)) it(`${name} holds`, async () => expect(await judged(tampering)).toMatchObject(within));

  const late = { ok: false, code: 'decision-expired', check: 'approval: after the deadline of its stage' };
  it('a click a minute after the deadline of the first stage is late', async () =>
    expect(await judged({ plan: { stages: [makeStage({ expiresInMs: 2 * minute })] }, approvers: [{ afterMs: 3 * minute }] })).toEqual(late));
  it('a click of the second stage at the end of the slack is late', async () =>
    expect(await judged({ plan: stageOf(5 * minute), approvers: [alice, { ...carol, afterMs: 20 * minute }], afterMs: 30 * minute })).toEqual(late));
  it('an approval does not move the deadline of its own stage', async () =>
    expect(
      await judged({ plan: { stages: [makeStage({ quorum: 2, expiresInMs: 6 * minute })] }, approvers: [alice, { by: 'bob', afterMs: 9 * minute }] }),
    ).toEqual(late));
  it('an escalation earlier than clocks may differ is none', async () =>
    expect(
      await judged({ plan: { stages: [escalating] }, approvers: [{ by: 'carol', groups: ['g-security'], afterMs: 2 * hour - minute - 1 }], afterMs: 3 * hour }),
    ).toMatchObject({ ok: false, code: 'approver-not-eligible' }));
});

describe('a plan of which one stage alone is unsound', () => {
  it.each([
    ['first', [makeStage({ quorum: 0 }), makeStage()]],
    ['last', [makeStage(), makeStage({ quorum: 0 })]],
  ])('the %s', async (_which, stages) => expect(await judged({ plan: { stages } })).toMatchObject({ ok: false, check: 'plan: a stage nobody can pass' }));
});

describe('what was allowed without people', () => {
  it('names nobody as approver', async () => expect(await judged({ plan: { outcome: 'allow', stages: [] }, approvers: [] })).toMatchObject({ approvedBy: [] }));
});

describe('the digest that people approve', () => {
  // A vector: another digest for the same action would void what lies in archives and in other people's verifiers.
  it('is what it was', () => {
    const request = makeRequest();
    const digest = actionDigest(request, 'sha256:aa', '2026-03-03T10:00:00.000Z');
    expect(digest).toBe(digestText(canonicalJson({ expiresAt: '2026-03-03T10:00:00.000Z', kind: 'countersign.action.v1', planDigest: 'sha256:aa', request })));
  });
});
