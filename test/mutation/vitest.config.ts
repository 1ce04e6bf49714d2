import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// The tests that a mutant of the verification code has to get past: quick ones, without Temporal or http.
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    environment: 'node',
    restoreMocks: true,
    include: ['test/unit/domain/**/*.test.ts', 'test/unit/connectors/permit.test.ts'],
    testTimeout: 20_000,
  },
});
