import { afterEach, describe, expect, inject, it } from 'vitest';
import { CountersignError } from '../../domain/errors.js';
import { RecordingConnector, succeeded } from '../helpers/fakes.js';
import { policiesWith } from '../helpers/policies.js';
import { eventually, Rig, type RigOptions } from '../helpers/rig.js';
import { loadPolicies } from '../../policy/bundle.js';

const one = `
  one:
    stages: [{ name: One, approvers: { groups: [g-data-owners] }, expires_in: 1h }]
`;
const two = `
  one:
    stages: [{ name: One, approvers: { groups: [g-data-owners] }, quorum: 2, expires_in: 1h }]
`;

describe('execution', () => {
  let rig: Rig | undefined;
  afterEach(async () => {
    await rig?.stop();
    rig = undefined;
  });
  async function start(connector: RecordingConnector, options: Partial<RigOptions> = {}) {
    rig = await Rig.start({ address: inject('temporalAddress'), policies: policiesWith(one), connectors: [connector], ...options });
    const view = await rig.submit(rig.request({ action: 'postgres.export', resource: { type: 'Table', id: 'crm/public.one' } }));
    return { rig, view };
  }

  it('retries a target that is down and nothing has happened, then succeeds', async () => {
    const connector = new RecordingConnector(async (_request, _context, attempt) => {
      if (attempt < 3) throw new CountersignError('target-unavailable', 'The database is away.');
      return succeeded();
    });
    const { rig, view } = await start(connector);
    await rig.decide(view);
    expect((await rig.handle(view.id).result()).status).toBe('executed');
    expect(connector.ran.length).toBe(3);
  });

  it('fails with a clear story when the target refuses', async () => {
    const { rig, view } = await start(
      new RecordingConnector(async () => {
        throw new CountersignError('target-refused', 'There is no such table.');
      }),
    );
    await rig.decide(view);
    expect(await rig.handle(view.id).result()).toMatchObject({ status: 'failed', outcome: { code: 'target-refused', detail: 'There is no such table.' } });
  });

  it('ends as unknown when the connector fails in a way nobody foresaw', async () => {
    const connector = new RecordingConnector(async () => {
      throw new TypeError('bug');
    });
    const { rig, view } = await start(connector);
    await rig.decide(view);
    const result = await rig.handle(view.id).result();
    expect(result.status).toBe('unknown');
    expect(connector.ran.length).toBe(1);
    expect((await rig.view(view.id)).outcome).toMatchObject({ status: 'unknown', check: expect.stringContaining('Look at the target') });
  });

  it('lets a cancellation reach a running execution', async () => {
    const connector = new RecordingConnector(async (_request, context) => {
      await new Promise<void>((resolve) => context.signal.addEventListener('abort', () => resolve()));
      return { status: 'cancelled', detail: 'Stopped at the target.', finishedAt: new Date().toISOString() };
    });
    const { rig, view } = await start(connector);
    await rig.decide(view);
    await eventually(() => connector.ran.length === 1);
    expect((await rig.cancel(view.id)).accepted).toBe(true);
    expect(await rig.handle(view.id).result()).toMatchObject({ status: 'cancelled', outcome: { detail: 'Stopped at the target.' } });
  });

  it('shows what would happen before anyone decides', async () => {
    const { rig, view } = await start(new RecordingConnector(undefined, { previews: true }));
    const shown = await eventually(async () => (await rig.view(view.id)).preview);
    expect(shown.facts).toEqual([{ label: 'Rows', value: 'about 500' }]);
    await rig.cancel(view.id);
  });

  it('asks again when policy has become stricter between approval and execution; the old approval is void', async () => {
    const connector = new RecordingConnector();
    const { rig, view } = await start(connector);
    rig.bundle.current = loadPolicies(policiesWith(two));
    const reply = await rig.decide(view, { by: 'alice' });
    expect(reply.accepted).toBe(true);
    expect(reply.view).toMatchObject({ status: 'pending', round: 2, stage: { quorum: 2, approvals: [] } });
    expect(reply.view.digest).not.toBe(view.digest);
    expect(await rig.decide(view, { by: 'bob' })).toMatchObject({ accepted: false, code: 'decision-digest-mismatch' });
    await rig.decide(reply.view, { by: 'alice' });
    expect(connector.ran.length).toBe(0);
    await rig.decide(reply.view, { by: 'bob' });
    expect((await rig.handle(view.id).result()).status).toBe('executed');
    expect(connector.ran.length).toBe(1);
  });

  it('asks again at the first decision on a card that an older policy made, with the reason, although more would have been asked for', async () => {
    const connector = new RecordingConnector();
    const { rig, view } = await start(connector, { policies: policiesWith(two) });
    rig.bundle.current = loadPolicies(policiesWith(two.replace('quorum: 2', 'quorum: 2, assurance: chat, remind_after: [10m]')));
    const reply = await rig.decide(view, { by: 'alice' });
    expect(reply.view).toMatchObject({ status: 'pending', round: 2, stage: { quorum: 2, approvals: [] } });
    expect(reply.view.story.find(({ kind }) => kind === 'replanned')?.text).toMatch(/Policy was changed since\. Asked for now: 2 of "/);
    for (const by of ['alice', 'bob']) await rig.decide(reply.view, { by });
    expect((await rig.handle(view.id).result()).status).toBe('executed');
    expect(connector.ran.length).toBe(1);
  });

  it('denies at the first of several decisions what a new policy forbids', async () => {
    const connector = new RecordingConnector();
    const { rig, view } = await start(connector, { policies: policiesWith(two) });
    rig.bundle.current = loadPolicies(policiesWith(two, '@id("frozen")\nforbid (principal, action, resource);'));
    expect((await rig.decide(view, { by: 'alice' })).view).toMatchObject({ status: 'denied', denial: { code: 'denied-by-policy' } });
    expect((await rig.handle(view.id).result()).status).toBe('denied');
    expect(connector.ran.length).toBe(0);
  });

  it('denies when policy forbids it by the time it would run', async () => {
    const connector = new RecordingConnector();
    const { rig, view } = await start(connector);
    rig.bundle.current = loadPolicies(policiesWith(one, '@id("frozen")\nforbid (principal, action, resource);'));
    await rig.decide(view, { by: 'alice' });
    expect((await rig.handle(view.id).result()).status).toBe('denied');
    expect(connector.ran.length).toBe(0);
  });

  it('does not run what cannot be recorded', async () => {
    const connector = new RecordingConnector();
    rig = await Rig.start({
      address: inject('temporalAddress'),
      policies: policiesWith(one),
      connectors: [connector],
      evidence: (log) => ({
        ...log,
        append: (entry) => (entry.kind === 'decided' ? Promise.reject(new CountersignError('evidence-unavailable', 'The disk is full.')) : log.append(entry)),
      }),
    });
    const view = await rig.submit(rig.request({ action: 'postgres.export', resource: { type: 'Table', id: 'crm/public.one' } }));
    expect(await rig.decide(view)).toMatchObject({ accepted: false, code: 'evidence-unavailable' });
    expect((await rig.view(view.id)).status).toBe('pending');
    expect(connector.ran.length).toBe(0);
    await rig.cancel(view.id);
  }, 120_000);

  it('refuses a decision while the directory is away, and takes it once it is back', async () => {
    let away = false;
    const { rig, view } = await start(new RecordingConnector(), {
      directory: (directory) => ({
        ...directory,
        person: (id) => (away ? Promise.reject(new CountersignError('directory-unavailable')) : directory.person(id)),
      }),
    });
    away = true;
    expect(await rig.decide(view)).toMatchObject({ accepted: false, code: 'directory-unavailable' });
    away = false;
    expect((await rig.decide(view)).accepted).toBe(true);
    expect((await rig.handle(view.id).result()).status).toBe('executed');
  });
});
