import path from 'node:path';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import type { ConnectorDefinition } from '../../domain/connector.js';
import { CountersignError } from '../../domain/errors.js';
import type { Directory } from '../../directory/port.js';
import { compilePolicies, type PolicyBundle, type PolicyFile } from '../bundle.js';
import { entitiesIn } from './expression.js';
import { inOrder, type Finding, type FindingCode } from './finding.js';
import { unknownMasks, unoffered, unreachable } from './reach.js';
import { unknownApprovers, unknownRoutes, unsatisfiableRoutes, unusedRoutes, type People } from './route-findings.js';
import { lineOfText, lineWithin, readSource, type SourcePolicy } from './source.js';

/** What a policy folder is held against. Without people, or without connectors, what needs them is not looked at. */
export type CheckContext = { readonly people?: People; readonly connectors?: ReadonlyMap<string, ConnectorDefinition> };

/** All that can be found wrong with the files of a policy folder without running anything, in the order of the files. */
export async function checkPolicies(files: readonly PolicyFile[], directory: string, { people, connectors }: CheckContext): Promise<readonly Finding[]> {
  const { policies, findings } = readSource(files, directory);
  const found = [...findings, ...schemaFindings(files, policies), ...unreachable(policies)];
  if (connectors !== undefined) found.push(...unoffered(policies, connectors), ...unknownMasks(policies, connectors));
  if (people !== undefined) found.push(...(await unknownEntities(policies, people.directory)));
  found.push(...(await routeFindings(files, directory, policies, people)));
  const compiled = compile(files, directory);
  if ('file' in compiled) {
    // What loading stops at is often among what was found, told with its line.
    if (!found.some(({ severity, file }) => severity === 'error' && file === compiled.file)) found.push(compiled);
    return inOrder(found);
  }
  const routes = files.find(({ name }) => name === 'routes.yaml');
  if (people !== undefined && routes !== undefined)
    found.push(...(await unsatisfiableRoutes(path.join(directory, routes.name), routes.text, compiled, policies, people)));
  return inOrder(found);
}

function compile(files: readonly PolicyFile[], directory: string): PolicyBundle | Finding {
  try {
    return compilePolicies(files, directory);
  } catch (error) {
    return asFinding(error, directory);
  }
}

/** A `config-invalid` as a finding. Rethrows anything else. */
export function asFinding(error: unknown, directory: string): Finding {
  if (!(error instanceof CountersignError)) throw error;
  const [, file, line, message] = /^([^:\n]+\.(?:cedar|yaml|yml|cedarschema))(?::(\d+))?: ([^]*)$/.exec(error.detail) ?? [];
  return { severity: 'error', code: 'invalid', file: file ?? directory, line: Number(line ?? 1), message: message ?? error.detail };
}

function schemaFindings(files: readonly PolicyFile[], policies: readonly SourcePolicy[]): readonly Finding[] {
  const schema = files.find(({ name }) => name === 'schema.cedarschema');
  if (schema === undefined) return [];
  const staticPolicies = Object.fromEntries(policies.map(({ text }, index) => [`p${index}`, text]));
  const answer = cedar.validate({ schema: schema.text, policies: { staticPolicies }, validationSettings: { mode: 'strict' } });
  if (answer.type === 'failure') return [];
  return [...answer.validationErrors, ...answer.validationWarnings].flatMap(({ policyId, error }): readonly Finding[] => {
    const policy = policies[Number(policyId.slice(1))];
    if (policy === undefined) return [];
    const start = error.sourceLocations?.[0]?.start;
    const said = error.message.replace(`for policy \`${policyId}\`, `, '');
    const message = `policy "${policy.id}": ${said}${error.help ? ` (${error.help})` : ''}.`;
    return [{ severity: 'error', code: 'schema', file: policy.file, line: start === undefined ? policy.line : lineWithin(policy, start), message }];
  });
}

const named: Readonly<
  Record<string, { readonly code: FindingCode; readonly what: string; readonly knows: (directory: Directory, id: string) => Promise<boolean> }>
> = {
  Group: { code: 'unknown-group', what: 'a group', knows: async (directory, id) => directory.hasGroup(id) },
  Person: { code: 'unknown-person', what: 'a person', knows: async (directory, id) => (await directory.person(id)) !== undefined },
  Agent: { code: 'unknown-agent', what: 'an agent', knows: async (directory, id) => (await directory.agent(id)) !== undefined },
};

/** Groups, people and agents that policies name and the directory does not know: such a rule never matches anybody. */
async function unknownEntities(policies: readonly SourcePolicy[], directory: Directory): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const policy of policies) {
    const seen = new Set<string>();
    for (const { type, id } of entitiesIn([policy.json.principal, policy.json.resource, policy.json.conditions])) {
      const kind = named[type];
      const text = `${type}::${JSON.stringify(id)}`;
      if (kind === undefined || seen.has(text)) continue;
      seen.add(text);
      if (await kind.knows(directory, id)) continue;
      findings.push({
        severity: 'error',
        code: kind.code,
        file: policy.file,
        line: lineOfText(policy, text),
        message: `policy "${policy.id}" names ${text}, ${kind.what} that the directory does not have.`,
      });
    }
  }
  return findings;
}

async function routeFindings(
  files: readonly PolicyFile[],
  directory: string,
  policies: readonly SourcePolicy[],
  people: People | undefined,
): Promise<readonly Finding[]> {
  const routes = files.find(({ name }) => name === 'routes.yaml');
  if (routes === undefined) return [];
  const file = path.join(directory, routes.name);
  try {
    const unknown = people === undefined ? [] : await unknownApprovers(file, routes.text, people.directory);
    return [...unknown, ...unknownRoutes(file, routes.text, policies), ...unusedRoutes(file, routes.text, policies)];
  } catch (error) {
    return [asFinding(error, directory)];
  }
}
