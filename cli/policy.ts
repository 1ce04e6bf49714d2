import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import { CountersignError } from '../domain/errors.js';
import { importSigningKey, importTrustedKeys } from '../domain/signing.js';
import { readPolicyFiles } from '../policy/bundle.js';
import { openSignedPolicies, signPolicies } from '../policy/signed-bundle.js';
import { checkCommand } from './policy-check.js';
import { explainCommand } from './policy-explain.js';
import { proveCommand } from './policy-prove.js';
import { simulateCommand } from './policy-simulate.js';
import { testCommand } from './policy-test.js';

const daySeconds = 86_400;

/** `countersign policy`: what the authors of policy do, on a machine of their own. */
export function policyCommand(): Command {
  const policy = new Command('policy').description('Check, explain and sign policy');

  policy
    .command('keygen')
    .description('Make a key pair of the authors of policy; keep the private half away from every server')
    .requiredOption('--out <folder>', 'where authors.private.jwk and authors.jwks.json go; neither may exist')
    .action(async ({ out }: { readonly out: string }) => keygen(path.resolve(out)));

  policy
    .command('sign')
    .description('Check a policy folder and sign it as one file for executors')
    .requiredOption('--key <file>', 'private key of the authors')
    .requiredOption('--out <file>', 'where the signed bundle goes; replaced at once, never half')
    .option('--policies <folder>', 'folder with schema.cedarschema, *.cedar and routes.yaml', 'policies')
    .option('--days <number>', 'how long executors may judge by it', days, 365)
    .action(sign);

  policy
    .command('verify')
    .description('Say what a signed bundle holds and who signed it, or why it does not hold')
    .argument('<bundle>', 'signed bundle')
    .requiredOption('--keys <file>', 'public keys of the authors')
    .option('--policies <folder>', 'also compare with the policies of this folder')
    .action(verify);

  policy.addCommand(checkCommand());
  policy.addCommand(explainCommand());
  policy.addCommand(testCommand());
  policy.addCommand(simulateCommand());
  policy.addCommand(proveCommand());
  return policy;
}

async function keygen(folder: string): Promise<void> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const { d, ...bare } = await exportJWK(privateKey);
  const kid = `authors-${(await calculateJwkThumbprint(bare)).slice(0, 16)}`;
  const published = { ...bare, kid, alg: 'EdDSA', use: 'sig' };
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeNew(path.join(folder, 'authors.private.jwk'), `${JSON.stringify({ ...published, d })}\n`, 0o600);
  writeNew(path.join(folder, 'authors.jwks.json'), `${JSON.stringify({ keys: [{ ...published, countersign_role: 'authors' }] }, null, 2)}\n`, 0o644);
  print(
    `made ${kid}\nprivate: ${path.join(folder, 'authors.private.jwk')} (for the authors alone)\npublic:  ${path.join(folder, 'authors.jwks.json')} (for executors)`,
  );
}

async function sign(options: { readonly key: string; readonly out: string; readonly policies: string; readonly days: number }): Promise<void> {
  const files = readPolicyFiles(path.resolve(options.policies));
  const jwk = readJson(options.key) as JWK;
  const key = await importSigningKey(jwk, 'authors').catch(() => {
    throw new CountersignError('config-invalid', `${options.key} is no private key of the authors; "countersign policy keygen" makes one.`);
  });
  const issuedAt = Math.floor(Date.now() / 1000);
  const jws = await signPolicies(files, key, { issuedAt, expiresAt: issuedAt + options.days * daySeconds, id: randomUUID() });
  replace(path.resolve(options.out), `${jws}\n`);
  const { d: _private, ...published } = jwk;
  const opened = await openSignedPolicies(jws, await importTrustedKeys({ keys: [{ ...published, countersign_role: 'authors' } as JWK] }), issuedAt * 1000);
  print(`signed ${opened.bundle.policies.size} policies by ${opened.kid}, good for ${options.days} days\n${opened.bundle.digest}`);
}

async function verify(file: string, options: { readonly keys: string; readonly policies?: string }): Promise<void> {
  const keys = await importTrustedKeys(readJson(options.keys) as { keys: JWK[] }).catch(() => {
    throw new CountersignError('config-invalid', `${options.keys} is no set of public keys.`);
  });
  const opened = await openSignedPolicies(readText(file), keys, Date.now());
  const time = (seconds: number) => new Date(seconds * 1000).toISOString();
  print(
    [
      `signed by ${opened.kid} at ${time(opened.issuedAt)}, good until ${time(opened.expiresAt)}`,
      `${opened.files.map(({ name }) => name).join(', ')}: ${opened.bundle.policies.size} policies`,
      opened.bundle.digest,
    ].join('\n'),
  );
  if (options.policies === undefined) return;
  const mine = new Map(readPolicyFiles(path.resolve(options.policies)).map(({ name, text }) => [name, text]));
  const names = [...new Set([...mine.keys(), ...opened.files.map(({ name }) => name)])].sort();
  const other = names.filter((name) => mine.get(name) !== opened.files.find((signed) => signed.name === name)?.text);
  if (other.length > 0) throw new CountersignError('config-invalid', `${options.policies} differs from what was signed in ${other.join(', ')}.`);
  print(`the same as ${options.policies}`);
}

function days(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 3_650) throw new InvalidArgumentError('a whole number from 1 to 3650 is required');
  return value;
}

function writeNew(file: string, text: string, mode: number): void {
  try {
    writeFileSync(file, text, { mode, flag: 'wx' });
  } catch {
    throw new CountersignError('config-invalid', `${file} exists or cannot be written; choose another folder.`);
  }
}

function replace(file: string, text: string): void {
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(`${file}.tmp`, text, { mode: 0o644 });
    renameSync(`${file}.tmp`, file);
  } catch {
    throw new CountersignError('config-invalid', `${file} cannot be written.`);
  }
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readText(file)) as unknown;
  } catch (error) {
    if (error instanceof CountersignError) throw error;
    throw new CountersignError('config-invalid', `${file} is not JSON.`);
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new CountersignError('config-invalid', `${file} cannot be read.`);
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
