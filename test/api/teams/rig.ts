import Fastify, { type FastifyInstance } from 'fastify';
import type { Actions, DecideCommand } from '../../../api/actions.js';
import { teamsPlugin, type TeamsPluginOptions } from '../../../api/teams/plugin.js';
import { createTeamsChannel } from '../../../activities/adapters/channels/teams.js';
import type { CardHandle, Channel } from '../../../activities/ports.js';
import type { Directory, DirectoryPerson } from '../../../directory/port.js';
import { CountersignError } from '../../../domain/errors.js';
import { isFinal, type ActionView } from '../../../domain/view.js';
import { record, sampleView, endedView } from '../../helpers/card-views.js';
import { samplePeople, startBotConnector, type BotConnector } from '../../helpers/bot-connector/index.js';

/** People of the sample directory; carol is not active. */
export function fakeDirectory(): Directory & { down: boolean } {
  const people = new Map<string, DirectoryPerson>();
  for (const id of ['alice', 'bob', 'carol', 'dave'] as const) {
    const { name, aadObjectId } = samplePeople[id];
    people.set(id, { id, name, active: id !== 'carol', groups: ['g-data-owners'], accounts: [], teams: { tenantId: sampleTenantOf(), aadObjectId } });
  }
  const directory = {
    down: false,
    personByAccount: async () => undefined,
    personByTeams: async (tenantId: string, aadObjectId: string) => {
      if (directory.down) throw new CountersignError('directory-unavailable');
      return [...people.values()].find((person) => person.teams?.tenantId === tenantId && person.teams.aadObjectId === aadObjectId);
    },
    person: async (id: string) => people.get(id),
    agentByAccount: async () => undefined,
    agent: async () => undefined,
    agentsOwnedBy: async () => [],
    members: async () => [...people.values()],
    hasGroup: async () => true,
  };
  return directory;
}

function sampleTenantOf(): string {
  return 'd6d49420-f39b-4df7-a1dc-d59a935871db';
}

/** Actions in memory with one action: dave may not decide, two approvals end it. */
export class FakeActions {
  view: ActionView = sampleView({ decisions: [], stage: { ...sampleView().stage!, approvals: [] } });
  readonly commands: DecideCommand[] = [];
  fails: Error | undefined;
  slowMs = 0;
  onChange: (view: ActionView) => Promise<void> = async () => undefined;

  asActions(): Actions {
    const unused = () => Promise.reject(new Error('not part of this test'));
    return {
      submit: unused,
      wait: unused,
      watch: () => {
        throw new Error('not part of this test');
      },
      cancel: unused,
      list: unused,
      view: async () => this.view,
      decide: async (command) => {
        this.commands.push(command);
        if (this.slowMs > 0) await new Promise((resolve) => setTimeout(resolve, this.slowMs));
        if (this.fails !== undefined) throw this.fails;
        return this.#decide(command);
      },
    };
  }

  async #decide({ person, verdict, digest, comment }: DecideCommand): ReturnType<Actions['decide']> {
    const refuse = (code: 'decision-on-final' | 'decision-digest-mismatch' | 'approver-is-requester' | 'decided-already', detail: string) => ({
      accepted: false as const,
      code,
      detail,
      view: this.view,
    });
    if (isFinal(this.view.status)) return refuse('decision-on-final', 'The action is already final.');
    if (digest !== this.view.digest) return refuse('decision-digest-mismatch', 'The action has changed since this card was shown.');
    if (person.id === 'dave') return refuse('approver-is-requester', 'Dave Diallo owns the agent that asks.');
    const decided = this.view.decisions.map((one) => one.decision?.person.id);
    if (decided.includes(person.id)) return refuse('decided-already', 'You have decided already.');
    const decisions = [...this.view.decisions, record(person, verdict, comment)];
    const approvals = decisions.flatMap((one) => (one.decision === undefined ? [] : [{ id: one.decision.person.id, name: one.decision.person.name }]));
    if (verdict === 'reject') this.view = endedView('rejected', { decisions });
    else if (approvals.length >= 2) this.view = endedView('executed', { decisions });
    else this.view = { ...this.view, decisions, stage: { ...this.view.stage!, approvals } };
    await this.onChange(this.view);
    return { accepted: true, view: this.view };
  }
}

export type Rig = {
  readonly connector: BotConnector;
  readonly app: FastifyInstance;
  readonly actions: FakeActions;
  readonly directory: ReturnType<typeof fakeDirectory>;
  readonly channel: Channel;
  readonly log: string[];
  readonly handles: CardHandle[];
  /** Sends the pending card to these people and brings it up to date on every change. */
  card(people: readonly (keyof typeof samplePeople)[]): Promise<void>;
  close(): Promise<void>;
};

/** A bot on loopback between the fake Connector and actions in memory. */
export async function startRig(options: Partial<TeamsPluginOptions> = {}): Promise<Rig> {
  const connector = await startBotConnector();
  const actions = new FakeActions();
  const directory = fakeDirectory();
  const log: string[] = [];
  const app = Fastify({ logger: { level: 'debug', stream: { write: (line: string) => void log.push(line) } } });
  const publicUrl = 'https://countersign.example';
  await app.register(teamsPlugin, { config: connector.config, actions: actions.asActions(), directory, publicUrl, log: app.log, keyCooldownMs: 0, ...options });
  connector.setBotUrl(`${await app.listen({ host: '127.0.0.1', port: 0 })}/v1/teams/messages`);
  const channel = createTeamsChannel({ config: connector.config, publicUrl, timeoutMs: 2_000, maxThrottleMs: 3_000 });
  const handles: CardHandle[] = [];
  const { signal } = new AbortController();
  actions.onChange = (view) => channel.update({ view, handles, signal });
  return {
    connector,
    app,
    actions,
    directory,
    channel,
    log,
    handles,
    async card(ids) {
      const recipients = ids.map((id) => ({
        id,
        name: samplePeople[id].name,
        teams: { tenantId: connector.config.tenantId, aadObjectId: samplePeople[id].aadObjectId },
      }));
      handles.push(...(await channel.send({ view: actions.view, to: { kind: 'teams' }, recipients, notice: 'pending', dedupeKey: ids.join(), signal })));
    },
    async close() {
      await app.close();
      await connector.close();
    },
  };
}
