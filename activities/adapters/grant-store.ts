import { grantsPlace } from '../../config/grants.js';
import type { GrantStore } from '../ports.js';
import { openPostgresGrantStore } from './grant-store-postgres.js';
import { openGrantStore } from './grant-store-sqlite.js';

/** Opens the store of consumed grants that the configuration names. Throws `config-invalid` and `grants-unavailable`. */
export async function openGrants(config: Parameters<typeof grantsPlace>[0]): Promise<GrantStore> {
  const place = grantsPlace(config);
  return place.kind === 'file' ? openGrantStore(place.file) : openPostgresGrantStore(place.url);
}
