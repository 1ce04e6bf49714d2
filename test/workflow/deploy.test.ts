import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, type WorkflowBundle } from '@temporalio/worker';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureConverterPath } from '../../codec/data-converter.js';
import { startMemoryTemporal } from '../../scripts/lib/testing.mjs';
import { currentBuild, deploymentOptions, promote, replayOpenActions } from '../../worker/deployment.js';
import { RecordingConnector } from '../helpers/fakes.js';
import { testConverter } from '../helpers/encryption.js';
import { policiesWith } from '../helpers/policies.js';
import { Rig, workflowBundle } from '../helpers/rig.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const log = pino({ level: 'silent' });
const silent = { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error: console.error };
const beforeExecution = "  if (state.status === 'executing') finishExecution(";
const beforeOpening = '    state.opened = await local.open(';

/** The workflows with one more step in front of the given line. */
async function changedBundle(line: string, step: string, folder: string): Promise<WorkflowBundle> {
  for (const part of ['workflows', 'domain', 'activities', 'policy', 'config', 'directory'])
    cpSync(path.join(root, part), path.join(folder, part), { recursive: true });
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
  writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
  const file = path.join(folder, 'workflows/action.ts');
  const source = readFileSync(file, 'utf8');
  if (!source.includes(line)) throw new Error('the workflow has changed; tell this test where the line is now');
  writeFileSync(file, source.replace(line, `  ${step}\n${line}`).replace('import {', 'import { patched as isPatched,'));
  return bundleWorkflowCode({ failureConverterPath, workflowsPath: path.join(folder, 'workflows/index.ts'), logger: silent });
}

describe('deploying another build while actions are pending', () => {
  let server: Awaited<ReturnType<typeof startMemoryTemporal>>;
  const folders: string[] = [];
  const folder = () => {
    const made = mkdtempSync(path.join(os.tmpdir(), 'countersign-build-'));
    folders.push(made);
    return made;
  };
  beforeAll(async () => {
    server = await startMemoryTemporal();
  });
  afterAll(async () => {
    await server.stop();
    for (const made of folders) rmSync(made, { recursive: true, force: true });
  });

  it('loses none of ten pending actions, and refuses a build that cannot go on with them', async () => {
    const connector = new RecordingConnector();
    const first = { bundle: await workflowBundle(), options: deploymentOptions('build-1') };
    const policies = policiesWith('\n  one:\n    stages: [{ name: One, approvers: { groups: [g-data-owners] }, expires_in: 72h }]\n');
    const rig = await Rig.start({ address: server.address, policies, connectors: [connector], build: first });
    try {
      await promote(rig.client, 'default', 'build-1', log);
      expect(await currentBuild(rig.client, 'default')).toBe('build-1');
      const views = await Promise.all(
        Array.from({ length: 10 }, () => rig.submit(rig.request({ action: 'postgres.export', resource: { type: 'Table', id: 'crm/public.one' } }))),
      );
      expect(views.map((view) => view.status)).toEqual(Array(10).fill('pending'));

      // A step in front of everything: what is pending has not taken it, so its history does not fit.
      const careless = await changedBundle(
        beforeOpening,
        "await local.seal({ actionId: 'x', key: 'x', kind: 'closed', atMs: 0, status: 'denied' });",
        folder(),
      );
      const carelessFile = path.join(folder(), 'careless.js');
      writeFileSync(carelessFile, careless.code);
      await expect(replayOpenActions(rig.client, 'default', { codePath: carelessFile, buildId: 'build-careless' }, testConverter(), log)).rejects.toThrow(
        /cannot go on with the open action/,
      );

      const patchedFile = path.join(folder(), 'patched.js');
      const careful = await changedBundle(
        beforeExecution,
        "if (state.status === 'executing' && isPatched('second-look')) state.tell(Date.now(), 'notified', 'The new build took over.');",
        folder(),
      );
      writeFileSync(patchedFile, careful.code);
      await replayOpenActions(rig.client, 'default', { codePath: patchedFile, buildId: 'build-2' }, testConverter(), log);
      await rig.deploy({ bundle: careful, options: deploymentOptions('build-2') });
      await promote(rig.client, 'default', 'build-2', log);
      expect(await currentBuild(rig.client, 'default')).toBe('build-2');

      for (const view of views) expect((await rig.decide(view, { by: 'bob' })).accepted).toBe(true);
      const results = await Promise.all(views.map((view) => rig.handle(view.id).result()));
      expect(results.map((result) => result.status)).toEqual(Array(10).fill('executed'));
      expect(connector.ran.length).toBe(10);
      for (const view of views) expect((await rig.view(view.id)).story.map((event) => event.text)).toContain('The new build took over.');
    } finally {
      await rig.stop();
    }
  });
});
