import { randomUUID } from 'node:crypto';
import { Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDecisionSigner } from '../../api/decision-signer.js';
import { temporalAccess, type TemporalAccess } from '../../api/temporal/access.js';
import { createTemporalActions } from '../../api/temporal-actions.js';
import type { Actions, Viewer } from '../../api/actions.js';
import type { WorkerActivities } from '../../activities/types.js';
import { createFileDirectory } from '../../directory/file.js';
import type { ConnectorDefinition } from '../../domain/connector.js';
import { actionId } from '../../domain/ids.js';
import type { SignedState } from '../../domain/view.js';
import { fileURLToPath } from 'node:url';
import { testConverter } from '../helpers/encryption.js';
import { MemoryChannel } from '../helpers/fakes.js';
import { makeKeys, sealRequest } from '../helpers/keys.js';
import { policiesWith } from '../helpers/policies.js';
import { developmentIssuer, eventually, type Rig } from '../helpers/rig.js';
import { customers, planOf, Scene } from './attacker.js';

const routes = policiesWith('  customers:\n    stages: [{ name: One, approvers: { people: [alice, bob] }, expires_in: 1h, channels: [teams, inbox] }]\n');
const alice: Viewer = { principal: { kind: 'person', id: 'alice', name: 'Alice', issuer: developmentIssuer, subject: 'alice' }, operator: false };

