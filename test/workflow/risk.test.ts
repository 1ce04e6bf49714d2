import { afterEach, describe, expect, inject, it } from 'vitest';
import { RecordingConnector } from '../helpers/fakes.js';
import { policiesWith } from '../helpers/policies.js';
import { Rig } from '../helpers/rig.js';

const one = `
  one:
    stages: [{ name: One, approvers: { groups: [g-data-owners] }, expires_in: 1h }]
`;

describe('risk by what evidence remembers', () => {
  let rig: Rig | undefined;
  afterEach(async () => {
    await rig?.stop();
    rig = undefined;
  });

  it('sees the first time, and after an execution the copied reason; the executor runs what it was told of', async () => {
    const connector = new RecordingConnector();
    // Who never did this before is asked by a route of their own: the executor has to see the same to let it run.
    const policies = policiesWith(
      one,
      '@id("new") @review("one") permit (principal, action, resource) when { context.signals.contains("first-time-resource") };\n' +
        '@id("known") permit (principal, action, resource == Table::"crm/public.free") unless { context.signals.contains("first-time-resource") };',
    );
    rig = await Rig.start({ address: inject('temporalAddress'), policies, connectors: [connector] });
    const resource = { type: 'Table', id: 'crm/public.free' };
    const names = (view: { readonly risk: { readonly signals: readonly { readonly name: string }[] } }) => view.risk.signals.map(({ name }) => name);
    const first = await rig.submit(rig.request({ action: 'postgres.export', resource }));
    expect(names(first)).toEqual(expect.arrayContaining(['first-time-action', 'first-time-resource']));
    expect(first.status).toBe('pending');
    await rig.decide(first, { by: 'alice' });
    expect(await rig.handle(first.id).result()).toMatchObject({ status: 'executed' });

    const second = await rig.submit(rig.request({ action: 'postgres.export', resource, bodyDigest: `sha256:${'2'.repeat(64)}` }));
    expect(names(second)).toContain('reason-copied');
    expect(names(second)).not.toContain('first-time-action');
    expect(await rig.handle(second.id).result()).toMatchObject({ status: 'executed' });
    expect(connector.ran).toHaveLength(2);
    const [opened] = await rig.evidence.ofAction(second.id);
    expect(opened?.body).toMatchObject({ result: { plan: { policies: ['known'] } }, trace: { reason: expect.stringMatching(/^sha256:/) as string } });
  });
});
