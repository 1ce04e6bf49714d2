import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { signalPoints } from '../../../domain/risk/rules.js';
import { compilePolicies } from '../../../policy/bundle.js';
import { blocks, root } from '../../e2e/docs/documents.js';

const text = readFileSync(path.join(root, 'docs/policy.md'), 'utf8');
const file = (name: string) => ({ name, text: readFileSync(path.join(root, 'policies', name), 'utf8') });
const anyone = { name: 'any.cedar', text: '@id("any")\npermit (principal, action, resource);' };

describe('docs/policy.md', () => {
  it.each(blocks(text).filter(({ language }) => language === 'cedar'))('its Cedar of line $line compiles', ({ code }) => {
    const folder = [file('schema.cedarschema'), file('routes.yaml'), { name: 'page.cedar', text: code }];
    expect(compilePolicies(folder, 'page').policies.size).toBeGreaterThan(0);
  });
  it.each(blocks(text).filter(({ language, code }) => language === 'yaml' && code.startsWith('routes:')))('its routes of line $line compile', ({ code }) => {
    expect(compilePolicies([file('schema.cedarschema'), anyone, { name: 'routes.yaml', text: code }], 'page').routes.size).toBe(1);
  });
  it('has every signal of risk with its points', () => {
    const rows = [...text.matchAll(/^\| `([a-z-]+)` +\| (\d+) +\|/gm)].map((match) => [match[1], Number(match[2])]);
    expect(rows).toEqual(Object.entries(signalPoints));
  });
});
