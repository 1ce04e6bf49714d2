import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isErrorCode } from '../../domain/errors.js';
import type { JsonObject } from '../../domain/json.js';
import { startRig, type Rig } from '../api/teams/rig.js';
import { samplePeople } from '../helpers/bot-connector/index.js';
import { budget } from './budget.js';
import { anything, edited, edits, forged, forgery, meaning } from './mutate.js';

const path = '/v1/teams/messages';
let rig: Rig;
let tokens: string[];
beforeAll(async () => {
  const many = 1_000_000_000;
  rig = await startRig({ requestsPerMinute: { address: many, person: many }, keyCooldownMs: 3_600_000 });
  await rig.card(['alice']);
  tokens = [await rig.connector.authority.channelToken(), await rig.connector.authority.channelToken({ audience: 'another-bot' })];
});
afterAll(() => rig.close());

/** A click of alice as Teams delivers it, new each time. */
function click(verb: 'approve' | 'reject' | 'refresh' = 'approve'): JsonObject {
  return rig.connector.clickActivity(samplePeople.alice, rig.connector.messagesOf(samplePeople.alice)[0]!, verb);
}

async function deliver(token: string, payload: string): Promise<{ readonly status: number; readonly body: JsonObject }> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token.replace(/[^\x20-\x7e]/g, '?')}` };
  const answer = await rig.app.inject({ method: 'POST', url: path, headers, payload });
  const body = answer.payload === '' ? {} : (JSON.parse(answer.payload) as JsonObject);
  expect(answer.statusCode).toBeLessThan(500);
  if (answer.statusCode >= 400) {
    expect(isErrorCode(body['code'])).toBe(true);
    expect(body['detail']).toMatch(/^[ -~]{1,400}$/);
  }
  return { status: answer.statusCode, body };
}

describe('the endpoint of the bot under attack', () => {
  it('takes no click under a token that was changed', async () => {
    await fc.assert(
      fc.asyncProperty(forgery, async (how) => {
        const before = rig.actions.commands.length;
        const token = forged(tokens[0] as string, tokens[1] as string, how);
        const { status } = await deliver(token, JSON.stringify(click()));
        if (meaning(token) === meaning(tokens[0])) return;
        expect(status).toBe(401);
        expect(rig.actions.commands.length).toBe(before);
      }),
      budget(1_500),
    );
  });

  it('falls over no activity, and decides only what a known person clicked on one of our cards', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('approve' as const, 'reject' as const, 'refresh' as const), edits, async (verb, changes) => {
        const before = rig.actions.commands.length;
        const activity = edited(click(verb), changes);
        const { status } = await deliver(tokens[0] as string, JSON.stringify(activity));
        const made = rig.actions.commands.slice(before);
        expect(made.length).toBeLessThanOrEqual(1);
        for (const command of made) {
          expect(status).toBe(200);
          const { action, trigger } = activity['value'] as { action: { verb: string; data: Record<string, unknown> }; trigger?: string };
          expect(trigger).not.toBe('automatic');
          expect(command).toMatchObject({ verdict: action.verb, digest: action.data['digest'], channel: 'teams', assurance: 'chat' });
          const { aadObjectId } = activity['from'] as { aadObjectId: string };
          expect(command.person.teams?.aadObjectId).toBe(aadObjectId.toLowerCase());
        }
      }),
      budget(1_200),
    );
  });

  it('answers any other body in words of ours', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          anything.map((one) => JSON.stringify(one) ?? ''),
          fc.string(),
        ),
        async (payload) => {
          const before = rig.actions.commands.length;
          expect((await deliver(tokens[0] as string, payload)).status).toBeGreaterThanOrEqual(400);
          expect(rig.actions.commands.length).toBe(before);
        },
      ),
      budget(1_200),
    );
  });
});
