import { mkdtempSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createKeys, type KeyFolder } from '../../cli/keys-store.js';
import type { LoadedConfig } from '../../config/load.js';

/** A folder of its own with fresh keys of every role, as `countersign keys create` makes it. */
export async function keyFolder(nowSeconds = Math.floor(Date.now() / 1000)): Promise<KeyFolder> {
  const folder = { directory: path.join(mkdtempSync(path.join(os.tmpdir(), 'countersign-keys-')), 'keys'), now: nowSeconds };
  await createKeys(folder);
  return folder;
}

/** As much of a configuration as opening keys needs. */
export function keyConfig(
  directory: string,
  change: Partial<LoadedConfig['keys']> = {},
  environment: LoadedConfig['environment'] = 'production',
): LoadedConfig {
  return { environment, keys: { directory, ...change }, file: 'countersign.yaml', resolve: (name: string) => path.resolve(name) } as LoadedConfig;
}
