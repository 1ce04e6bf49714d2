import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

type Service = {
  readonly image?: string;
  readonly user?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly restart?: string;
  readonly healthcheck?: { readonly test?: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly networks?: readonly string[];
  readonly network_mode?: string;
};
type Compose = {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly networks: Readonly<Record<string, { internal?: boolean } | null>>;
};

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const text = read('docker-compose.yml');
const compose = parse(text, { merge: true }) as Compose;
const services = Object.entries(compose.services);
const service = (name: string): Service => compose.services[name] ?? expect.fail(`there is no service ${name}`);
const ours = ['api', 'worker', 'executor'] as const;
/** Secrets of what a deployment may do without. A configuration that names one refuses an empty value. */
const optional = ['COUNTERSIGN_TEAMS_PASSWORD'];
const keyHolder = { api: 'keys-decision', worker: 'keys-policy', executor: 'keys-executor' } as const;

describe('docker-compose.yml', () => {
  it('has every service of the design', () => {
    expect(Object.keys(compose.services).sort()).toEqual(
      ['api', 'executor', 'keys', 'postgres', 'temporal', 'temporal-schema', 'temporal-setup', 'temporal-ui', 'worker'].sort(),
    );
  });

  it.each(services)('%s has a health check, or ends and is waited for', (name, one) => {
    const awaited = services.some(([, other]) => other.depends_on?.[name]?.condition === 'service_completed_successfully');
    if (awaited) {
      expect(one.restart).toMatch(/^on-failure:\d+$/);
      expect(one.healthcheck).toBeUndefined();
    } else {
      expect(one.restart).toBe('unless-stopped');
      expect(one.healthcheck?.test?.length).toBeGreaterThan(1);
    }
  });

  it('is parsed in CI with a value for all that it demands', () => {
    const demanded = [...new Set([...text.matchAll(/\$\{([A-Z_]+):\?/g)].map((match) => match[1] ?? ''))];
    const ci = read('.ci/run');
    expect(demanded.length).toBeGreaterThan(5);
    expect(demanded.filter((name) => !ci.includes(`${name}=`))).toEqual([]);
  });

  it('runs no script that the image does not hold', () => {
    const image = read('scripts/image-build.sh');
    const scripts = [...text.matchAll(/((?:dist|deploy)\/[\w/-]+\.m?js)/g)].map((match) => match[1] ?? '');
    expect(scripts.length).toBeGreaterThan(4);
    expect(scripts.filter((script) => !image.includes(` ${script}`))).toEqual([]);
  });

  it.each(services)('%s waits only for services there are, by their state', (_name, one) => {
    const wrong = Object.entries(one.depends_on ?? {}).filter(
      ([other, { condition }]) => condition !== (service(other).healthcheck === undefined ? 'service_completed_successfully' : 'service_healthy'),
    );
    expect(wrong).toEqual([]);
  });

  it.each(services)('%s names its secrets without a value and refuses to start without them', (_name, one) => {
    const secrets = Object.entries(one.environment ?? {}).filter(([name]) => /SECRET|PASSWORD|PWD|TOKEN|KEY|_URL$/.test(name));
    const needed = secrets.filter(([name]) => !optional.includes(name));
    expect(needed.filter(([, value]) => !/^\$\{[A-Z][A-Z0-9_]*:\?[^}]+\}$/.test(value)).map(([name]) => name)).toEqual([]);
  });

  it('gives no variable that looks secret a default', () => {
    const defaults = [...text.matchAll(/\$\{([A-Z_]*(?:SECRET|PASSWORD|PWD|TOKEN|KEY|CRM_URL)[A-Z_]*)(?::?-([^}]*)|)\}/g)];
    // Empty where not everybody has it.
    expect(defaults.filter(([, name = '', value]) => value !== '' || !optional.includes(name)).map(([all]) => all)).toEqual([]);
  });

  it.each(services)('%s uses an image with an exact tag', (_name, one) => {
    expect(one.image).toMatch(/^(countersign:\$\{COUNTERSIGN_VERSION:-local\}|[\w./-]+:\d+\.\d+[\w.-]*)$/);
  });

  it.each(services)('%s can gain no privileges', (_name, one) => {
    expect(one.cap_drop).toEqual(['ALL']);
    expect(one.security_opt).toContain('no-new-privileges:true');
  });

  it.each([...ours, 'keys'] as const)('%s runs as an ordinary user on a read-only file system', (name) => {
    expect(service(name).user).toBe('node');
    expect(service(name).read_only).toBe(true);
  });

  it.each(services)('%s is published on loopback only', (_name, one) => {
    expect((one.ports ?? []).filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });

  it.each(ours)('%s sees its own key, read-only, and no other', (name) => {
    const mounted = (service(name).volumes ?? []).filter((volume) => volume.startsWith('keys-'));
    const role = keyHolder[name].replace('keys-', '');
    expect(mounted).toEqual(['keys-public:/run/countersign/keys/public:ro', `${keyHolder[name]}:/run/countersign/keys/${role}:ro`]);
  });

  it('gives the signed policy and the public keys of its authors to the executor alone, and the private one to nobody', () => {
    const holders = services.filter(([, one]) => JSON.stringify(one).includes('COUNTERSIGN_SIGNED_POLICY_DIR'));
    expect(holders.map(([name]) => name)).toEqual(['executor']);
    expect((service('executor').volumes ?? []).find((volume) => volume.includes('SIGNED_POLICY'))).toMatch(/:\/etc\/countersign\/signed-policy:ro$/);
    expect(text).not.toContain('authors.private');
  });

  it('lets only the job that makes the keys write them, without a network', () => {
    for (const [name, one] of services) {
      const writable = (one.volumes ?? []).filter((volume) => volume.startsWith('keys-') && !volume.endsWith(':ro'));
      expect(writable.length, name).toBe(name === 'keys' ? 4 : 0);
    }
    expect(service('keys').network_mode).toBe('none');
  });

  it('hands credentials of targets to the executor alone, and the session secret to the api alone', () => {
    const holders = (variable: string) => services.filter(([, one]) => JSON.stringify(one).includes(`\${${variable}`)).map(([name]) => name);
    expect(holders('COUNTERSIGN_CRM_URL')).toEqual(['executor']);
    expect(holders('COUNTERSIGN_SESSION_SECRET')).toEqual(['api']);
    expect(holders('COUNTERSIGN_OIDC_CLIENT_SECRET')).toEqual(['api']);
    expect(holders('COUNTERSIGN_TEAMS_PASSWORD')).toEqual(['api', 'worker']);
    // Temporal and its page never get the key to what they store.
    expect(holders('COUNTERSIGN_ENCRYPTION_KEY')).toEqual(['api', 'worker', 'executor']);
  });

  it('keeps the store of Temporal on a network of its own, and targets within reach of the executor only', () => {
    const on = (network: string) => services.filter(([, one]) => one.networks?.includes(network) === true).map(([name]) => name);
    expect(compose.networks['store']?.internal).toBe(true);
    expect(on('store').sort()).toEqual(['postgres', 'temporal', 'temporal-schema']);
    expect(on('targets')).toEqual(['executor']);
  });

  it('declares each volume and network it uses', () => {
    for (const [, one] of services) {
      for (const volume of one.volumes ?? []) if (/^[a-z]/.test(volume)) expect(Object.keys(compose.volumes)).toContain(volume.split(':')[0]);
      for (const network of one.networks ?? []) expect(Object.keys(compose.networks)).toContain(network);
    }
  });

  it('registers the search attributes that the workflows set', () => {
    const setup = read('deploy/temporal-setup.sh');
    const contract = [...read('workflows/contract.ts').matchAll(/defineSearchAttributeKey\('(\w+)', SearchAttributeType\.(\w+)\)/g)];
    expect(contract.length).toBe(6);
    const types: Readonly<Record<string, string>> = { KEYWORD: 'Keyword', KEYWORD_LIST: 'KeywordList', INT: 'Int' };
    for (const [, name, type] of contract) expect(setup).toContain(`${name}:${types[type ?? '']}`);
  });
});
