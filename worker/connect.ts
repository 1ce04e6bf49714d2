import { NativeConnection } from '@temporalio/worker';
import type { LoadedConfig } from '../config/load.js';
import { temporalConnection } from '../config/temporal.js';
import { explainTemporal } from '../config/temporal-trouble.js';

/** Connects a worker to Temporal. Throws `temporal-unavailable` with one line that says what to change. */
export async function connectTemporal(config: LoadedConfig): Promise<NativeConnection> {
  const options = temporalConnection(config);
  try {
    return await NativeConnection.connect(options);
  } catch (error) {
    throw await explainTemporal(config, error);
  }
}