// The attacker holds Temporal: what a workflow is said to have answered, and what an activity is given, is theirs to write.
describe('S10: what Temporal tells is not believed', () => {
  const scene = Scene.forFile();
  let connection: Connection;
  beforeAll(async () => {
    connection = await Connection.connect({ address: scene.temporal.address });
  });
  afterAll(() => connection.close());

  // The api reads only ids of its own making.
  const named = () => actionId('issuer', 'subject', randomUUID());
  const directory = createFileDirectory(fileURLToPath(new URL('../../policies/directory.yaml', import.meta.url)), developmentIssuer);

  /** The api over a Temporal whose answers to queries and updates pass through `forge`. */
  function apiOver(rig: Rig, definition: ConnectorDefinition, forge: (answer: Record<string, unknown>) => unknown) {
    const real = temporalAccess(connection, 'default', testConverter('refuse'));
    const through = <T extends { getHandle(id: string): object }>(client: T): T =>
      new Proxy(client, {
        get: (target, name) =>
          name !== 'getHandle'
            ? (Reflect.get(target, name) as unknown)
            : (id: string) => {
                const handle = target.getHandle(id) as { query(...args: unknown[]): Promise<Record<string, unknown>> };
                return new Proxy(handle, {
                  get: (inner, member) => (member === 'query' ? async (...args: unknown[]) => forge(await inner.query(...args)) : Reflect.get(inner, member)),
                });
              },
      });
    const access = {
      ...real,
      reader: through(real.reader),
      client: new Proxy(real.client, { get: (target, name) => (name === 'workflow' ? through(target.workflow) : Reflect.get(target, name)) }),
    } as TemporalAccess;
    const seen = { signed: 0, forged: new Array<string>() };
    const signer = createDecisionSigner(rig.keys.signing.decision);
    const actions: Actions = createTemporalActions({
      access,
      connectors: [definition],
      directory,
      signer: { ...signer, signDecision: async (decision) => ((seen.signed += 1), signer.signDecision(decision)) },
      trusted: rig.keys.trusted,
      onForged: ({ reason }) => seen.forged.push(reason),
      pendingPerSubject: 100,
      taskQueue: rig.taskQueue,
    });
    return { actions, seen };
  }

  it('an answer that tells of another action, or of none that was signed, is neither shown nor decided on', async () => {
    const { rig, connector } = await scene.start({ policies: routes });
    const request = rig.request({ ...customers, id: named() });
    const view = await rig.submit(request);
    const other = rig.request({ ...customers, parameters: { columns: ['id'], limit: 1 } });
    await rig.submit(other);
    const signed = { request, signedRequest: await rig.sealRequest(request), signedPlan: await planOf(rig, request.id) };
    const otherPlan = await planOf(rig, other.id);
    const foreign = await makeKeys();
    const forgeries: Record<string, (answer: Record<string, unknown>) => unknown> = {
      'the signed parts of another action': (answer) => ({ ...answer, signed: { ...signed, request: other } }),
      'another action under this id': (answer) => ({ ...answer, signed: { ...signed, request: { ...other, id: view.id } } }),
      'the plan of another action': (answer) => ({ ...answer, signed: { ...signed, signedPlan: otherPlan } }),
      'no plan': (answer) => ({ ...answer, signed: { ...signed, signedPlan: undefined } }),
      'another digest': (answer) => ({ ...answer, digest: 'sha256:00' }),
      'no signed parts': ({ signed: _signed, ...answer }) => answer,
      nonsense: () => 'approved',
    };
    const foreignSeal = await sealRequest(request, foreign.signing.decision);
    forgeries['a request signed elsewhere'] = (answer) => ({ ...answer, signed: { ...signed, signedRequest: foreignSeal } });
    const person = await directory.person('alice');
    if (person === undefined) throw new TypeError('no alice');
    for (const [name, forge] of Object.entries(forgeries)) {
      const { actions, seen } = apiOver(rig, connector.definition, forge);
      await expect(actions.view(view.id, alice), name).rejects.toMatchObject({ code: 'view-forged' });
      await expect(
        actions.decide({ actionId: view.id, person, channel: 'inbox', assurance: 'login', verdict: 'approve', digest: view.digest }),
        name,
      ).rejects.toMatchObject({ code: 'view-forged' });
      expect(seen.signed, name).toBe(0);
      expect(seen.forged.length, name).toBe(2);
    }
    expect((await rig.view(view.id)).decisions).toEqual([]);
  });

  it('an answer that describes the action otherwise is shown as it was signed', async () => {
    const { rig, connector } = await scene.start({ policies: routes });
    const view = await rig.submit(rig.request({ ...customers, id: named() }));
    const { actions } = apiOver(rig, connector.definition, (answer) => ({
      ...answer,
      title: 'Nothing at all',
      reason: 'Already approved.',
      resource: { type: 'Table', id: 'crm/public.holidays' },
      fields: [],
      policies: ['harmless'],
      requester: { kind: 'person', id: 'alice', name: 'Alice' },
    }));
    const shown = await actions.view(view.id, alice);
    const { stage: _stage, story: _story, channels: _channels, ...told } = view;
    const { signed: _signed, ...plain } = told as typeof told & { readonly signed?: unknown };
    expect(shown).toMatchObject(plain);
    expect(shown).not.toHaveProperty('signed');
  });

  it('a card that would tell what nobody signed, or go where the plan names nobody, is never sent', async () => {
    const teams = new MemoryChannel();
    const { rig } = await scene.start({ policies: routes, channels: [teams] });
    const [request, other] = [rig.request(customers), rig.request({ ...customers, parameters: { columns: ['id'], limit: 1 } })];
    const view = await rig.submit(request);
    await rig.submit(other);
    await eventually(() => teams.sent.filter((card) => [request.id, other.id].includes(card.view.id)).length === 4);
    const before = teams.sent.length;
    const signed = { request, signedRequest: await rig.sealRequest(request), signedPlan: await planOf(rig, request.id) };
    const { stage, asked, round, decisions, refusedCount, channels, story, status } = view;
    const state = { status, ...(stage === undefined ? {} : { stage }), asked, round, decisions, refusedCount, channels, story };
    const input = { view: { ...state, signed }, to: { kind: 'teams' }, notice: 'pending', recipients: ['alice'], dedupeKey: randomUUID() };
    const forgeries: Record<string, unknown> = {
      'another request beside this plan': { ...input, view: { ...state, signed: { ...signed, request: other, signedRequest: await rig.sealRequest(other) } } },
      'an edited request': { ...input, view: { ...state, signed: { ...signed, request: { ...request, reason: 'Harmless' } } } },
      'no signed parts': { ...input, view: state },
      'a whole view of the attacker': { ...input, view: { ...view, digest: 'sha256:00', signed } },
      'a place that the plan does not name': { ...input, to: { kind: 'teams', channelId: '19:everybody@thread.tacv2' } },
    };
    for (const [name, forged] of Object.entries(forgeries))
      expect(await scene.callWorker(rig, 'notify', forged), name).toMatchObject({ refused: 'view-forged' });
    for (const activity of ['updateCards'] satisfies (keyof WorkerActivities)[])
      expect(
        await scene.callWorker(rig, activity, { ...(forgeries['an edited request'] as object), handles: [{ kind: 'teams', recipient: 'alice', ref: {} }] }),
      ).toMatchObject({
        refused: 'view-forged',
      });
    expect(teams.sent.length).toBe(before);
    expect(teams.updates).toEqual([]);
    // Whom the plan does not name gets none, and what is sent tells what was signed, whatever else stands beside it.
    const lying = { ...input.view, title: 'Nothing at all', reason: 'Approved.' } as SignedState;
    await scene.callWorker(rig, 'notify', { ...input, view: lying, recipients: ['alice', 'carol', 'dave'] });
    const sent = teams.sent.slice(before);
    expect(sent.map((card) => card.to)).toEqual(['alice']);
    expect(sent[0]?.view).toMatchObject({ title: view.title, reason: request.reason, digest: view.digest, fields: view.fields });
  });
});
