import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';
import { failureConverterPath } from '../codec/data-converter.js';

// Bundled when the project is built: a worker then starts in a second, and every worker of a build runs the same code.
const entry = fileURLToPath(new URL('../workflows/index.js', import.meta.url));
const { code } = await bundleWorkflowCode({
  workflowsPath: entry,
  preloadModules: [fileURLToPath(new URL('../workflows/sandbox.js', import.meta.url))],
  failureConverterPath,
  logger: { log: () => undefined, trace: () => undefined, debug: () => undefined, info: () => undefined, warn: () => undefined, error: console.error },
});
writeFileSync(new URL('../workflow-bundle.js', import.meta.url), code);
const digest = createHash('sha256').update(code).digest('hex').slice(0, 16);
writeFileSync(new URL('../workflow-bundle.json', import.meta.url), `${JSON.stringify({ buildId: digest })}\n`);
process.stdout.write(`workflow bundle ${digest}, ${Math.round(code.length / 1024)} KB\n`);
