import { describe, expect, it } from 'vitest';
import { viewOf } from '../../../api/temporal/authorise.js';
import type { ActionView } from '../../../domain/view.js';
import { pendingExport } from '../../api/inbox/fixtures.js';

const fact = 'about 12,345';
const dave = { kind: 'person', id: 'dave', name: 'Dave Diallo' } as const;
const agent = { kind: 'agent', id: 'churn-analyst', name: 'Churn analyst' } as const;
const told: ActionView = { ...pendingExport(), preview: { facts: [{ label: 'Rows', value: fact }], warnings: [] }, previewError: 'It has no such column.' };
const asked: Readonly<Record<string, Partial<ActionView>>> = {
  'the requester': { requester: dave },
  'the owner of the agent that asked': { requester: agent, owner: dave },
  'the person it is done for': { requester: agent, owner: { id: 'carol', name: 'Carol' }, onBehalfOf: dave },
};
const viewer = (operator: boolean) => ({ operator, principal: { ...dave, issuer: 'https://idp.example', subject: 'dave' } });

describe('what the target said before approval', () => {
  for (const [side, change] of Object.entries(asked))
    it.each([false, true])(`is kept from ${side}, operator: %s`, (operator) => {
      const seen = viewOf({ ...told, ...change }, viewer(operator));
      expect(JSON.stringify(seen)).not.toContain(fact);
      expect(seen).not.toHaveProperty('preview');
      expect(seen).not.toHaveProperty('previewError');
      expect(seen.story.map(({ kind }) => kind)).not.toContain('previewed');
    });

  it('is told to operators who did not ask', () => {
    const others = { requester: agent, owner: { id: 'carol', name: 'Carol' } };
    expect(viewOf({ ...told, ...others }, viewer(true)).preview).toEqual(told.preview);
  });
});
