import { readdirSync, readFileSync } from 'node:fs';
import { Worker } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';
import { testConverter } from '../helpers/encryption.js';
import { workflowBundle } from '../helpers/rig.js';

const folder = new URL('histories/', import.meta.url);
const files = readdirSync(folder).filter((file) => file.endsWith('.json'));

describe('recorded histories', () => {
  it('cover every way through the workflow', () => {
    const names = new Set(files.map((file) => file.split('_')[0]));
    for (const name of [
      'allowed',
      'denied',
      'approved',
      'rejected',
      'quorum',
      'two-stages',
      'escalated',
      'expired',
      'cancelled',
      'replanned',
      'pending',
      'teams-down',
      'execution-failed',
      'execution-unknown',
      'execution-slow',
    ])
      expect(names).toContain(name);
  });

  it.each(files)('%s replays with the workflow as it is now', async (file) => {
    const history = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as {
      events: { workflowExecutionStartedEventAttributes?: { workflowId?: string } }[];
    };
    // The ids of children derive from it.
    const workflowId = history.events[0]?.workflowExecutionStartedEventAttributes?.workflowId;
    await Worker.runReplayHistory({ workflowBundle: await workflowBundle(), dataConverter: testConverter('refuse', { readClear: true }) }, history, workflowId);
  });
});
