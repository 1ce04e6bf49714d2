import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { grantsPlace, providerKeysFile } from '../../../config/grants.js';

type Given = Parameters<typeof grantsPlace>[0];
const config = (executor: Given['executor'], environment: Given['environment'] = 'production'): Given => ({
  environment,
  executor,
  resolve: (name) => path.resolve('/etc/countersign', name),
});
const postgres = { postgres: { urlEnv: 'GRANTS_URL' } };
const providers: NonNullable<Given['executor']['providers']> = [{ issuer: 'https://idp.example', audience: 'inbox', algorithms: ['RS256'], jwksFile: 'keys' }];

describe('where consumed grants are kept', () => {
  it('is a file beside the configuration', () => {
    expect(grantsPlace(config({ grants: 'grants.sqlite' }))).toEqual({ kind: 'file', file: '/etc/countersign/grants.sqlite' });
  });

  it.each([
    ['postgres://e:p@db.internal/grants?sslmode=verify-full', 'production'],
    ['postgresql://e:p@db.internal/grants?sslmode=verify-ca', 'production'],
    ['postgres://e:p@127.0.0.1:5432/grants', 'production'],
    ['postgres://e:p@db.internal/grants', 'development'],
  ] as const)('is the database %s in %s', (url, environment) => {
    vi.stubEnv('GRANTS_URL', url);
    expect(grantsPlace(config({ grants: postgres }, environment))).toEqual({ kind: 'postgres', url });
  });

  it.each(['postgres://e:secret@db.internal/grants', 'postgres://e:secret@db.internal/grants?sslmode=require', 'mysql://e:secret@127.0.0.1/x', 'secret'])(
    'is not %s, and the refusal names the variable and not its value',
    (url) => {
      vi.stubEnv('GRANTS_URL', url);
      expect(() => grantsPlace(config({ grants: postgres }))).toThrow(
        expect.objectContaining({ code: 'config-invalid', detail: expect.stringMatching(/^GRANTS_URL (?!.*secret)/) }),
      );
    },
  );

  it('has a file beside it for keys of providers that have rotated', () => {
    expect(providerKeysFile(config({ grants: 'grants.sqlite', providers }))).toBe('/etc/countersign/grants.sqlite');
    expect(providerKeysFile(config({ grants: postgres, providerKeys: 'keys.sqlite', providers }))).toBe('/etc/countersign/keys.sqlite');
    expect(providerKeysFile(config({ grants: postgres }))).toBeUndefined();
    expect(() => providerKeysFile(config({ grants: postgres, providers }))).toThrow(/executor.providerKeys is missing/);
  });
});
