/** Something that is wrong with a policy folder, or looks as if it were, with where it stands. */
export type Finding = {
  readonly severity: 'error' | 'warning';
  readonly code: FindingCode;
  readonly file: string;
  readonly line: number;
  readonly message: string;
};

/** What a finding is about; stable, for those who filter the output. */
export type FindingCode =
  | 'invalid'
  | 'syntax'
  | 'schema'
  | 'unknown-group'
  | 'unknown-person'
  | 'unknown-agent'
  | 'unknown-route'
  | 'unused-route'
  | 'unsatisfiable-route'
  | 'unreachable-rule'
  | 'unoffered-action'
  | 'unseen-parameter'
  | 'unknown-mask';

/** One line as compilers write it, which editors and CI make a link of. */
export function formatFinding({ severity, code, file, line, message }: Finding): string {
  return `${file}:${line}: ${severity}: ${message} [${code}]`;
}

/** By file and line; errors before warnings on the same line. */
export function inOrder(findings: readonly Finding[]): readonly Finding[] {
  return [...findings].sort((a, b) => compare(a.file, b.file) || a.line - b.line || compare(a.severity, b.severity) || compare(a.message, b.message));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
