import { describe, expect, it } from 'vitest';
import { CountersignError } from '../../domain/errors.js';
import { policiesWith } from '../helpers/policies.js';
import { customers, refusalInEvidence, Scene } from './attacker.js';

const route = (approvers: string, more = '') => `  customers:\n    stages: [{ name: One, approvers: ${approvers}, expires_in: 1h${more} }]\n`;

describe('S3: closed by default', () => {
  const scene = Scene.forFile();

  const denials: Record<string, { policies?: string; resource?: string; requester?: string; onBehalfOf?: string; unreachable?: boolean; code: string }> = {
    'no policy matches': { resource: 'crm/public.salaries', code: 'policy-no-match' },
    'a forbid that fails to evaluate does not let it through': {
      policies: policiesWith(
        route('{ groups: [g-data-owners] }'),
        '@id("broken")\nforbid (principal, action == Action::"postgres.export", resource) when { context.risk * 9223372036854775807 > -1 && context.hour + 9223372036854775807 > 0 };\n',
      ),
      code: 'policy-error',
    },
    'a group that nobody is in': { policies: policiesWith(route('{ groups: [g-empty] }')), code: 'route-unsatisfiable' },
    'a quorum larger than the group': { policies: policiesWith(route('{ groups: [g-data-owners] }', ', quorum: 3')), code: 'route-unsatisfiable' },
    'only the owner of the agent could approve': { policies: policiesWith(route('{ people: [dave] }')), code: 'route-unsatisfiable' },
    'an agent nobody knows': { requester: 'ghost-bot', code: 'principal-unknown' },
    'a beneficiary nobody knows': { onBehalfOf: 'ghost', code: 'principal-unknown' },
    'a directory that cannot be reached': { unreachable: true, code: 'directory-unavailable' },
  };
  for (const [name, { policies, resource = 'crm/public.customers', requester = 'invoice-bot', onBehalfOf, unreachable = false, code }] of Object.entries(
    denials,
  ))
    it(`${name}: denied with ${code}, nothing runs`, async () => {
      const away = async (): Promise<never> => {
        throw new CountersignError('directory-unavailable');
      };
      const { rig, connector } = await scene.start({
        ...(policies === undefined ? {} : { policies }),
        ...(unreachable ? { directory: (directory) => ({ ...directory, person: away, agent: away, members: away }) } : {}),
      });
      const request = rig.request({ ...customers, resource: { type: 'Table', id: resource }, ...(onBehalfOf === undefined ? {} : { onBehalfOf }) });
      const view = await rig.submit({ ...request, requester: { ...request.requester, id: requester } });
      expect(view).toMatchObject({ status: 'denied', denial: { code } });
      await rig.handle(view.id).result();
      expect(connector.ran).toEqual([]);
      const closed = (await rig.evidence.ofAction(view.id)).at(-1);
      expect(closed).toMatchObject({ kind: 'closed', body: { status: 'denied', denial: { code } } });
    });

  it('a directory that goes away while people decide refuses them, and says so', async () => {
    let reachable = true;
    const { rig, connector } = await scene.start({
      directory: (directory) => ({
        ...directory,
        person: async (id) => {
          if (!reachable) throw new CountersignError('directory-unavailable');
          return directory.person(id);
        },
      }),
    });
    const view = await rig.submit(rig.request(customers));
    reachable = false;
    expect(await rig.decide(view)).toMatchObject({ accepted: false, code: 'directory-unavailable' });
    await refusalInEvidence(rig, view.id, 'directory-unavailable');
    expect(connector.ran).toEqual([]);
  });

  it('a person the directory does not know, or who has left, is not eligible whatever the decision claims', async () => {
    const { rig, connector } = await scene.start({
      directory: (directory) => ({
        ...directory,
        person: async (id) => {
          const person = await directory.person(id);
          return person?.id === 'bob' ? { ...person, active: false } : person;
        },
      }),
    });
    const view = await rig.submit(rig.request(customers));
    for (const by of ['mallory', 'bob']) expect(await rig.decide(view, { by })).toMatchObject({ accepted: false, code: 'approver-not-eligible' });
    await refusalInEvidence(rig, view.id, 'approver-not-eligible');
    expect(connector.ran).toEqual([]);
  });
});
