import { fork } from 'node:child_process';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPostgresGrantStore, openPostgresGrantStore } from '../../../activities/adapters/grant-store-postgres.js';
import { at, digest, grantStoreContract } from '../../helpers/grant-store-contract.js';
import { TestPostgres } from '../../helpers/postgres.js';

const racerFile = path.resolve(import.meta.dirname, '../../unit/connectors/grant-store-racer.ts');
const race = (url: string, ...more: readonly string[]) =>
  fork(racerFile, [url, ...more], { execArgv: ['--import', 'tsx'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
const nameOf = (url: string) => new URL(url).pathname.slice(1);
const succeeded = { status: 'succeeded', facts: [], startedAt: at, finishedAt: at } as const;

describe.skipIf(!TestPostgres.available)('the grant store in PostgreSQL', { timeout: 120_000 }, () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await TestPostgres.start();
  }, 120_000);
  afterAll(() => server.stop());

  const made = async (): Promise<string> => {
    const url = await server.database();
    await createPostgresGrantStore(url);
    return url;
  };
  grantStoreContract(async () => {
    const url = await made();
    return () => openPostgresGrantStore(url);
  });

  it('is never made by an executor: where it is missing nothing starts until somebody says that it is new', async () => {
    const url = await server.database();
    await expect(openPostgresGrantStore(url)).rejects.toMatchObject({ code: 'config-invalid', detail: expect.stringContaining('countersign grant init') });
    await createPostgresGrantStore(url);
    await createPostgresGrantStore(url);
    const store = await openPostgresGrantStore(url);
    await store.begin({ actionId: 'act_a', actionDigest: digest, at });
    await createPostgresGrantStore(url);
    expect(await store.find('act_a')).toMatchObject({ state: 'started' });
    await store.close();
  });

  it('needs no right but to read, insert and update', async () => {
    const url = new URL(await made());
    const role = `executor_${nameOf(url.href)}`;
    await server.admin(
      nameOf(url.href),
      `CREATE ROLE ${role} LOGIN PASSWORD 'p'; GRANT SELECT, INSERT, UPDATE ON countersign_grants, countersign_approvals TO ${role}`,
    );
    [url.username, url.password] = [role, 'p'];
    const store = await openPostgresGrantStore(url.href);
    const consent = { of: ['bob'], by: [{ person: 'alice', at }] };
    expect(await store.begin({ actionId: 'act_a', actionDigest: digest, at, consent })).toMatchObject({ first: true });
    expect(await store.finish('act_a', succeeded)).toEqual(succeeded);
    await store.close();
  });

  it('answers when a commit is on the disk, whatever the server is set to', async () => {
    const url = await made();
    // The server of these tests is set to answer before.
    expect(await server.admin(nameOf(url), 'SHOW synchronous_commit')).toEqual([{ synchronous_commit: 'off' }]);
    await server.admin(
      nameOf(url),
      `CREATE FUNCTION require_durable() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF current_setting('synchronous_commit') <> 'on' THEN RAISE EXCEPTION 'not durable'; END IF; RETURN NEW; END $$;
       CREATE TRIGGER durable BEFORE INSERT OR UPDATE ON countersign_grants FOR EACH ROW EXECUTE FUNCTION require_durable()`,
    );
    const store = await openPostgresGrantStore(url);
    await store.begin({ actionId: 'act_a', actionDigest: digest, at });
    await store.again('act_a');
    expect(await store.finish('act_a', succeeded)).toEqual(succeeded);
    await store.close();
  });

  it('lets exactly one of several processes win each grant', async () => {
    const url = await made();
    const racers = Array.from({ length: 3 }, () => race(url));
    const said = (racer: (typeof racers)[number]) =>
      new Promise<readonly string[]>((resolve, reject) => {
        racer.once('message', (message) => resolve(message as readonly string[]));
        racer.once('exit', (code) => reject(new Error(`a racer ended with ${code}`)));
      });
    await Promise.all(racers.map(said));
    // All are connected; now they start together.
    const won = Promise.all(racers.map(said));
    for (const racer of racers) racer.send('go');
    const wins = (await won).flat();
    expect(wins).toHaveLength(100);
    expect(new Set(wins).size).toBe(100);
  });

  it('remembers a grant whose process was killed right after it began', async () => {
    const url = await made();
    const racer = race(url, 'die');
    const signal = await new Promise((resolve) => {
      racer.once('message', () => racer.send('go'));
      racer.once('exit', (_, by) => resolve(by));
    });
    expect(signal).toBe('SIGKILL');
    const store = await openPostgresGrantStore(url);
    expect(await store.begin({ actionId: 'act_0', actionDigest: digest, at })).toMatchObject({ first: false, known: { state: 'started' } });
    await store.close();
  });

  it('goes on through broken connections, and knows which beginning was its own', async () => {
    const url = await made();
    const [store, other] = [await openPostgresGrantStore(url), await openPostgresGrantStore(url)];
    let over = false;
    const breaking = (async () => {
      while (!over) {
        await server.admin(
          'postgres',
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'countersign-grants' AND random() < 0.5`,
        );
        await new Promise((resolve) => setTimeout(resolve, 60));
      }
    })();
    const winners: string[] = [];
    for (let index = 0; index < 40; index += 1) {
      const actionId = `act_${index}`;
      const answers = await Promise.all([store, other].map((one) => one.begin({ actionId, actionDigest: digest, at })));
      winners.push(...answers.filter(({ first }) => first).map(() => actionId));
    }
    over = true;
    await breaking;
    expect(winners).toEqual(Array.from({ length: 40 }, (_, index) => `act_${index}`));
    await Promise.all([store.close(), other.close()]);
  });

  it('waits while its server is away, and says so when it stays away', async () => {
    const url = new URL(await made());
    const relay = await Relay.start(Number(url.port));
    url.port = String(relay.port);
    const store = await openPostgresGrantStore(url.href);
    await store.begin({ actionId: 'act_a', actionDigest: digest, at });
    await relay.cut();
    const finished = store.finish('act_a', succeeded);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await relay.mend();
    expect(await finished).toEqual(succeeded);
    await store.close();
    await relay.cut();
    await expect(openPostgresGrantStore(url.href)).rejects.toMatchObject({ code: 'grants-unavailable' });
    await relay.mend();
    url.password = 'not-the-password';
    await expect(openPostgresGrantStore(url.href)).rejects.toMatchObject({
      code: 'grants-unavailable',
      detail: expect.not.stringContaining('not-the-password') as string,
    });
    await relay.cut();
  });
});

/** A way to a port of this machine that can be cut and mended. */
class Relay {
  private readonly open = new Set<Socket>();
  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async start(target: number): Promise<Relay> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const relay = new Relay(server, (server.address() as AddressInfo).port);
    server.on('connection', (near) => {
      const far = connect(target, '127.0.0.1');
      for (const socket of [near, far]) {
        relay.open.add(socket);
        socket.on('error', () => undefined).on('close', () => (near.destroy(), far.destroy(), relay.open.delete(socket)));
      }
      near.pipe(far).pipe(near);
    });
    return relay;
  }

  async cut(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.open) socket.destroy();
    await closed;
  }

  async mend(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(this.port, '127.0.0.1', resolve));
  }
}
