import { describe, expect, it } from 'vitest';
import { noLocalTeams } from '../../../config/teams-token.js';
import { createLoudness, type SdkRecord } from '../../../worker/loudness.js';

const away = (message = 'Teams cannot be reached.', activity = 'notify'): SdkRecord => ({
  level: 'WARN',
  message: 'Activity failed',
  activity,
  error: { code: 'channel-unavailable', message },
});

describe('loudness', () => {
  it('warns of a channel that is away once in ten minutes, whichever activity meets it', () => {
    let nowMs = 0;
    const loudness = createLoudness(() => nowMs);
    expect(['notify', 'updateCards', 'close'].map((activity) => loudness(away(undefined, activity)))).toEqual(['warn', 'debug', 'debug']);
    nowMs = 599_999;
    expect(loudness(away())).toBe('debug');
    nowMs = 600_000;
    expect(loudness(away())).toBe('warn');
    expect(loudness(away())).toBe('debug');
  });

  it('is quiet about a local Teams that nobody has opened yet', () => {
    expect(createLoudness(() => 0)(away(noLocalTeams))).toBe('debug');
  });

  it('warns of every cause by itself', () => {
    const loudness = createLoudness(() => 0);
    expect([loudness(away('Teams answered 500.')), loudness(away('Teams answered 502.'))]).toEqual(['warn', 'warn']);
  });

  it('keeps a bounded number of causes and forgets the oldest', () => {
    const loudness = createLoudness(() => 0);
    for (let cause = 0; cause <= 100; cause += 1) loudness(away(`cause ${cause}`));
    expect(loudness(away('cause 100'))).toBe('debug');
    expect(loudness(away('cause 1'))).toBe('debug');
    expect(loudness(away('cause 0'))).toBe('warn');
  });

  it('never quietens another failure', () => {
    const loudness = createLoudness(() => 0);
    const others: readonly SdkRecord[] = [
      { ...away(), error: { code: 'evidence-unavailable', message: 'The evidence cannot be written.' } },
      { ...away(), error: { message: 'Teams cannot be reached.' } },
      away(undefined, 'execute'),
      { level: 'WARN', message: 'Activity failed' },
    ];
    for (const other of [...others, ...others]) expect(loudness(other)).toBe('warn');
    expect(loudness({ level: 'ERROR', message: 'The connection is gone.' })).toBe('error');
  });

  it('takes a worker without workflows or Nexus services as meant', () => {
    const loudness = createLoudness(() => 0);
    expect(loudness({ level: 'WARN', message: 'No workflows registered, not polling for workflow tasks' })).toBe('debug');
    expect(loudness({ level: 'WARN', message: 'No Nexus services registered, not polling for Nexus tasks' })).toBe('debug');
  });
});
