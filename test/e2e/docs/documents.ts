import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../../', import.meta.url));

/** A document by its path from the root of the repository. */
export type Document = { readonly name: string; readonly text: string };

/** A fenced block, its language, the line it starts on, and the texts that the comment above it expects in its output. */
export type Block = { readonly language: string; readonly line: number; readonly code: string; readonly expect: readonly string[] };

const passedOver = new Set(['node_modules', 'dist', 'coverage', 'test-results', 'testdata']);

/** Every Markdown file that people read. */
export function documents(folder = ''): readonly Document[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = path.posix.join(folder, entry.name);
    if (entry.isDirectory()) return entry.name.startsWith('.') || passedOver.has(entry.name) ? [] : documents(name);
    return entry.name.endsWith('.md') ? [{ name, text: readFileSync(path.join(root, name), 'utf8') }] : [];
  });
}

/** The documents whose `sh` blocks work as they stand: README, docs and policies. */
export function runnableDocuments(): readonly Document[] {
  return documents().filter(({ name }) => name === 'README.md' || name.startsWith('docs/') || name.startsWith('policies/'));
}

/** The fenced blocks of a document. `<!-- expect: one | two -->` before a block names what it prints. */
export function blocks(text: string): readonly Block[] {
  const found: Block[] = [];
  let expect: readonly string[] = [];
  let open: { indent: string; language: string; line: number; code: string[] } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^(\s*)```(\S*)/.exec(line);
    if (open === undefined) {
      const comment = /^<!-- expect: (.+) -->$/.exec(line.trim());
      if (comment !== null) expect = (comment[1] ?? '').split(' | ');
      else if (fence !== null) open = { indent: fence[1] ?? '', language: fence[2] ?? '', line: index + 1, code: [] };
      else if (line.trim() !== '') expect = [];
    } else if (fence !== null) {
      found.push({ language: open.language, line: open.line, code: open.code.join('\n'), expect });
      [open, expect] = [undefined, []];
    } else open.code.push(line.slice(open.indent.length));
  }
  if (open !== undefined) throw new Error(`the block of line ${open.line} does not end`);
  return found;
}
