import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const sample = fileURLToPath(new URL('../../policies', import.meta.url));

/**
 * A policy folder with the sample schema and these routes; each route `name` reviews exports of the table `crm/public.<name>`.
 * Named by its content, so that many runs leave one folder and not thousands.
 */
export function policiesWith(routes: string, extra = ''): string {
  const folder = path.join(os.tmpdir(), `countersign-policies-${createHash('sha256').update(`${routes}\0${extra}`).digest('hex').slice(0, 16)}`);
  mkdirSync(folder, { recursive: true });
  copyFileSync(path.join(sample, 'schema.cedarschema'), path.join(folder, 'schema.cedarschema'));
  writeFileSync(path.join(folder, 'routes.yaml'), `routes:\n${routes}`);
  const names = [...routes.matchAll(/^ {2}([a-z][a-z0-9-]*):/gm)].map((match) => match[1] ?? '');
  const rules = names.map((name) => `@id("asks-${name}")\n@review("${name}")\npermit (principal, action, resource == Table::"crm/public.${name}");\n`);
  writeFileSync(path.join(folder, 'test.cedar'), `${rules.join('\n')}\n${extra}`);
  return folder;
}
