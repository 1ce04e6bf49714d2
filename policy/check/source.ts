import path from 'node:path';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import type { PolicyFile } from '../bundle.js';
import type { Finding } from './finding.js';

/** One policy as it was written: where it stands, its text and what was parsed of it. */
export type SourcePolicy = {
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  /** The route that it asks for. */
  readonly review?: string;
  /** Parameters that it hides from approvers, as it was written. */
  readonly mask?: string;
  readonly file: string;
  readonly line: number;
  readonly text: string;
  readonly json: cedar.PolicyJson;
};

/** Every policy of the files in order, and what could not be read. Policies without an id are named by file and line. */
export function readSource(
  files: readonly PolicyFile[],
  directory: string,
): { readonly policies: readonly SourcePolicy[]; readonly findings: readonly Finding[] } {
  const policies: SourcePolicy[] = [];
  const findings: Finding[] = [];
  for (const { name, text } of files.filter((given) => given.name.endsWith('.cedar'))) {
    const file = path.join(directory, name);
    const parts = cedar.policySetTextToParts(text);
    if (parts.type === 'failure') {
      const [error] = parts.errors;
      const line = lineAt(text, error?.sourceLocations?.[0]?.start ?? 0);
      findings.push({ severity: 'error', code: 'syntax', file, line, message: `${error?.message ?? 'This is not Cedar'}.` });
      continue;
    }
    // The texts are slices of the file in its order; two policies may read the same.
    let from = 0;
    for (const policyText of parts.policies) {
      const at = Math.max(0, text.indexOf(policyText, from));
      from = at + policyText.length;
      const line = text.slice(0, at).split('\n').length;
      const parsed = cedar.policyToJson(policyText);
      if (parsed.type === 'failure') {
        findings.push({ severity: 'error', code: 'syntax', file, line, message: `${parsed.errors[0]?.message ?? 'This is no policy'}.` });
        continue;
      }
      const { id, review, mask } = parsed.json.annotations ?? {};
      policies.push({
        id: id ?? `${name}:${line}`,
        effect: parsed.json.effect,
        ...(typeof review !== 'string' ? {} : { review }),
        ...(typeof mask !== 'string' ? {} : { mask }),
        file,
        line,
        text: policyText,
        json: parsed.json,
      });
    }
  }
  return { policies, findings };
}

/** The line of the file on which a byte of the policy's text stands. The engine counts UTF-8 bytes. */
export function lineWithin(policy: SourcePolicy, byte: number): number {
  return policy.line + lineAt(policy.text, byte) - 1;
}

/** The line of the file on which a text of the policy stands first; that of the policy if it stands nowhere as it is. */
export function lineOfText(policy: SourcePolicy, text: string): number {
  const at = policy.text.indexOf(text);
  return at < 0 ? policy.line : policy.line + policy.text.slice(0, at).split('\n').length - 1;
}

/** Comments and annotations of a policy, before its effect. */
const head = /^((?:\s|\/\/.*\n|@\w+(?:\s*\(\s*"(?:[^"\\]|\\.)*"\s*\))?)*)(?:permit|forbid)/;

/** The policy as it was written, with this effect. */
export function withEffect(text: string, effect: 'permit' | 'forbid'): string {
  return text.replace(head, `$1${effect}`);
}

function lineAt(text: string, byte: number): number {
  return Buffer.from(text).subarray(0, byte).toString().split('\n').length;
}
