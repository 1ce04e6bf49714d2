import { makeBuilt } from '../../scripts/lib/testing.mjs';

/** Brings `dist/` up to date once, before tests that start processes. */
export async function setup(): Promise<void> {
  await makeBuilt();
}
