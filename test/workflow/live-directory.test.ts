import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { graphIds, startGraph } from '../helpers/directory/graph.js';
import { openWith } from '../helpers/directory/open.js';
import { RecordingConnector } from '../helpers/fakes.js';
import { policiesWith } from '../helpers/policies.js';
import { eventually, invoiceBot, Rig } from '../helpers/rig.js';

const { ada, ben, cleo, owners } = graphIds;
const routes = `
  one:
    stages: [{ name: One, approvers: { groups: [${owners}] }, expires_in: 1h, channels: [inbox] }]
  both:
    stages: [{ name: Both, approvers: { groups: [${owners}] }, quorum: 2, expires_in: 1h, channels: [inbox] }]
`;

/** Worker and executor have a directory each, as their processes do, which keep what they heard for as long as is allowed. */
describe('people of a live directory', () => {
  const connector = new RecordingConnector();
  let graph: Awaited<ReturnType<typeof startGraph>>;
  let rig: Rig;
  beforeAll(async () => {
    graph = await startGraph();
    const agents = [{ id: 'invoice-bot', name: 'Invoice bot', owner: cleo, accounts: [] }];
    const open = () => openWith('entra', graph.section, graph.secret, { cacheSeconds: 10, deadlineSeconds: 2 }, agents);
    rig = await Rig.start({
      address: inject('temporalAddress'),
      policies: policiesWith(routes),
      connectors: [connector],
      directory: open,
      executorPolicy: { directory: open },
    });
  });
  afterAll(async () => {
    await rig?.stop();
    await graph?.stop();
  });

  const submit = (table: string) =>
    rig.submit(
      rig.request({
        action: 'postgres.export',
        resource: { type: 'Table', id: `crm/public.${table}` },
        requester: { ...invoiceBot, owner: cleo } as typeof invoiceBot,
      }),
    );
  const ran = (id: string) => connector.ran.some((request) => request.id === id);
  const by = (who: string) => ({ by: who, groups: [owners] });
  const account = (id: string) => {
    const found = graph.of.people.get(id);
    if (found === undefined) throw new TypeError(id);
    return found;
  };
  const members = () => {
    const found = graph.of.groups.get(owners);
    if (found === undefined) throw new TypeError(owners);
    return found.people;
  };

  it('decide, those of nested groups too', async () => {
    const view = await submit('both');
    expect(view.stage?.approvers.map(({ id }) => id).sort()).toEqual([ada, ben]);
    expect((await rig.decide(view, by(ada))).accepted).toBe(true);
    expect((await rig.decide(view, by(ben))).accepted).toBe(true);
    expect((await rig.handle(view.id).result()).status).toBe('executed');
    expect(ran(view.id)).toBe(true);
  });

  it('do not decide once they are disabled, though everybody remembers them', async () => {
    const view = await submit('one');
    account(ada).active = false;
    try {
      expect(await rig.decide(view, by(ada))).toMatchObject({ accepted: false, code: 'approver-not-eligible' });
    } finally {
      account(ada).active = true;
    }
    expect((await rig.view(view.id)).status).toBe('pending');
    expect((await rig.decide(view, by(ada))).accepted).toBe(true);
    expect((await rig.handle(view.id).result()).status).toBe('executed');
  });

  it.each([
    ['are disabled', () => void (account(ada).active = false), () => void (account(ada).active = true)],
    ['leave the group', () => void members().delete(ada), () => void members().add(ada)],
  ])('do not count if they %s between their click and the execution', async (_name, go, come) => {
    const view = await submit('both');
    expect((await rig.decide(view, by(ada))).accepted).toBe(true);
    go();
    try {
      await rig.decide(view, by(ben));
      await eventually(async () => (await rig.view(view.id)).status !== 'executing', 20_000, 'the executor has answered');
    } finally {
      come();
    }
    expect((await rig.view(view.id)).status).not.toBe('executed');
    expect(ran(view.id)).toBe(false);
  });

  it('are told to try again while the directory is away, and the action waits', async () => {
    const view = await submit('one');
    const before = graph.asked.length;
    // Longer than a lookup may last, shorter than the wait below.
    graph.injected.add(...Array.from({ length: 2 }, () => ({ status: 503, body: {}, headers: { 'retry-after': '3' } })));
    expect(await rig.decide(view, by(ada))).toMatchObject({ accepted: false, code: 'directory-unavailable' });
    expect(graph.asked.length).toBeGreaterThan(before);
    expect((await rig.view(view.id)).status).toBe('pending');
    await eventually(async () => (await rig.decide(view, by(ada))).accepted, 20_000, 'the directory answers again');
    expect((await rig.handle(view.id).result()).status).toBe('executed');
  });

  it('are told the same if it goes away at the second look at policy', async () => {
    const view = await submit('one');
    // The approver is answered about: account, groups. What follows is the owner of the agent.
    const away = { status: 503, body: {}, headers: { 'retry-after': '3' } };
    graph.failFor = (asked) => (asked.path.endsWith(cleo) ? away : undefined);
    try {
      expect(await rig.decide(view, by(ada))).toMatchObject({ accepted: false, code: 'directory-unavailable' });
    } finally {
      graph.failFor = undefined;
    }
    expect((await rig.view(view.id)).status).toBe('pending');
    await eventually(async () => (await rig.decide(view, by(ada))).accepted, 20_000, 'the directory answers again');
    expect((await rig.handle(view.id).result()).status).toBe('executed');
  });
});
