import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CardHandle, Channel, Connector } from '../activities/ports.js';
import type { SubmitBody } from '../api/actions.js';
import type { ConnectorDefinition } from '../domain/connector.js';
import { builtinConnectors } from '../domain/connectors/index.js';
import type { Principal } from '../domain/principal.js';

/** The repository's sample policies and directory. */
export const policyFolder = fileURLToPath(new URL('../policies', import.meta.url));
export const issuer = 'http://127.0.0.1:1/idp';
export const requester: Principal = { kind: 'agent', id: 'invoice-bot', name: 'Invoice bot', owner: 'dave', issuer, subject: 'invoice-bot' };

/** The built-in connectors; the export without its preview, so that both kinds of action can be measured. */
export const definitions: readonly ConnectorDefinition[] = builtinConnectors.map((definition) =>
  definition.name === 'postgres.export' ? { ...definition, previews: false } : definition,
);

const reason = 'Payment reminders for overdue invoices of the November run.';

/** One approval by a data owner, no preview. */
export const exportBody: SubmitBody = {
  action: 'postgres.export',
  resource: { type: 'Table', id: 'crm/public.customers' },
  parameters: { columns: ['id', 'name', 'email', 'phone'], limit: 500, format: 'csv' },
  reason,
};

/** One approval by security, after a preview by the executor. */
export const previewedBody: SubmitBody = {
  action: 'http.request',
  resource: { type: 'Endpoint', id: 'hooks/v1/reminders' },
  parameters: { method: 'POST', body: { invoice: 'INV-2041' } },
  reason,
};

/** A connector whose target answers at once, so that what is measured is the way there. */
export function instantConnector(definition: ConnectorDefinition, started: (id: string) => void): Connector {
  return {
    definition,
    check: () => undefined,
    preview: async () => ({
      facts: [
        { label: 'Rows', value: 'about 500' },
        { label: 'Destination', value: 'one CSV file at the executor' },
      ],
      warnings: [],
    }),
    execute: async (request) => {
      started(request.id);
      const now = new Date().toISOString();
      return { status: 'succeeded', facts: [{ label: 'Rows', value: '500' }], startedAt: now, finishedAt: now };
    },
  };
}

/** A chat service that answers at once, with handles as long as those of Teams. */
export function instantChannel(notified: (id: string) => void): Channel {
  return {
    kind: 'teams',
    send: async ({ view, recipients }) => {
      notified(view.id);
      return recipients.map((recipient): CardHandle => ({
        kind: 'teams',
        recipient: recipient.id,
        ref: { serviceUrl: 'https://smba.trafficmanager.net/teams/', conversationId: `a:1${'x'.repeat(120)}`, activityId: '1763718400123' },
      }));
    },
    update: async () => undefined,
  };
}

/** Writes `count` policies with one route of three people, or of these approvers; exactly two of them match `exportBody`. */
export function writePolicies(folder: string, count: number, approvers: object = { people: ['alice', 'bob', 'carol'] }): void {
  mkdirSync(folder, { recursive: true });
  copyFileSync(path.join(policyFolder, 'schema.cedarschema'), path.join(folder, 'schema.cedarschema'));
  const stage = { name: 'Three people', approvers, quorum: 3, expires_in: '24h', channels: ['inbox'] };
  // JSON is YAML.
  writeFileSync(path.join(folder, 'routes.yaml'), JSON.stringify({ routes: { three: { stages: [stage] } } }));
  const matching = ['limit <= 10000', 'limit <= 5000'].map(
    (limit, index) =>
      `@id("customers-${index}") @review("three") permit (principal is Agent, action == Action::"postgres.export", resource == Table::"crm/public.customers") when { context.parameters has limit && context.parameters.${limit} };`,
  );
  const others = Array.from(
    { length: count - matching.length },
    (_, index) =>
      `@id("other-${index}") @review("three") permit (principal is Agent, action == Action::"postgres.export", resource == Table::"crm/public.table${index}") when { context.risk < 50 && context.hour >= 7 };`,
  );
  writeFileSync(path.join(folder, 'bench.cedar'), [...matching, ...others].join('\n'));
}
