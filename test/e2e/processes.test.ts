import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scenarios } from '../../scripts/lib/testing.mjs';
import { TestSystem, type ProcessName } from '../helpers/processes.js';

let system: TestSystem;
beforeAll(async () => {
  system = await TestSystem.start();
});
afterAll(async () => {
  await system.stop();
});

describe('a whole system', () => {
  it.each<ProcessName>(['api', 'worker', 'executor', 'idp', 'database', 'temporal'])('comes back by itself when %s is killed', async (name) => {
    const before = system.info(name);
    await system.restart(name);
    const after = system.info(name);
    expect(after.state).toBe('ready');
    expect(after.pid).not.toBe(before.pid);
    expect(after.restarts).toBe(before.restarts + 1);
  });

  it('works as before afterwards', async () => {
    const agent = system.client('invoice-bot');
    const view = await agent.submit(scenarios.allowed.body);
    const states: unknown[] = [];
    for await (const now of agent.follow(String(view['id']))) states.push(now['status']);
    expect(states.at(-1)).toBe('executed');
  });
});
