import { CountersignError } from '../../domain/errors.js';
import { loadPolicies } from '../../policy/bundle.js';
import { MemoryChannel, RecordingConnector, succeeded } from '../helpers/fakes.js';
import { policiesWith } from '../helpers/policies.js';
import { eventually, Rig } from '../helpers/rig.js';

const routes = `
  one:
    stages: [{ name: One, approvers: { groups: [g-data-owners] }, expires_in: 72h, channels: [teams, inbox] }]
  both:
    stages: [{ name: Both, approvers: { people: [alice, bob, carol] }, quorum: 2, expires_in: 72h, channels: [teams, inbox] }]
  stages:
    stages:
      - { name: First, approvers: { groups: [g-data-owners] }, expires_in: 72h, channels: [teams, inbox] }
      - { name: Second, approvers: { groups: [g-security] }, expires_in: 72h, channels: [teams, inbox] }
  slow:
    stages:
      - { name: Slow, approvers: { people: [bob] }, remind_after: [1s], escalate: [{ after: 2s, approvers: { groups: [g-security] } }], expires_in: 72h, channels: [teams, inbox] }
  brief:
    stages: [{ name: Brief, approvers: { people: [bob] }, expires_in: 1s, channels: [teams, inbox] }]
`;
const stricter = routes.replace('name: One, approvers: { groups: [g-data-owners] }', 'name: One, approvers: { groups: [g-data-owners] }, quorum: 2');

/** Runs every way through the workflow once against a real server and returns the workflow id of each. */
export async function runScenarios(address: string): Promise<ReadonlyMap<string, { readonly rig: Rig; readonly id: string }>> {
  const teams = new MemoryChannel();
  const previewing = new RecordingConnector(undefined, { previews: true });
  const ids = new Map<string, { rig: Rig; id: string }>();
  const loose = policiesWith(routes, '@id("free")\npermit (principal, action, resource == Table::"crm/public.free");');
  const rig = await Rig.start({ address, policies: loose, connectors: [previewing], channels: [teams] });
  const submit = async (name: string, table: string, on = rig) => {
    const view = await on.submit(on.request({ action: 'postgres.export', resource: { type: 'Table', id: `crm/public.${table}` } }));
    ids.set(name, { rig: on, id: view.id });
    return view;
  };
  const done = (id: string, on = rig) => on.handle(id).result();

  await done((await submit('allowed', 'free')).id);
  await done((await submit('denied', 'unknown')).id);
  const approved = await submit('approved', 'one');
  await eventually(() => teams.sent.some((card) => card.view.id === approved.id));
  await rig.decide(approved);
  await done(approved.id);
  const rejected = await submit('rejected', 'one');
  await rig.decide(rejected, { verdict: 'reject', comment: 'No.' });
  await done(rejected.id);
  const quorum = await submit('quorum', 'both');
  await rig.decide(quorum, { by: 'alice' });
  await rig.decide(quorum, { by: 'alice' });
  await rig.decide(quorum, { by: 'bob' });
  await done(quorum.id);
  const stages = await submit('two-stages', 'stages');
  await rig.decide(stages, { by: 'bob' });
  await rig.decide(stages, { by: 'carol' });
  await done(stages.id);
  const escalated = await submit('escalated', 'slow');
  await eventually(async () => (await rig.view(escalated.id)).stage?.escalationLevel === 1);
  await rig.decide(escalated, { by: 'carol' });
  await done(escalated.id);
  await done((await submit('expired', 'brief')).id);
  const cancelled = await submit('cancelled', 'one');
  await rig.cancel(cancelled.id);
  await done(cancelled.id);
  const replanned = await submit('replanned', 'one');
  rig.bundle.current = loadPolicies(policiesWith(stricter));
  const again = await rig.decide(replanned, { by: 'alice' });
  await rig.decide(again.view, { by: 'alice' });
  await rig.decide(again.view, { by: 'bob' });
  await done(replanned.id);
  rig.bundle.current = loadPolicies(loose);
  await submit('pending', 'one');
  const away = await submit('teams-down', 'one');
  await eventually(() => teams.sent.some((card) => card.view.id === away.id));
  teams.down = true;
  await rig.decide(away);
  await done(away.id);
  teams.down = false;

  const outcomes = {
    failed: async () => {
      throw new CountersignError('target-refused', 'There is no such table.');
    },
    unknown: async () => {
      throw new TypeError('bug');
    },
    slow: async () => {
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      return succeeded();
    },
  };
  for (const [name, run] of Object.entries(outcomes)) {
    const other = await Rig.start({ address, policies: loose, connectors: [new RecordingConnector(run)], channels: [teams] });
    const view = await submit(`execution-${name}`, 'one', other);
    await other.decide(view);
    await done(view.id, other);
  }
  return ids;
}
