import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Client, Reply } from '../../../../scripts/lib/testing.mjs';
import { until, type TestSystem } from '../../../helpers/processes.js';

/** An action as the API shows it, as far as these tests look at it. */
export type Shown = {
  readonly id: string;
  readonly status: string;
  readonly digest: string;
  readonly preview_error?: string;
  readonly decisions: readonly {
    readonly accepted: boolean;
    readonly person?: { readonly id: string };
    readonly refusal?: { readonly code: string };
    readonly comment?: string;
  }[];
  readonly channels: readonly { readonly kind: string; readonly state: string; readonly detail?: string }[];
  readonly story: readonly { readonly kind: string; readonly text: string }[];
  readonly outcome?: {
    readonly status: string;
    readonly code?: string;
    readonly detail?: string;
    readonly check?: string;
    readonly result_digest?: string;
    readonly facts?: readonly { readonly label: string; readonly value: string }[];
  };
};

/** A few rows of the sample customers. */
export const smallExport = (limit = 20) => ({
  action: 'postgres.export',
  resource: { type: 'Table', id: 'crm/public.customers' },
  parameters: { columns: ['id', 'name'], limit },
  reason: 'A few rows.',
});

/** An export that takes a second or more, of rows that a test can compute itself. */
export const largeExport = (rows: number) => ({
  action: 'postgres.export',
  resource: { type: 'Database', id: 'crm' },
  parameters: { select: `select i, md5(i::text) as hash from generate_series(1, ${rows}) as s(i)` },
  reason: 'Many rows.',
});

/** The digest of the file that `largeExport` has to write. */
export function largeExportDigest(rows: number): string {
  const hash = createHash('sha256').update('i,hash\r\n');
  for (let row = 1; row <= rows; row += 1) hash.update(`${row},${createHash('md5').update(String(row)).digest('hex')}\r\n`);
  return `sha256:${hash.digest('hex')}`;
}

/** A request to the target `hooks`, which cannot be repeated safely. */
export const hook = (where: string) => ({
  action: 'http.request',
  resource: { type: 'Endpoint', id: `hooks/${where}` },
  parameters: { method: 'POST', body: { order: 17 } },
  reason: 'Tell the other system.',
});

/** Callers of one system who, like every good client, repeat what got no answer. */
export class Callers {
  readonly #clients = new Map<string, Client>();

  constructor(readonly system: TestSystem) {}

  #client(subject: string): Client {
    const known = this.#clients.get(subject) ?? this.system.client(subject);
    this.#clients.set(subject, known);
    return known;
  }

  /** Obtains tokens now, so that later calls are as quick as they can be. */
  async warmUp(...subjects: readonly string[]): Promise<void> {
    await Promise.all(subjects.map((subject) => this.#client(subject).request('GET', '/v1/actions?limit=1')));
  }

  /** Sends the same request until it is answered with anything but trouble on the way. */
  async persist(
    subject: string,
    method: string,
    where: string,
    options: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> } = {},
  ): Promise<Reply> {
    const deadline = Date.now() + 90_000;
    for (;;) {
      const reply = await this.#client(subject)
        .request(method, where, { ...options, timeoutMs: 30_000 })
        .catch((error: unknown) => error);
      const answered = !(reply instanceof Error) && (reply as Reply).status < 500 && (reply as Reply).status !== 429;
      if (answered) return reply as Reply;
      if (Date.now() > deadline) throw new Error(`${method} ${where} was never answered: ${reply instanceof Error ? reply.message : JSON.stringify(reply)}`);
      await pause(100);
    }
  }

  async submit(body: object, key: string = randomUUID()): Promise<Shown> {
    const { status, body: shown } = await this.persist('invoice-bot', 'POST', '/v1/actions', { body, headers: { 'idempotency-key': key } });
    if (status !== 202) throw new Error(`submitting was answered ${status}: ${JSON.stringify(shown)}`);
    return shown as Shown;
  }

  decide(subject: string, { id, digest }: Pick<Shown, 'id' | 'digest'>, verdict: 'approve' | 'reject' = 'approve', comment?: string): Promise<Reply> {
    return this.persist(subject, 'POST', `/v1/actions/${id}/decisions`, { body: { verdict, digest, ...(comment === undefined ? {} : { comment }) } });
  }

  /** Decides, which has to be accepted. */
  async approve(action: Pick<Shown, 'id' | 'digest'>, subject = 'bob'): Promise<void> {
    const { status, body } = await this.decide(subject, action);
    if (status !== 200) throw new Error(`approving was answered ${status}: ${JSON.stringify(body)}`);
  }

  async shown(id: string, subject = 'invoice-bot'): Promise<Shown> {
    const { status, body } = await this.persist(subject, 'GET', `/v1/actions/${id}`);
    if (status !== 200) throw new Error(`${id} was answered ${status}: ${JSON.stringify(body)}`);
    return body as Shown;
  }

  /** Waits until nothing can change any more. */
  async ended(id: string, timeoutMs = 120_000): Promise<Shown> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const { status, body } = await this.persist('invoice-bot', 'GET', `/v1/actions/${id}?wait=10`);
      const shown = body as Shown;
      if (status === 200 && !['evaluating', 'pending', 'executing'].includes(shown.status)) return shown;
      if (Date.now() > deadline) throw new Error(`${id} did not end within ${timeoutMs} ms: ${JSON.stringify(body)}`);
    }
  }

  /** Waits until the action is in this state. */
  async reaches(id: string, status: string): Promise<void> {
    await until(async () => (await this.shown(id)).status === status, 60_000, `${id} is ${status}`);
  }
}
