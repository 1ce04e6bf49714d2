import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { digestJson, type Digest } from '../domain/digest.js';
import { CountersignError } from '../domain/errors.js';
import type { PlanStage } from '../domain/plan.js';
import { parseRoutes } from './routes.js';

/** One policy with what its annotations ask for. */
export type PolicyEntry = { readonly id: string; readonly effect: 'permit' | 'forbid'; readonly review?: string; readonly source: string };

/** A policy folder that passed every check, parsed once and ready to be asked. */
export type PolicyBundle = {
  /** Digest over name and content of every file that counts. */
  readonly digest: Digest;
  readonly policies: ReadonlyMap<string, PolicyEntry>;
  readonly routes: ReadonlyMap<string, readonly PlanStage[]>;
  /** Names under which the engine keeps the parsed forms. */
  readonly preparsed: { readonly schema: string; readonly policies: string };
};

/** One file of a policy folder. */
export type PolicyFile = { readonly name: string; readonly text: string };

const maxPolicies = 2_000;
const maxFileBytes = 1_048_576;
const schemaName = 'schema.cedarschema';
const routesName = 'routes.yaml';
const fileName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** `compilePolicies` over the files of a folder. Throws `config-invalid` with the file and, where there is one, the line. */
export function loadPolicies(directory: string): PolicyBundle {
  return compilePolicies(readPolicyFiles(directory), directory);
}

/** The files of a folder that make up its policy, sorted by name; whatever else lies there is left alone. Throws `config-invalid`. */
export function readPolicyFiles(directory: string): readonly PolicyFile[] {
  const names = list(directory).filter((name) => name.endsWith('.cedar'));
  return [...names, routesName, schemaName].sort().map((name) => ({ name, text: read(directory, name) }));
}

/**
 * Validates the policies of `schema.cedarschema`, `*.cedar` and `routes.yaml` against the schema and every `@review` against
 * the routes. The digest depends on the files alone, not on where they came from. Throws `config-invalid`.
 * @param directory where the files are said to be, for messages
 */
export function compilePolicies(given: readonly PolicyFile[], directory: string): PolicyBundle {
  const byName = new Map(given.map(({ name, text }) => [name, text]));
  if (byName.size !== given.length) throw invalid(`${directory} holds two files of one name.`);
  const [schemaText, routesText] = [byName.get(schemaName), byName.get(routesName)];
  if (schemaText === undefined || routesText === undefined)
    throw invalid(`${path.join(directory, schemaText === undefined ? schemaName : routesName)} is missing.`);
  const files = [...given].filter(({ name }) => name !== schemaName && name !== routesName).sort((a, b) => (a.name < b.name ? -1 : 1));
  const strange = files.find(({ name }) => !name.endsWith('.cedar') || !fileName.test(name));
  if (strange !== undefined) throw invalid(`${directory} holds a file that is no policy: ${JSON.stringify(strange.name.slice(0, 100))}.`);
  if (files.length === 0) throw invalid(`${directory} holds no .cedar file; without a policy nothing is permitted.`);

  const routes = parseRoutes(path.join(directory, routesName), routesText);
  const { entries, texts } = collect(directory, files);
  for (const entry of entries.values()) {
    if (entry.review !== undefined && !routes.has(entry.review))
      throw invalid(`${entry.source}: policy "${entry.id}" asks for the route "${entry.review}", which routes.yaml does not define.`);
    if (entry.review !== undefined && entry.effect === 'forbid')
      throw invalid(`${entry.source}: policy "${entry.id}" is a forbid, which no review can lift; remove @review.`);
  }
  validatePolicies(directory, schemaText, texts, entries);

  const digest = digestJson({ schema: schemaText, routes: routesText, policies: files.map(({ name, text }) => [name, text]) });
  const preparsed = { schema: `schema-${digest}`, policies: `policies-${digest}` };
  demand(directory, cedar.preparseSchema(preparsed.schema, schemaText));
  demand(directory, cedar.preparsePolicySet(preparsed.policies, { staticPolicies: texts }));
  return { digest, policies: entries, routes, preparsed };
}

function collect(
  directory: string,
  files: readonly PolicyFile[],
): { readonly entries: ReadonlyMap<string, PolicyEntry>; readonly texts: Record<string, string> } {
  const entries = new Map<string, PolicyEntry>();
  const texts: Record<string, string> = {};
  for (const { name, text } of files) {
    const source = path.join(directory, name);
    const parts = cedar.policySetTextToParts(text);
    if (parts.type === 'failure') throw invalid(`${source}${lineOf(text, parts.errors[0])}: ${parts.errors[0]?.message ?? 'not Cedar'}`);
    if (parts.policy_templates.length > 0) throw invalid(`${source}: templates are not supported; write a policy.`);
    for (const policyText of parts.policies) {
      const parsed = cedar.policyToJson(policyText);
      if (parsed.type === 'failure') throw invalid(`${source}: ${parsed.errors[0]?.message ?? 'not a policy'}`);
      const annotations = parsed.json.annotations ?? {};
      const id = annotations['id'];
      if (id === undefined || !/^[a-z0-9][a-z0-9-]{0,99}$/.test(id))
        throw invalid(`${source}: every policy needs @id("lower-case-words"), which names it in cards and evidence.`);
      for (const key of Object.keys(annotations))
        if (!['id', 'review', 'description'].includes(key)) throw invalid(`${source}: policy "${id}" has the unknown annotation @${key}.`);
      if (entries.has(id)) throw invalid(`${source}: the policy id "${id}" stands twice.`);
      entries.set(id, { id, effect: parsed.json.effect, source, ...(annotations['review'] === undefined ? {} : { review: annotations['review'] }) });
      texts[id] = policyText;
      if (entries.size > maxPolicies) throw invalid(`${directory} holds more than ${maxPolicies} policies.`);
    }
  }
  return { entries, texts };
}

function validatePolicies(directory: string, schema: string, texts: Record<string, string>, entries: ReadonlyMap<string, PolicyEntry>): void {
  const answer = cedar.validate({ schema, policies: { staticPolicies: texts }, validationSettings: { mode: 'strict' } });
  if (answer.type === 'failure') throw invalid(`${directory}: ${answer.errors[0]?.message ?? 'the schema is not valid'}`);
  const problem = answer.validationErrors[0] ?? answer.validationWarnings[0];
  if (problem !== undefined)
    throw invalid(
      `${entries.get(problem.policyId)?.source ?? directory}: policy "${problem.policyId}": ${problem.error.message}${problem.error.help ? ` (${problem.error.help})` : ''}`,
    );
}

function demand(directory: string, answer: cedar.CheckParseAnswer): void {
  if (answer.type === 'failure') throw invalid(`${directory}: ${answer.errors[0]?.message ?? 'could not be parsed'}`);
}

function lineOf(text: string, error: cedar.DetailedError | undefined): string {
  const start = error?.sourceLocations?.[0]?.start;
  // The engine counts UTF-8 bytes.
  return start === undefined ? '' : `:${Buffer.from(text).subarray(0, start).toString().split('\n').length}`;
}

function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    throw invalid(`${directory} cannot be read.`);
  }
}

function read(directory: string, name: string): string {
  const file = path.join(directory, name);
  try {
    const text = readFileSync(file, 'utf8');
    if (text.length > maxFileBytes) throw invalid(`${file} is larger than ${maxFileBytes} bytes.`);
    return text;
  } catch (error) {
    if (error instanceof CountersignError) throw error;
    throw invalid(`${file} cannot be read.`);
  }
}

function invalid(detail: string): CountersignError {
  return new CountersignError('config-invalid', detail);
}
