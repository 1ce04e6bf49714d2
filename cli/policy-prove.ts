import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { CountersignError } from '../domain/errors.js';
import { compilePolicies, readPolicyFiles } from '../policy/bundle.js';
import { propertiesFile, questionsOf, separationQuestions, type Question } from '../policy/check/properties.js';
import { readSource } from '../policy/check/source.js';

type Answer = { readonly property: string; readonly holds: boolean; readonly of: string; readonly counterexample?: string };

const timeoutMs = 120_000;
const exitSkipped = 3;
const howTo =
  'skipped: it needs the Cedar CLI with analysis and an SMT solver on PATH. Install them with "cargo install cedar-policy-cli --features analyze" and "apt-get install cvc5".';

/** `countersign policy prove`: what holds of a policy for every request there could be. */
export function proveCommand(): Command {
  return new Command('prove')
    .description('Prove the properties of proofs.yaml, and that nobody involved approves, or show a request that breaks them')
    .option('--policies <folder>', 'folder with schema.cedarschema, *.cedar, routes.yaml and proofs.yaml', 'policies')
    .option('--optional', 'exit with 0 when the tools are missing, which is said all the same')
    .option('--json', 'as JSON')
    .action(prove);
}

async function prove({ policies, optional, json }: { readonly policies: string; readonly optional?: boolean; readonly json?: boolean }): Promise<void> {
  const files = readPolicyFiles(policies);
  const bundle = compilePolicies(files, policies);
  const schema = files.find(({ name }) => name === 'schema.cedarschema')?.text ?? '';
  const file = propertiesFile(policies);
  const own = existsSync(file) ? questionsOf(file, readFileSync(file, 'utf8'), schema, bundle, readSource(files, policies).policies) : [];
  if (!(await toolsAreThere())) {
    process.stdout.write(json === true ? `${JSON.stringify({ skipped: howTo })}\n` : `${howTo}\n`);
    if (optional !== true) process.exitCode = exitSkipped;
    return;
  }
  const started = Date.now();
  const answers: Answer[] = [];
  for (const question of [...separationQuestions(bundle), ...own]) answers.push(await answer(question));
  const broken = answers.filter(({ holds }) => !holds);
  process.stdout.write(
    json === true ? `${JSON.stringify({ proven: broken.length === 0, answers }, null, 2)}\n` : render(answers, Date.now() - started, existsSync(file)),
  );
  if (broken.length > 0) process.exitCode = 1;
}

function render(answers: readonly Answer[], tookMs: number, own: boolean): string {
  const names = [...new Set(answers.map(({ property }) => property))];
  const broken = (name: string) => answers.filter(({ property, holds }) => property === name && !holds);
  const lines = names.flatMap((name) => {
    const against = broken(name);
    const asked = answers.filter(({ property }) => property === name).length;
    if (against.length === 0) return [`✓ ${name}: proven for ${asked} kinds of request`];
    return [
      `✗ ${name}`,
      ...against.flatMap(({ of, counterexample }) => [`    broken by ${of}:`, ...(counterexample ?? '').split('\n').map((line) => `      ${line}`)]),
    ];
  });
  const failed = names.filter((name) => broken(name).length > 0).length;
  const hint = own ? [] : ['There is no proofs.yaml, so nothing was proven of this policy itself.'];
  return `${[...lines, ...hint, `${names.length - failed} proven, ${failed} broken, ${answers.length} questions in ${tookMs} ms`].join('\n')}\n`;
}

/** Puts one question to the analysis. Requires its tools on PATH; throws `config-invalid` when it gives no answer. */
export async function answer({ property, principal, action, resource, schema, policies }: Question): Promise<Answer> {
  const of = `${principal}, ${action}, ${resource}`;
  const folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-prove-'));
  try {
    const [schemaFile, policyFile] = [path.join(folder, 'schema.cedarschema'), path.join(folder, 'policies.cedar')];
    writeFileSync(schemaFile, schema);
    writeFileSync(policyFile, policies);
    const kind = ['--principal-type', principal, '--action', `Action::${JSON.stringify(action)}`, '--resource-type', resource];
    const { output, trouble } = await run('cedar', [
      'symcc',
      ...kind,
      '--schema',
      schemaFile,
      '--cvc5-path',
      'cvc5',
      'always-denies',
      '--policies',
      policyFile,
    ]);
    if (/^✓ Policy set always denies: VERIFIED$/m.test(output)) return { property, of, holds: true };
    const [, found] = /DOES NOT HOLD\s+(?:Counterexample found:\s+)?([^]*)$/.exec(output) ?? [];
    if (found === undefined) throw new CountersignError('config-invalid', `The analysis gave no answer about "${property}" for ${of}: ${trouble}`);
    return { property, of, holds: false, counterexample: brief(found) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The request and the entities with attributes; actions and empty entities say nothing. */
function brief(found: string): string {
  return found
    .trimEnd()
    .split('\n')
    .filter((line) => !/^\s*\w+::"[^"]*",$/.test(line))
    .join('\n');
}

/** True when the Cedar CLI with analysis and a solver are on PATH. */
export async function toolsAreThere(): Promise<boolean> {
  const [analysis, solver] = await Promise.all([run('cedar', ['symcc', '--help']), run('cvc5', ['--version'])]);
  return analysis.output.includes('always-denies') && solver.output !== '';
}

function run(command: string, args: readonly string[]): Promise<{ readonly output: string; readonly trouble: string }> {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: timeoutMs, maxBuffer: 16_777_216 }, (error, stdout, stderr) =>
      resolve({ output: stdout, trouble: (stderr.trim() || error?.message || 'no output').split('\n')[0] ?? '' }),
    );
  });
}
