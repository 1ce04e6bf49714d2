import path from 'node:path';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { CountersignError } from '../domain/errors.js';
import { obligationNames, parseObligation, strictest, type Obligations } from './obligations.js';

/** One policy with what its annotations ask for. */
export type PolicyEntry = {
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  readonly review?: string;
  readonly obligations?: Obligations;
  /** The file. */
  readonly source: string;
  /** Where in the file it begins. */
  readonly line: number;
  readonly text: string;
};

const maxPolicies = 2_000;
const plain = ['id', 'review', 'description'];
const isObligation = (key: string): key is (typeof obligationNames)[number] => (obligationNames as readonly string[]).includes(key);

/**
 * The policies of one `.cedar` file.
 * @param wrongWord what is wrong with the words that a policy uses, if anything is
 */
export function readEntries(source: string, text: string, wrongWord: (policy: cedar.PolicyJson) => string | undefined): readonly PolicyEntry[] {
  const parts = cedar.policySetTextToParts(text);
  if (parts.type === 'failure') throw invalid(`${source}${lineOf(text, parts.errors[0])}: ${parts.errors[0]?.message ?? 'not Cedar'}`);
  if (parts.policy_templates.length > 0) throw invalid(`${source}: templates are not supported; write a policy.`);
  let from = 0;
  return parts.policies.map((policyText) => {
    // The engine hands them over as they stand, in their order or another.
    const at = Math.max(0, text.indexOf(policyText, from) < 0 ? text.indexOf(policyText) : text.indexOf(policyText, from));
    from = at + policyText.length;
    return readEntry(source, policyText, text.slice(0, at).split('\n').length, wrongWord);
  });
}

function readEntry(source: string, text: string, line: number, wrongWord: (policy: cedar.PolicyJson) => string | undefined): PolicyEntry {
  const parsed = cedar.policyToJson(text);
  if (parsed.type === 'failure') throw invalid(`${source}:${line}: ${parsed.errors[0]?.message ?? 'not a policy'}`);
  const annotations = Object.entries(parsed.json.annotations ?? {});
  const id = annotations.find(([key]) => key === 'id')?.[1];
  if (id === undefined || id === null || !/^[a-z0-9][a-z0-9-]{0,99}$/.test(id))
    throw invalid(`${source}:${line}: every policy needs @id("lower-case-words"), which names it in cards and evidence.`);
  const wrong = (detail: string, annotation?: string) => invalid(`${source}:${annotationLine(text, line, annotation)}: policy "${id}" ${detail}`);
  const { effect } = parsed.json;
  const review = annotations.find(([key]) => key === 'review')?.[1] ?? (annotations.some(([key]) => key === 'review') ? '' : undefined);
  const obligations: Obligations[] = [];
  for (const [key, value] of annotations) {
    if (plain.includes(key)) continue;
    if (!isObligation(key)) throw wrong(`has the unknown annotation @${key}.`, key);
    const read = parseObligation(key, value ?? '');
    if (typeof read === 'string') throw wrong(`is not sound: ${read}.`, key);
    if (effect === 'forbid') throw wrong(`is a forbid, which nothing can lift; remove @${key}.`, key);
    if (review === undefined) throw wrong(`has @${key}, but asks nobody; add @review.`, key);
    obligations.push(read);
  }
  const word = wrongWord(parsed.json);
  if (word !== undefined) throw wrong(word, /"([^"]*)"/.exec(word)?.[0]);
  return {
    id,
    effect,
    source,
    line,
    text,
    ...(review === undefined ? {} : { review }),
    ...(obligations.length === 0 ? {} : { obligations: strictest(obligations) }),
  };
}

/** All policies by id. Throws `config-invalid` where one stands twice. */
export function indexEntries(directory: string, entries: readonly PolicyEntry[]): ReadonlyMap<string, PolicyEntry> {
  const byId = new Map<string, PolicyEntry>();
  for (const entry of entries) {
    if (byId.has(entry.id)) throw invalid(`${entry.source}:${entry.line}: the policy id "${entry.id}" stands twice.`);
    byId.set(entry.id, entry);
    if (byId.size > maxPolicies) throw invalid(`${directory} holds more than ${maxPolicies} policies.`);
  }
  return byId;
}

/** Validates all against the schema. Throws `config-invalid` with file and line. */
export function validateEntries(directory: string, schema: string, entries: ReadonlyMap<string, PolicyEntry>): void {
  const staticPolicies = Object.fromEntries([...entries].map(([id, { text }]) => [id, text]));
  const answer = cedar.validate({ schema, policies: { staticPolicies }, validationSettings: { mode: 'strict' } });
  if (answer.type === 'failure')
    throw invalid(
      `${path.join(directory, 'schema.cedarschema')}${lineOf(schema, answer.errors[0])}: ${answer.errors[0]?.message ?? 'the schema is not valid'}`,
    );
  const problem = answer.validationErrors[0] ?? answer.validationWarnings[0];
  if (problem === undefined) return;
  const entry = entries.get(problem.policyId);
  const within = Number(lineOf(entry?.text ?? '', problem.error).slice(1) || 1);
  const where = entry === undefined ? directory : `${entry.source}:${entry.line + within - 1}`;
  throw invalid(`${where}: policy "${problem.policyId}": ${problem.error.message}${problem.error.help ? ` (${problem.error.help})` : ''}`);
}

function annotationLine(text: string, line: number, annotation: string | undefined): number {
  const at = annotation === undefined ? -1 : text.search(annotation.startsWith('"') ? literal(annotation) : new RegExp(`@${annotation}\\b`));
  return at < 0 ? line : line + text.slice(0, at).split('\n').length - 1;
}

function literal(text: string): RegExp {
  return new RegExp(text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
}

function lineOf(text: string, error: cedar.DetailedError | undefined): string {
  const start = error?.sourceLocations?.[0]?.start;
  // The engine counts UTF-8 bytes.
  return start === undefined ? '' : `:${Buffer.from(text).subarray(0, start).toString().split('\n').length}`;
}

function invalid(detail: string): CountersignError {
  return new CountersignError('config-invalid', detail);
}
