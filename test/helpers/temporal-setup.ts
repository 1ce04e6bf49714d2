import type { TestProject } from 'vitest/node';
import { startMemoryTemporal } from '../../scripts/lib/testing.mjs';

declare module 'vitest' {
  interface ProvidedContext {
    /** Address of the Temporal server that all workflow tests share; use task queues and ids of your own. */
    temporalAddress: string;
    /** The Temporal CLI, for tests that need a server of their own. */
    temporalBinary: string;
  }
}

/** Starts one Temporal server for all workflow tests. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const temporal = await startMemoryTemporal();
  project.provide('temporalAddress', temporal.address);
  project.provide('temporalBinary', temporal.binary);
  return () => temporal.stop();
}
