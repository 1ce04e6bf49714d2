import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseAgents } from '../../../directory/agents.js';
import { blocks, root } from '../../e2e/docs/documents.js';
import { configWith } from '../../helpers/directory/open.js';

const examples = blocks(readFileSync(path.join(root, 'docs/directories.md'), 'utf8')).filter(({ language }) => language === 'yaml');

describe('the examples of docs/directories.md', () => {
  it('show every provider', () => {
    const text = examples.map(({ code }) => code).join('\n');
    for (const provider of ['okta:', 'entra:', 'google:', 'scim:']) expect(text).toContain(provider);
  });

  it.each(examples)('line $line is taken as it stands', ({ code }) => {
    const { directory, agents } = parse(code) as { readonly directory?: object; readonly agents?: readonly object[] };
    if (directory === undefined) expect(parseAgents('agents.yaml', code).agents).toHaveLength(agents?.length ?? 0);
    else configWith(directory).remove();
  });
});

describe('the examples of docs/identity.md', () => {
  const presets = blocks(readFileSync(path.join(root, 'docs/identity.md'), 'utf8')).filter(({ language }) => language === 'yaml');

  it('show every preset', () => expect(presets.map(({ code }) => /provider: (\w+)/.exec(code)?.[1])).toEqual(['okta', 'entra', 'google']));

  it.each(presets)('line $line is taken as it stands', ({ code }) => {
    const { identity } = parse(code) as { readonly identity: object };
    const config = configWith({ scim: { url: 'https://s.example', secretEnv: 'S', issuers: ['https://i.example'] } }, [], identity);
    config.remove();
    expect(config.identity.login.clientSecretEnv).toBe('COUNTERSIGN_OIDC_CLIENT_SECRET');
    expect(config.identity.issuers).toHaveLength(1);
  });
});
