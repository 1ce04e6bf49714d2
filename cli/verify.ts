import { Command, InvalidArgumentError } from 'commander';
import { visible } from '../domain/cards/untrusted.js';
import type { ExecutionOutcome } from '../domain/connector.js';
import { CountersignError } from '../domain/errors.js';
import { examineGrant, isGrant, resultOf, startOf, unsettled, type Examination, type Finding } from '../domain/examine.js';
import { isJsonObject } from '../domain/json.js';
import { examineAdmission } from './verify-policy.js';
import { openMaterial, readJsonFile, type Material, type MaterialOptions } from './verify-material.js';

type Options = MaterialOptions & { readonly at?: number; readonly json?: boolean };

/** The kind of a file that `countersign grant export` writes. */
export const grantFileKind = 'countersign.grant.v1';
const maxBytes = 16_777_216;
const exitCodes = { holds: 0, refused: 1, incomplete: 2 } as const;

/** `countersign verify`: holds a grant against public keys, as the executor does, and says of each check how it went. */
export function verifyCommand(): Command {
  return new Command('verify')
    .description('Check a grant without trusting any server: 0 it holds, 1 it is refused, 2 it could not be checked in full')
    .argument('<file>', 'a grant, as "countersign grant export" writes it, or as the executor was given it')
    .option('--keys <file>', 'public keys of the processes (public.jwks.json); without it keys and all below come from the configuration')
    .option('--providers <file>', 'identity providers, as executor.providers has them; with jwksFile nothing is fetched')
    .option('--directory <file>', 'directory file; tells whose account signed in, and lets policy be evaluated again')
    .option('--connector <file>', 'definition of a connector of your own (JSON)')
    .option('--bundle <file>', 'policy that its authors signed')
    .option('--authors-keys <file>', 'public keys of the authors of policy')
    .option('--time-zone <name>', 'time zone of policy; Etc/UTC when absent')
    .option('--environment <name>', 'environment that policy sees; production when absent')
    .option('--at <time>', 'judge for this time (RFC 3339); when it was begun, as its receipt says, or now, when absent', time)
    .option('-c, --config <file>', 'the configuration; COUNTERSIGN_CONFIG or countersign.yaml when absent and --keys is too')
    .option('--json', 'as JSON')
    .action(verify);
}

async function verify(file: string, options: Options): Promise<void> {
  try {
    process.exitCode = await run(file, options);
  } catch (error) {
    // Exit code 1 says that something was refused; what could not be read was not judged.
    if (!(error instanceof CountersignError)) throw error;
    process.stderr.write(`countersign: ${error.detail}\n`);
    process.exitCode = 2;
  }
}

async function run(file: string, options: Options): Promise<number> {
  const { grant, outcome, consumedAt } = readGrant(file);
  const material = await openMaterial(options, grant);
  try {
    const moment = await momentOf(options, material, outcome, consumedAt);
    const { keys, proofs, floor, connector, source } = material;
    const examined = await examineGrant(grant, {
      keys,
      atMs: moment.ms,
      source,
      ...(connector === undefined ? {} : { connector }),
      ...(proofs === undefined ? {} : { proofs: proofs.verify }),
      ...(floor === undefined ? {} : { floor }),
      ...(outcome === undefined ? {} : { outcome }),
    });
    const admission = isGrant(grant) ? await examineAdmission({ ...material, grant, ...examined, atMs: moment.ms }) : [];
    const findings = [...examined.findings, ...admission, ...(moment.unsigned === true ? [unsignedTime] : [])];
    const result = resultOf(findings);
    process.stdout.write(options.json === true ? asJson(result, moment, examined, findings) : asText(result, moment, findings));
    return exitCodes[result];
  } finally {
    material.proofs?.close();
  }
}

type Read = { readonly grant: unknown; readonly outcome?: ExecutionOutcome; readonly consumedAt?: string };

/** A file of ours, or a bare grant. */
function readGrant(file: string): Read {
  const value = readJsonFile(file, maxBytes);
  if (!isJsonObject(value) || value['kind'] === undefined) return { grant: value };
  if (value['kind'] !== grantFileKind) throw new CountersignError('config-invalid', `${file} is no grant; "countersign grant export" writes one.`);
  const { grant, outcome, consumedAt } = value;
  return {
    grant,
    // What it says of the end counts by the receipt in it alone, so its members need no look.
    ...(isJsonObject(outcome) ? { outcome: outcome as unknown as ExecutionOutcome } : {}),
    ...(typeof consumedAt === 'string' && Number.isFinite(Date.parse(consumedAt)) ? { consumedAt } : {}),
  };
}

type Moment = { readonly ms: number; readonly why: string; readonly unsigned?: true };

const unsignedTime = unsettled('time', 'Whoever wrote the file chose for when it is judged; name a time of your own with --at, or have the signed receipt.');

async function momentOf({ at }: Options, { keys }: Material, outcome: ExecutionOutcome | undefined, consumedAt: string | undefined): Promise<Moment> {
  if (at !== undefined) return { ms: at, why: 'as you asked' };
  const startedAt = await startOf(outcome, keys);
  if (startedAt !== undefined) return { ms: Date.parse(startedAt), why: 'when it began, as the executor signed' };
  if (consumedAt !== undefined) return { ms: Date.parse(consumedAt), why: 'when it was consumed, as the file says and nobody signed', unsigned: true };
  return { ms: Date.now(), why: 'now' };
}

const words = { holds: 'The grant holds.', refused: 'The grant is REFUSED.', incomplete: 'Nothing is refused, but not everything could be checked.' } as const;
const marks = { held: 'ok', refused: 'REFUSED', 'not-checked': 'not checked' } as const;

function asText(result: Examination['result'], moment: Moment, findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  // What was signed may hold whatever somebody typed; a terminal must not act on it.
  const lines = findings.map(({ check, state, detail }) => `${marks[state].padEnd(11)}  ${check.padEnd(width)}  ${visible(detail, { max: 2_000 }).text}`);
  return `Judged for ${new Date(moment.ms).toISOString()}, ${moment.why}.\n\n${lines.join('\n')}\n\n${words[result]}\n`;
}

function asJson(result: Examination['result'], moment: Moment, { verdict, plan }: Examination, findings: readonly Finding[]): string {
  const refusal = verdict === undefined || verdict.ok ? {} : { refusal: { code: verdict.code, check: verdict.check } };
  const grant = verdict?.ok === true ? { action_digest: verdict.digest, approved_by: verdict.approvedBy.map(({ person }) => person.id) } : {};
  const policyDigest = plan === undefined ? {} : { policy_digest: plan.policyDigest };
  const judged = { judged_for: new Date(moment.ms).toISOString(), judged_why: moment.why };
  return `${JSON.stringify({ result, ...judged, ...grant, ...policyDigest, ...refusal, checks: findings }, null, 2)}\n`;
}

function time(text: string): number {
  const ms = Date.parse(text);
  if (!Number.isFinite(ms) || !/^\d{4}-\d\d-\d\dT/.test(text)) throw new InvalidArgumentError('a time such as 2026-03-02T10:00:00Z is required');
  return ms;
}
