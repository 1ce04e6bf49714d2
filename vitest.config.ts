import { defineConfig } from 'vitest/config';

// Kinds of tests, by what they need: nothing; http on loopback; a Temporal server; whole processes. Fuzzing has a kind of its own.
const shared = { environment: 'node', restoreMocks: true, unstubEnvs: true } as const;
const fuzzSeed = (process.env['COUNTERSIGN_FUZZ_SEED'] ??= String(Date.now() % 2_147_483_647));
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    reporters: ['default'],
    projects: [
      { test: { ...shared, name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 20_000 } },
      { test: { ...shared, name: 'api', include: ['test/api/**/*.test.ts'], testTimeout: 30_000, hookTimeout: 60_000 } },
      {
        test: {
          ...shared,
          name: 'fuzz',
          include: ['test/fuzz/**/*.test.ts'],
          testTimeout: 120_000 + Number(process.env['COUNTERSIGN_FUZZ_MINUTES'] ?? '0') * 60_000,
          fileParallelism: false,
          // One seed for all files, new each time; the setup prints it.
          env: { COUNTERSIGN_FUZZ_SEED: fuzzSeed },
          globalSetup: ['test/fuzz/setup.ts'],
        },
      },
      {
        test: {
          ...shared,
          name: 'workflow',
          include: ['test/workflow/**/*.test.ts', 'test/replay/**/*.test.ts'],
          testTimeout: 90_000,
          hookTimeout: 120_000,
          setupFiles: ['test/helpers/quiet.ts'],
          globalSetup: ['test/helpers/temporal-setup.ts'],
        },
      },
      {
        test: {
          ...shared,
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts', 'test/attacks/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          setupFiles: ['test/helpers/quiet.ts'],
          globalSetup: ['test/helpers/build-setup.ts'],
        },
      },
    ],
  },
});
