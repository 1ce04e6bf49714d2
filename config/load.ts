import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { LineCounter, parseDocument, type Document } from 'yaml';
import { CountersignError } from '../domain/errors.js';
import { directoryTrouble } from './directory.js';
import { presetTrouble, writtenOut, type Written } from './presets.js';
import { Config } from './schema.js';

const validate = new Ajv2020({ allErrors: false, strict: true, discriminator: false }).compile<Written>(Config);

/** A configuration with the folder it was read from, against which its paths are resolved. */
export type LoadedConfig = Config & { readonly file: string; resolve(relative: string): string };

/**
 * Reads and checks `countersign.yaml`.
 * Throws `config-invalid` that names file, line and remedy.
 */
export function loadConfig(file = process.env['COUNTERSIGN_CONFIG'] ?? 'countersign.yaml'): LoadedConfig {
  const absolute = path.resolve(file);
  const value = parseYaml(absolute, readText(absolute));
  const { document, lines, data } = value;
  if (!validate(data)) throw new CountersignError('config-invalid', describe(absolute, document, lines, validate.errors?.at(-1) ?? undefined));
  const trouble = presetTrouble(data) ?? directoryTrouble(data.directory);
  if (trouble !== undefined) throw new CountersignError('config-invalid', `${absolute}:${lineOf(document, lines, trouble.at)}: ${trouble.what}`);
  const config = writtenOut(data);
  if (config.environment === 'production' && config.dev !== undefined) {
    throw new CountersignError('config-invalid', `${absolute}:${lineOf(document, lines, ['dev'])}: "dev" is not allowed in production; remove it.`);
  }
  if (config.environment === 'production' && config.encryption === undefined) {
    throw new CountersignError(
      'config-invalid',
      `${absolute}:1: "encryption" is missing; in production everything that goes through Temporal is encrypted. docs/operations.md says how to make a key.`,
    );
  }
  if (!isTimeZone(config.policy.timeZone))
    throw new CountersignError(
      'config-invalid',
      `${absolute}:${lineOf(document, lines, ['policy', 'timeZone'])}: "policy.timeZone" is no time zone; use a name such as Europe/Berlin or Etc/UTC.`,
    );
  return Object.assign(config, { file: absolute, resolve: (relative: string) => path.resolve(path.dirname(absolute), relative) });
}

/**
 * The secret in the named environment variable.
 * Throws `config-invalid`, naming the variable and never its value, when it is missing or empty.
 */
export function secretFromEnv(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '')
    throw new CountersignError('config-invalid', `The environment variable ${name} is not set; the configuration names it as the place of a secret.`);
  return value;
}

/** Parses YAML with its line numbers. Throws `config-invalid` with file and line. */
export function parseYaml(file: string, text: string): { readonly document: Document; readonly lines: LineCounter; readonly data: unknown } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const error = document.errors[0];
  if (error !== undefined)
    throw new CountersignError('config-invalid', `${file}:${lines.linePos(error.pos[0]).line}: ${error.message.split('\n')[0] ?? 'not YAML'}`);
  try {
    return { document, lines, data: document.toJS({ maxAliasCount: 50 }) as unknown };
  } catch {
    throw new CountersignError('config-invalid', `${file}:1: it has aliases that cannot be resolved; write the values out.`);
  }
}

/** `file:line: what is wrong` for a schema error. */
export function describe(file: string, document: Document, lines: LineCounter, error: ErrorObject | undefined): string {
  const keys = (error?.instancePath ?? '')
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const extra = error?.keyword === 'additionalProperties' ? String(error.params['additionalProperty']) : undefined;
  const where = [...keys, ...(extra === undefined ? [] : [extra])];
  const what =
    extra !== undefined
      ? `"${where.join('.')}" is not known; remove it or check its spelling.`
      : `"${where.join('.') || '(top)'}" ${error?.message ?? 'is not valid'}.`;
  return `${file}:${lineOf(document, lines, where)}: ${what}`;
}

/** The line of the innermost of these members that stands in the document. */
export function lineOf(document: Document, lines: LineCounter, keys: readonly (string | number)[]): number {
  for (let length = keys.length; length > 0; length -= 1) {
    const node = document.getIn(keys.slice(0, length), true) as { range?: [number, number, number] } | undefined;
    if (node?.range !== undefined) return lines.linePos(node.range[0]).line;
  }
  return 1;
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-GB', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new CountersignError(
      'config-invalid',
      `${file} cannot be read; name the configuration with COUNTERSIGN_CONFIG, or for a try run "npm start", which writes .countersign/countersign.yaml.`,
    );
  }
}
