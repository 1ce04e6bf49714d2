import { openPostgresGrantStore } from '../../../activities/adapters/grant-store-postgres.js';
import { openGrantStore } from '../../../activities/adapters/grant-store-sqlite.js';

// Begins a hundred grants in a row and tells which it won; with `die` it kills itself right after the first.
const [, , file = '', mode] = process.argv;
const store = file.startsWith('postgres:') ? await openPostgresGrantStore(file) : openGrantStore(file);
process.once('message', () => {
  void (async () => {
    const won: string[] = [];
    for (let index = 0; index < 100; index += 1) {
      const actionId = `act_${index}`;
      const { first } = await store.begin({ actionId, actionDigest: `sha256:${'1'.repeat(64)}`, at: '2026-04-01T00:00:00.000Z' });
      if (mode === 'die') process.kill(process.pid, 'SIGKILL');
      if (first) won.push(actionId);
    }
    process.send?.(won, () => process.exit(0));
  })();
});
process.send?.([]);
