import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import type { FreezeWindow } from '../domain/calendar.js';
import type { Catalog } from '../domain/catalog.js';
import { digestJson, type Digest } from '../domain/digest.js';
import { CountersignError } from '../domain/errors.js';
import { defaultRules, type RiskRules } from '../domain/risk/rules.js';
import { parseCalendar } from './calendar.js';
import { parseCatalog } from './catalog.js';
import { indexEntries, readEntries, validateEntries, type PolicyEntry } from './entries.js';
import { unknownWord } from './known-words.js';
import { parseRiskRules } from './risk-rules.js';
import { parseRoutes, type RouteStage } from './routes.js';
import { schemaShape, type SchemaShape } from './schema-shape.js';

/** A policy folder that passed every check, parsed once and ready to be asked. */
export type PolicyBundle = {
  /** Digest over name and content of every file that counts. */
  readonly digest: Digest;
  readonly policies: ReadonlyMap<string, PolicyEntry>;
  readonly routes: ReadonlyMap<string, readonly RouteStage[]>;
  /** What is said of resources; undefined in a folder without a catalogue. */
  readonly catalog: Catalog | undefined;
  readonly windows: readonly FreezeWindow[];
  readonly risk: RiskRules;
  /** What the schema lets policies be asked with. */
  readonly shape: SchemaShape;
  /** Names under which the engine keeps the parsed forms. */
  readonly preparsed: { readonly schema: string; readonly policies: string };
};

/** One file of a policy folder. */
export type PolicyFile = { readonly name: string; readonly text: string };

const maxFileBytes = 1_048_576;
const schemaName = 'schema.cedarschema';
const routesName = 'routes.yaml';
/** Files that a folder may have, each part of its digest and its signed bundle where it stands. */
const optionalNames = { catalog: 'catalog.yaml', calendar: 'calendar.yaml', risk: 'risk.yaml' } as const;
const fileName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** `compilePolicies` over the files of a folder. Throws `config-invalid` with the file and, where there is one, the line. */
export function loadPolicies(directory: string): PolicyBundle {
  return compilePolicies(readPolicyFiles(directory), directory);
}

/** The files of a folder that make up its policy, sorted by name; whatever else lies there is left alone. Throws `config-invalid`. */
export function readPolicyFiles(directory: string): readonly PolicyFile[] {
  const there = list(directory);
  const names = there.filter((name) => name.endsWith('.cedar'));
  // By the folder's own list: a link that leads nowhere must not pass for a file that nobody wrote.
  const optional = Object.values(optionalNames).filter((name) => there.includes(name));
  return [...names, ...optional, routesName, schemaName].sort().map((name) => ({ name, text: read(directory, name) }));
}

/**
 * Validates the policies of `schema.cedarschema`, `*.cedar`, `routes.yaml` and, where they stand, `catalog.yaml`, `calendar.yaml` and `risk.yaml`
 * against the schema, every `@review` against the routes, and words that policies compare with against those there are.
 * The digest depends on the files alone, not on where they came from. Throws `config-invalid`.
 * @param directory where the files are said to be, for messages
 */
export function compilePolicies(given: readonly PolicyFile[], directory: string): PolicyBundle {
  const byName = new Map(given.map(({ name, text }) => [name, text]));
  if (byName.size !== given.length) throw invalid(`${directory} holds two files of one name.`);
  const [schemaText, routesText] = [byName.get(schemaName), byName.get(routesName)];
  if (schemaText === undefined || routesText === undefined)
    throw invalid(`${path.join(directory, schemaText === undefined ? schemaName : routesName)} is missing.`);
  const known: readonly string[] = [schemaName, routesName, ...Object.values(optionalNames)];
  const files = [...given].filter(({ name }) => !known.includes(name)).sort((a, b) => (a.name < b.name ? -1 : 1));
  const strange = files.find(({ name }) => !name.endsWith('.cedar') || !fileName.test(name));
  if (strange !== undefined) throw invalid(`${directory} holds a file that is no policy: ${JSON.stringify(strange.name.slice(0, 100))}.`);
  if (files.length === 0) throw invalid(`${directory} holds no .cedar file; without a policy nothing is permitted.`);

  const routes = parseRoutes(path.join(directory, routesName), routesText);
  const optional = <T>(name: string, parse: (file: string, text: string) => T): T | undefined => {
    const text = byName.get(name);
    return text === undefined ? undefined : parse(path.join(directory, name), text);
  };
  const catalog = optional(optionalNames.catalog, parseCatalog);
  const windows = optional(optionalNames.calendar, parseCalendar) ?? [];
  const risk = optional(optionalNames.risk, parseRiskRules) ?? defaultRules;
  const wrongWord = (policy: cedar.PolicyJson) => unknownWord(policy, { catalog, windows });
  const entries = indexEntries(
    directory,
    files.flatMap(({ name, text }) => readEntries(path.join(directory, name), text, wrongWord)),
  );
  for (const entry of entries.values()) requireRoute(entry, routes);
  validateEntries(directory, schemaText, entries);

  // A file that is not there is no member: the digest of a folder from before such files existed stays what it was.
  const digest = digestJson({
    schema: schemaText,
    routes: routesText,
    policies: files.map(({ name, text }) => [name, text]),
    ...Object.fromEntries(Object.entries(optionalNames).flatMap(([member, name]) => (byName.has(name) ? [[member, byName.get(name)]] : []))),
  });
  const preparsed = { schema: `schema-${digest}`, policies: `policies-${digest}` };
  demand(directory, cedar.preparseSchema(preparsed.schema, schemaText));
  demand(directory, cedar.preparsePolicySet(preparsed.policies, { staticPolicies: Object.fromEntries([...entries].map(([id, { text }]) => [id, text])) }));
  return { digest, policies: entries, routes, catalog, windows, risk, shape: schemaShape(schemaText), preparsed };
}

function requireRoute({ id, source, line, review, effect, obligations }: PolicyEntry, routes: PolicyBundle['routes']): void {
  if (review === undefined) return;
  const stages = routes.get(review);
  if (stages === undefined) throw invalid(`${source}:${line}: policy "${id}" asks for the route "${review}", which routes.yaml does not define.`);
  if (effect === 'forbid') throw invalid(`${source}:${line}: policy "${id}" is a forbid, which no review can lift; remove @review.`);
  const people = stages.reduce((sum, stage) => sum + stage.quorum, 0);
  const floor = obligations?.executorFloor ?? 0;
  if (people < floor) throw invalid(`${source}:${line}: policy "${id}" wants ${floor} people, but its route "${review}" asks only ${people}.`);
}

function demand(directory: string, answer: cedar.CheckParseAnswer): void {
  if (answer.type === 'failure') throw invalid(`${directory}: ${answer.errors[0]?.message ?? 'could not be parsed'}`);
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
