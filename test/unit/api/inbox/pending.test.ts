import { describe, expect, it } from 'vitest';
import { Pending, pendingLifeMs } from '../../../../api/inbox/pending.js';

const session = (subject: string, csrf = `csrf of ${subject}`) => ({ issuer: 'https://idp.example', subject, csrf, startedAt: 0, seenAt: 0 });

describe('what waits for a person to come back', () => {
  it('is theirs: however much one person asks for, in however many sessions, that of others waits on', () => {
    const pending = new Pending<number>(() => new Date(0));
    pending.put(session('bob'), 'act_1', 1);
    for (let count = 0; count < 10_050; count += 1) pending.put(session('mallory', `csrf ${count % 500}`), `act_${count}`, count);
    expect(pending.get(session('bob'), 'act_1')).toBe(1);
    const left = Array.from({ length: 10_050 }, (_, count) => pending.get(session('mallory', `csrf ${count % 500}`), `act_${count}`));
    expect(left.filter((value) => value !== undefined)).toEqual(Array.from({ length: 20 }, (_, index) => 10_030 + index));
  });

  it('gives way, when too many wait, to the newest of others where somebody has more than one', () => {
    const pending = new Pending<number>(() => new Date(0));
    for (let count = 0; count < 20; count += 1) pending.put(session('mallory'), `act_${count}`, count);
    for (let count = 0; count < 9_990; count += 1) pending.put(session(`person ${count}`), 'act', count);
    expect(pending.get(session('person 0'), 'act')).toBe(0);
    expect(pending.get(session('person 9989'), 'act')).toBe(9_989);
    expect(pending.get(session('mallory'), 'act_9')).toBeUndefined();
    expect(pending.get(session('mallory'), 'act_10')).toBe(10);
  }, 60_000);

  it('waits ten minutes, and what is put again takes its place', () => {
    let ms = 0;
    const pending = new Pending<number>(() => new Date(ms));
    pending.put(session('bob'), 'act_1', 1);
    pending.put(session('bob'), 'act_1', 2);
    ms = pendingLifeMs - 1;
    expect(pending.get(session('bob'), 'act_1')).toBe(2);
    ms = pendingLifeMs;
    expect(pending.get(session('bob'), 'act_1')).toBeUndefined();
  });
});
