import { existsSync, writeFileSync } from 'node:fs';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { startMemoryTemporal } from '../../scripts/lib/testing.mjs';
import { runScenarios } from './scenarios.js';

// Records one history per way through the workflow, for this release. Files are added, never edited: a history that
// no longer replays means that actions pending in the field would break.
const release = process.argv[2];
if (release === undefined) throw new Error('usage: npx tsx test/replay/record.ts <release>');
const server = await startMemoryTemporal();
try {
  const scenarios = await runScenarios(server.address);
  for (const [name, { rig, id }] of scenarios) {
    const file = new URL(`histories/${name}_${release}.json`, import.meta.url);
    if (existsSync(file)) continue;
    writeFileSync(file, `${historyToJSON(await rig.handle(id).fetchHistory())}\n`);
    process.stdout.write(`recorded ${name}\n`);
  }
  for (const rig of new Set([...scenarios.values()].map((scenario) => scenario.rig))) await rig.stop();
} finally {
  await server.stop();
}
