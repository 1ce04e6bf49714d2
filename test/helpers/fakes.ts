import type { CardHandle, Channel, Connector, ConnectorContext, NoticeKind } from '../../activities/ports.js';
import type { ConnectorDefinition, ExecutionOutcome } from '../../domain/connector.js';
import { builtinConnectors } from '../../domain/connectors/index.js';
import { CountersignError } from '../../domain/errors.js';
import type { ActionRequest } from '../../domain/request.js';
import type { ActionView } from '../../domain/view.js';

const exportDefinition = builtinConnectors.find((definition) => definition.name === 'postgres.export');

/** A connector that keeps what it was asked to run, in place of the export connector unless told otherwise. */
export class RecordingConnector implements Connector {
  readonly definition: ConnectorDefinition;
  readonly ran: ActionRequest[] = [];
  previews = 0;
  constructor(
    private readonly run: (request: ActionRequest, context: ConnectorContext, attempt: number) => Promise<ExecutionOutcome> = async () => succeeded(),
    definition: Partial<ConnectorDefinition> = {},
  ) {
    if (exportDefinition === undefined) throw new TypeError('there is no export connector');
    this.definition = { ...exportDefinition, previews: false, ...definition };
  }
  check(): void {}
  async preview(): Promise<{ facts: { label: string; value: string }[]; warnings: string[] }> {
    this.previews += 1;
    return { facts: [{ label: 'Rows', value: 'about 500' }], warnings: [] };
  }
  async execute(request: ActionRequest, context: ConnectorContext): Promise<ExecutionOutcome> {
    this.ran.push(request);
    return this.run(request, context, this.ran.length);
  }
}

export function succeeded(): ExecutionOutcome {
  const now = new Date().toISOString();
  return { status: 'succeeded', facts: [{ label: 'Rows', value: '500' }], startedAt: now, finishedAt: now };
}

/** A Teams-like channel in memory that can be taken down. */
export class MemoryChannel implements Channel {
  readonly kind = 'teams';
  down = false;
  readonly sent: { readonly to: string; readonly notice: NoticeKind; readonly view: ActionView }[] = [];
  readonly updates: ActionView[] = [];
  async send(input: Parameters<Channel['send']>[0]): Promise<readonly CardHandle[]> {
    if (this.down) throw new CountersignError('channel-unavailable', 'The chat service is away.');
    return input.recipients.map((recipient) => {
      this.sent.push({ to: recipient.id, notice: input.notice, view: input.view });
      return { kind: 'teams', recipient: recipient.id, ref: { n: this.sent.length } };
    });
  }
  async update(input: Parameters<Channel['update']>[0]): Promise<void> {
    if (this.down) throw new CountersignError('channel-unavailable', 'The chat service is away.');
    this.updates.push(input.view);
  }
}
