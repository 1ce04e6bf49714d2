import { Command } from 'commander';
import { policyCommand } from '../../cli/policy.js';

/** What `countersign policy …` prints, with its exit code, run in this process. */
export async function runPolicy(...args: readonly string[]): Promise<{ readonly code: number; readonly output: string }> {
  const write = process.stdout.write.bind(process.stdout);
  let output = '';
  process.stdout.write = (chunk: string | Uint8Array) => {
    output += String(chunk);
    return true;
  };
  const before = process.exitCode;
  process.exitCode = 0;
  try {
    await new Command('countersign')
      .exitOverride()
      .addCommand(policyCommand())
      .parseAsync(['policy', ...args], { from: 'user' });
    return { code: process.exitCode, output };
  } finally {
    process.exitCode = before;
    process.stdout.write = write;
  }
}
