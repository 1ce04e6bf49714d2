import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorCodes, isErrorCode } from '../../../domain/errors.js';
import { blocks, documents, root, runnableDocuments } from '../../e2e/docs/documents.js';

const all = documents();
const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };

/** The document without fenced blocks and comments, whose contents are no links. */
const prose = (text: string) => text.replaceAll(/^\s*```[^]*?^\s*```/gm, '').replaceAll(/<!--[^]*?-->/g, '');

/** The anchors of a document as GitHub makes them: of headings, and those that stand there by name. */
function anchors(text: string): ReadonlySet<string> {
  const headings = [...prose(text).matchAll(/^#{1,6} (.+)$/gm)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
  return new Set([...headings, ...[...text.matchAll(/<a id="([^"]+)">/g)].map((match) => match[1] ?? '')]);
}

function targets(text: string): readonly string[] {
  const links = [...text.matchAll(/\]\(([^)\s]+)[^)]*\)/g), ...text.matchAll(/\b(?:src|srcset|href)="([^"\s]+)"/g)];
  return links.map((match) => match[1] ?? '').filter((target) => !/^[a-z][a-z+.-]*:/i.test(target));
}

describe('documents', () => {
  it('are found', () => {
    expect(all.map(({ name }) => name)).toEqual(expect.arrayContaining(['README.md', 'docs/README.md', 'docs/architecture.md', 'policies/README.md']));
  });

  it.each(all)('$name: every link and image leads somewhere', ({ name, text }) => {
    const broken = targets(prose(text)).filter((target) => {
      const [file = '', anchor] = target.split('#');
      const found = file === '' ? path.join(root, name) : path.join(root, path.dirname(name), decodeURIComponent(file));
      if (!existsSync(found)) return true;
      return anchor !== undefined && statSync(found).isFile() && found.endsWith('.md') && !anchors(readFileSync(found, 'utf8')).has(anchor);
    });
    expect(broken).toEqual([]);
  });

  it.each(all)('$name: every npm script exists', ({ text }) => {
    const named = [...text.matchAll(/\bnpm (?:run (?:--?[a-z-]+ )*)([a-z][a-z:-]*)/g)].map((match) => match[1] ?? '');
    expect(named.filter((script) => !Object.hasOwn(scripts, script))).toEqual([]);
  });

  it.each(all)('$name: every error code exists', ({ text }) => {
    const families = new Set(Object.keys(errorCodes).map((code) => code.slice(0, code.indexOf('-') + 1)));
    const codes = [...text.matchAll(/`([a-z]+(?:-[a-z]+)+)`/g), ...text.matchAll(/errors(?:\.md#|\/)([a-z]+(?:-[a-z]+)+)/g)].map((match) => match[1] ?? '');
    const looksLikeOne = (word: string) => families.has(word.slice(0, word.indexOf('-') + 1));
    expect(codes.filter((word) => looksLikeOne(word) && !isErrorCode(word))).toEqual([]);
  });

  it.each(runnableDocuments())('$name: its commands are marked as ones that are run, or as ones that are only shown', ({ name, text }) => {
    for (const { language, line, expect: printed } of blocks(text)) {
      expect(['bash', 'shell', 'zsh'], `${name}:${line}`).not.toContain(language);
      if (language === 'sh') expect(printed.length, `${name}:${line} has a comment that says what it prints`).toBeGreaterThan(0);
    }
  });
});
