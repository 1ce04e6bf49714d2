import path from 'node:path';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { LoadedConfig } from '../../../config/load.js';
import { openPolicy } from '../../../worker/policy.js';

const config = (environment: string, executor: object) =>
  ({ file: '/etc/countersign.yaml', environment, executor, resolve: (relative: string) => path.resolve('/nowhere', relative) }) as unknown as LoadedConfig;
const silent = pino({ level: 'silent' });

describe('an executor without signed policy', () => {
  it.each(['production', 'development'])('does not start in %s, and says what is missing', async (environment) =>
    expect(openPolicy(config(environment, {}), silent)).rejects.toMatchObject({
      code: 'config-invalid',
      detail: expect.stringMatching(/countersign\.yaml: "executor\.policy" is missing.*countersign policy sign/),
    }),
  );
  it('does not start when the files it names are not there', async () =>
    expect(openPolicy(config('production', { policy: { bundle: 'policy.bundle.jws', authorsKeys: 'authors.jwks.json' } }), silent)).rejects.toMatchObject({
      code: 'config-invalid',
      detail: expect.stringContaining('/nowhere/authors.jwks.json'),
    }));
});
