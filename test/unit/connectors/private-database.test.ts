import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createSqliteEvidenceLog } from '../../../activities/adapters/evidence/sqlite.js';
import { openGrantStore } from '../../../activities/adapters/grant-store-sqlite.js';

describe('attack: another account of the machine reads grants and evidence', () => {
  it('finds files, also those beside them, that are for their owner alone whatever the umask is', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'countersign-private-'));
    // As an earlier release under a wide umask would have left it.
    writeFileSync(path.join(folder, 'evidence.sqlite'), '', { mode: 0o644 });
    const grants = openGrantStore(path.join(folder, 'grants.sqlite'));
    const evidence = createSqliteEvidenceLog(path.join(folder, 'evidence.sqlite'));
    try {
      await grants.begin({ actionId: 'act_a', actionDigest: `sha256:${'1'.repeat(64)}`, at: '2026-04-01T00:00:00.000Z' });
      await evidence.append({ actionId: 'act_a', key: 'opened', kind: 'opened', at: '2026-04-01T00:00:00.000Z', body: {} });
      const modes = readdirSync(folder).map((name) => [name, statSync(path.join(folder, name)).mode & 0o777]);
      expect(modes.length).toBe(7);
      expect(modes.filter(([, mode]) => mode !== 0o600)).toEqual([]);
    } finally {
      await grants.close();
      await evidence.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
