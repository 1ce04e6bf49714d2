import { describe, expect, it, vi } from 'vitest';
import { createConnectors } from '../../../activities/adapters/connectors/index.js';
import type { LoadedConfig } from '../../../config/load.js';

const config = (connectors: readonly string[], targets: object): LoadedConfig =>
  ({
    executor: { grants: 'grants.db', exports: 'exports', connectors, targets },
    resolve: (relative: string) => `/srv/${relative}`,
  }) as unknown as LoadedConfig;
const targets = {
  crm: { kind: 'postgres', urlEnv: 'CRM_URL', maxRows: 10 },
  shop: { kind: 'http', baseUrl: 'https://shop.example', methods: ['GET'], signingSecretEnv: 'SHOP_SECRET' },
};

describe('createConnectors', () => {
  it('makes the connectors that the configuration names and no others', () => {
    vi.stubEnv('CRM_URL', 'postgres://127.0.0.1/crm');
    vi.stubEnv('SHOP_SECRET', 'secret');
    expect(createConnectors(config(['postgres.export', 'http.request', 'release.rollout'], targets)).map(({ definition }) => definition.name)).toEqual([
      'postgres.export',
      'http.request',
    ]);
    expect(createConnectors(config([], targets))).toEqual([]);
  });

  it('names the variable of a missing secret, and the target of a bad address', () => {
    vi.stubEnv('CRM_URL', '');
    expect(() => createConnectors(config(['postgres.export'], targets))).toThrow(
      expect.objectContaining({ code: 'config-invalid', detail: expect.stringContaining('CRM_URL') }),
    );
    expect(() =>
      createConnectors(config(['http.request'], { shop: { kind: 'http', baseUrl: 'https://user:hunter2@shop.example', methods: ['GET'] } })),
    ).toThrow(expect.objectContaining({ code: 'config-invalid', detail: expect.stringMatching(/^(?!.*hunter2).*targets\.shop/) }));
  });
});
