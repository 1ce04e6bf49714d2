import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { stringify } from 'yaml';
import { CountersignError } from '../domain/errors.js';
import { loadPolicies } from '../policy/bundle.js';
import { parseCases, runCase, type CaseResult, type Difference } from '../policy/check/cases.js';
import { openDeployment, requirePeople, withDeployment, type DeploymentOptions } from './policy-deployment.js';

/** `countersign policy test`: requests with the verdicts that their authors expect. */
export function testCommand(): Command {
  return withDeployment(new Command('test').description('Judge the requests of case files and compare with the verdicts they expect'))
    .argument('[files...]', 'case files, or folders of them; "tests" in the policy folder if absent')
    .option('--every-rule', 'fail when a rule decides none of the cases')
    .option('--json', 'as JSON')
    .action(test);
}

async function test(named: readonly string[], options: DeploymentOptions & { readonly everyRule?: boolean }): Promise<void> {
  const deployment = openDeployment(options);
  const { directory } = requirePeople(deployment);
  const { policies, connectors, timeZone, environment } = deployment;
  const bundle = loadPolicies(policies);
  const files = (named.length === 0 ? [path.join(policies, 'tests')] : named).flatMap(caseFiles);
  const results: CaseResult[] = [];
  for (const file of files)
    for (const one of parseCases(file, readFileSync(file, 'utf8')))
      results.push(await runCase({ bundle: () => bundle, directory, connectors, timeZone, environment }, one));
  const failed = results.filter(({ differences }) => differences.length > 0);
  const matched = new Set(results.flatMap((result) => result.matched));
  const unused = [...bundle.policies.keys()].filter((id) => !matched.has(id));
  const summary = { passed: results.length - failed.length, failed: failed.length, withoutCase: unused };
  process.stdout.write(options.json === true ? `${JSON.stringify({ ...summary, cases: results.map(asJson) }, null, 2)}\n` : render(failed, summary));
  if (failed.length > 0 || (options.everyRule === true && unused.length > 0)) process.exitCode = 1;
}

/** The YAML files that a path names. Throws `config-invalid` when there is none. */
function caseFiles(named: string): readonly string[] {
  try {
    if (statSync(named).isFile()) return [named];
    const found = readdirSync(named)
      .filter((name) => /\.ya?ml$/.test(name))
      .sort()
      .map((name) => path.join(named, name));
    if (found.length > 0) return found;
  } catch {
    throw new CountersignError('config-invalid', `${named} cannot be read; name the files with the cases.`);
  }
  throw new CountersignError('config-invalid', `${named} holds no YAML file with cases.`);
}

function render(failed: readonly CaseResult[], { passed, withoutCase }: { readonly passed: number; readonly withoutCase: readonly string[] }): string {
  const lines = failed.flatMap(({ of, differences, detail }) => [
    `✗ ${of.file}:${of.line}: ${of.name}`,
    ...differences.flatMap(renderDifference),
    ...(detail === undefined ? [] : [`    ${detail}`]),
    '',
  ]);
  if (withoutCase.length > 0) lines.push(`No case is decided by ${withoutCase.join(', ')}.`);
  return `${[...lines, `${passed} passed, ${failed.length} failed`].join('\n')}\n`;
}

/** Lines that both sides have stand once; what was expected has a minus, what came a plus. */
function renderDifference({ member, expected, got }: Difference): readonly string[] {
  const lines = (value: Difference['got']) =>
    value === null || (Array.isArray(value) && value.length === 0) ? ['(none)'] : stringify(value, { lineWidth: 0 }).trimEnd().split('\n');
  const [before, after] = [lines(expected), lines(got)];
  const marked: string[] = [];
  let at = 0;
  for (const line of before) {
    const found = after.indexOf(line, at);
    if (found < 0) marked.push(`- ${line}`);
    else {
      marked.push(...after.slice(at, found).map((added) => `+ ${added}`), `  ${line}`);
      at = found + 1;
    }
  }
  return [`    ${member}`, ...[...marked, ...after.slice(at).map((added) => `+ ${added}`)].map((line) => `      ${line}`)];
}

function asJson({ of, differences, matched, detail }: CaseResult) {
  const { file, line, name } = of;
  return { file, line, name, passed: differences.length === 0, matched, differences, ...(detail === undefined ? {} : { detail }) };
}
