import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { eventually } from './eventually.js';
import { freePort } from './free-port.js';

const version = '26.7.3';
const artefact = `org.keycloak:keycloak-quarkus-dist:${version}:zip`;
const sha256 = '27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f';
const admin = 'admin';

/** A realm of a real Keycloak on loopback, whose sign-in asks for TOTP when `acr_values` asks for `mfa`. */
export type Keycloak = {
  readonly issuer: string;
  readonly tokenEndpoint: string;
  readonly jwksUri: string;
  /** Lets the inbox sign people in: a public client that comes back to this address. */
  addInbox(clientId: string, redirectUri: string): Promise<void>;
  stop(): Promise<void>;
};

export type KeycloakUser = { readonly id: string; readonly username: string; readonly password: string; readonly totpSecret: string };
export type KeycloakRealm = {
  readonly users: readonly KeycloakUser[];
  /** A program that signs in as itself. */
  readonly service: { readonly clientId: string; readonly secret: string };
};

/** Why Keycloak cannot be had here, or where it lies. It is taken from Maven Central once and kept in the cache folder. */
export async function findKeycloak(): Promise<{ readonly home: string } | { readonly missing: string }> {
  const java = spawnSync('java', ['-version'], { encoding: 'utf8' });
  const major = Number(/version "(\d+)/.exec(java.stderr)?.[1] ?? '0');
  if (major < 17) return { missing: 'Keycloak needs Java 17 or later, and there is none on the path.' };
  const cache = path.join(homedir(), '.cache', 'countersign');
  const home = path.join(cache, `keycloak-${version}`);
  if (existsSync(path.join(home, 'bin', 'kc.sh'))) return { home };
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(path.join(cache, 'keycloak-download-'));
  try {
    const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy';
    const maven = spawnSync('mvn', ['--quiet', '--batch-mode', plugin, `-Dartifact=${artefact}`, `-DoutputDirectory=${folder}`], { timeout: 600_000 });
    const archive = path.join(folder, `keycloak-quarkus-dist-${version}.zip`);
    if (maven.status !== 0 || !existsSync(archive)) return { missing: `Maven could not bring ${artefact} from Maven Central.` };
    const hash = createHash('sha256');
    await pipeline(createReadStream(archive), hash);
    if (hash.digest('hex') !== sha256) throw new Error(`${artefact} is another file than it was`);
    // The tool that comes with Java unpacks where unzip is not there; it leaves out what may be run.
    if (spawnSync('unzip', ['-q', archive, '-d', folder]).status !== 0 && spawnSync('jar', ['xf', archive], { cwd: folder }).status !== 0)
      return { missing: 'Neither unzip nor jar is there to unpack Keycloak.' };
    renameSync(path.join(folder, `keycloak-${version}`), home);
    return { home };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Starts it with everything in memory and makes the realm. */
export async function startKeycloak(home: string, realm: KeycloakRealm): Promise<Keycloak> {
  const port = await freePort();
  const management = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const log: string[] = [];
  const child = spawn(
    'sh',
    // Keycloak's own script, since what unpacked it may not have made it a program.
    [
      path.join(home, 'bin', 'kc.sh'),
      'start-dev',
      '--http-host=127.0.0.1',
      `--http-port=${port}`,
      '--http-management-scheme=http',
      `--http-management-port=${management}`,
      '--cache=local',
      '--db=dev-mem',
    ],
    {
      env: { ...process.env, KC_BOOTSTRAP_ADMIN_USERNAME: admin, KC_BOOTSTRAP_ADMIN_PASSWORD: admin, JAVA_OPTS_KC_HEAP: '-Xms128m -Xmx600m' },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    },
  );
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => log.push(chunk.toString()));
  try {
    await eventually(
      async () => {
        if (child.exitCode !== null) throw new Error(`Keycloak ended:\n${log.join('').slice(-2_000)}`);
        return fetch(`${url}/realms/master`, { signal: AbortSignal.timeout(2_000) }).then(
          (reply) => reply.ok,
          () => false,
        );
      },
      // Half a minute on a machine that does nothing else.
      400_000,
      'Keycloak answers',
    );
    await makeRealm(await administrator(url), realm);
  } catch (error) {
    await stop(child);
    throw error;
  }
  const issuer = `${url}/realms/people`;
  const connect = `${issuer}/protocol/openid-connect`;
  return {
    issuer,
    tokenEndpoint: `${connect}/token`,
    jwksUri: `${connect}/certs`,
    addInbox: async (clientId, redirectUri) => addInbox(await administrator(url), clientId, redirectUri),
    stop: () => stop(child),
  };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  // The script starts Java as a child of its own: the group goes together.
  process.kill(-child.pid, 'SIGKILL');
  await gone;
}

type Execution = { readonly id: string; readonly displayName: string; readonly providerId?: string; readonly level: number };

type Call = (method: string, at: string, body?: unknown) => Promise<Response>;

async function administrator(url: string): Promise<Call> {
  const form = new URLSearchParams({ grant_type: 'password', client_id: 'admin-cli', username: admin, password: admin });
  const signedIn = await fetch(`${url}/realms/master/protocol/openid-connect/token`, { method: 'POST', body: form });
  const { access_token: token } = (await signedIn.json()) as { readonly access_token: string };
  return async (method, at, body) => {
    const reply = await fetch(`${url}/admin/realms${at}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!reply.ok) throw new Error(`Keycloak answered ${reply.status} to ${method} ${at}: ${await reply.text()}`);
    return reply;
  };
}

async function addInbox(call: Call, clientId: string, redirectUri: string): Promise<void> {
  await call('POST', '/people/clients', { clientId, publicClient: true, redirectUris: [redirectUri], attributes: { 'pkce.code.challenge.method': 'S256' } });
}

async function makeRealm(call: Call, { users, service }: KeycloakRealm): Promise<void> {
  await call('POST', '', {
    realm: 'people',
    enabled: true,
    attributes: { 'acr.loa.map': JSON.stringify({ pwd: 1, mfa: 2 }) },
    clients: [{ clientId: service.clientId, secret: service.secret, serviceAccountsEnabled: true, standardFlowEnabled: false }],
    users: users.map(({ id, username, password, totpSecret }) => ({
      id,
      username,
      enabled: true,
      emailVerified: true,
      email: `${username}@example.com`,
      firstName: username,
      lastName: 'Example',
      credentials: [
        { type: 'password', value: password, temporary: false },
        {
          type: 'otp',
          secretData: JSON.stringify({ value: totpSecret }),
          credentialData: JSON.stringify({ subType: 'totp', digits: 6, counter: 0, period: 30, algorithm: 'HmacSHA1' }),
        },
      ],
    })),
  });
  const flows = '/people/authentication/flows';
  await call('POST', flows, { alias: 'step-up', providerId: 'basic-flow', topLevel: true, builtIn: false });
  const add = (flow: string, provider: string) => call('POST', `${flows}/${flow}/executions/execution`, { provider });
  const addFlow = (flow: string, alias: string) =>
    call('POST', `${flows}/${flow}/executions/flow`, { alias, type: 'basic-flow', provider: 'registration-page-form' });
  await add('step-up', 'auth-cookie');
  await addFlow('step-up', 'step-up-forms');
  await addFlow('step-up-forms', 'step-up-level-1');
  await add('step-up-level-1', 'conditional-level-of-authentication');
  await add('step-up-level-1', 'auth-username-password-form');
  await addFlow('step-up-forms', 'step-up-level-2');
  await add('step-up-level-2', 'conditional-level-of-authentication');
  await add('step-up-level-2', 'auth-otp-form');
  const executions = (await (await call('GET', `${flows}/step-up/executions`)).json()) as readonly Execution[];
  let level = 0;
  for (const execution of executions) {
    const requirement = execution.displayName.startsWith('step-up-level-')
      ? 'CONDITIONAL'
      : execution.providerId === 'auth-cookie' || execution.displayName === 'step-up-forms'
        ? 'ALTERNATIVE'
        : 'REQUIRED';
    await call('PUT', `${flows}/step-up/executions`, { ...execution, requirement });
    if (execution.providerId !== 'conditional-level-of-authentication') continue;
    level += 1;
    const config = { 'loa-condition-level': String(level), 'loa-max-age': level === 1 ? '36000' : '0' };
    await call('POST', `/people/authentication/executions/${execution.id}/config`, { alias: `level-${level}`, config });
  }
  await call('PUT', '/people', { browserFlow: 'step-up' });
}

/** The code that an authenticator app shows for this secret at this time (RFC 6238: SHA-1, six digits, thirty seconds). */
export function totp(secret: string, atMs = Date.now()): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(atMs / 30_000)));
  const hash = createHmac('sha1', secret).update(counter).digest();
  const offset = (hash.at(-1) ?? 0) & 0x0f;
  return String((hash.readUInt32BE(offset) & 0x7fff_ffff) % 1_000_000).padStart(6, '0');
}
