import { existsSync } from 'node:fs';
import { loadConfig, type LoadedConfig } from '../config/load.js';

/**
 * The configuration that a command works with: the named one, that of COUNTERSIGN_CONFIG, `countersign.yaml` here, or the one that
 * `npm start` wrote. Only commands look for the last: a process must not take up a development configuration by chance. Throws `config-invalid`.
 */
export function configOf(file?: string): LoadedConfig {
  const named = file ?? process.env['COUNTERSIGN_CONFIG'];
  if (named !== undefined && named !== '') return loadConfig(named);
  return loadConfig(['countersign.yaml', '.countersign/countersign.yaml'].find((one) => existsSync(one)) ?? 'countersign.yaml');
}
