import { Command } from 'commander';
import { readPolicyFiles } from '../policy/bundle.js';
import { asFinding, checkPolicies } from '../policy/check/check.js';
import { formatFinding, type Finding } from '../policy/check/finding.js';
import { openDeployment, withDeployment, type DeploymentOptions } from './policy-deployment.js';

/** `countersign policy check`: what is wrong with a policy folder, before anybody depends on it. */
export function checkCommand(): Command {
  return withDeployment(new Command('check').description('Find what is wrong with a policy folder, with file and line'))
    .option('--strict', 'warnings count as errors')
    .option('--json', 'as JSON')
    .action(check);
}

async function check(options: DeploymentOptions & { readonly strict?: boolean }): Promise<void> {
  const { policies, people, connectors } = openDeployment(options);
  const findings = await find(policies, { connectors, ...(people === undefined ? {} : { people }) });
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const warnings = findings.length - errors;
  if (options.json === true) process.stdout.write(`${JSON.stringify({ findings, errors, warnings }, null, 2)}\n`);
  else {
    const skipped = people === undefined ? ['No directory was given, so people and groups were not looked at; name it with --directory.'] : [];
    process.stdout.write(`${[...findings.map(formatFinding), ...skipped, `${plural(errors, 'error')}, ${plural(warnings, 'warning')}`].join('\n')}\n`);
  }
  if (errors > 0 || (options.strict === true && warnings > 0)) process.exitCode = 1;
}

async function find(policies: string, context: Parameters<typeof checkPolicies>[2]): Promise<readonly Finding[]> {
  let files: ReturnType<typeof readPolicyFiles>;
  try {
    files = readPolicyFiles(policies);
  } catch (error) {
    return [asFinding(error, policies)];
  }
  return checkPolicies(files, policies, context);
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
