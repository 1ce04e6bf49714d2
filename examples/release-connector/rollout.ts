import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isCurrent, PermitError, verifyPermit, type Permit } from './permit.js';
import { UsedPermits, type Outcome } from './used-permits.js';

export type Settings = {
  readonly jwksFile: string;
  readonly stateFolder: string;
  readonly taskQueue: string;
  readonly heartbeat: (progress: unknown) => void;
};

/**
 * Rolls out a release, once a permit. Throws `PermitError` when the permit does not hold: then nothing was done.
 * A permit that comes a second time is answered with what the first time led to; nothing is rolled out again.
 */
export async function rollOut(input: unknown, settings: Settings): Promise<Outcome> {
  const permit = await verifyPermit((input as { permit?: unknown } | null)?.permit, settings.jwksFile, {
    audience: settings.taskQueue,
    action: 'release.rollout',
  });
  const used = new UsedPermits(path.join(settings.stateFolder, 'permits'));
  const before = await used.known(permit.jti);
  if (before !== undefined) return answerAgain(before, permit);
  if (!isCurrent(permit, Date.now() / 1000)) throw new PermitError('not in time');
  const order = readOrder(permit);
  // Two workers may get the same permit at the same moment: only one gets past this line.
  const lost = await used.use(permit.jti, permit.actionDigest);
  if (lost !== undefined) return answerAgain(lost, permit);

  const outcome = await perform(order, permit, settings);
  await used.finish(permit.jti, permit.actionDigest, outcome);
  return outcome;
}

function answerAgain(before: { readonly actionDigest: string; readonly outcome?: Outcome }, permit: Permit): Outcome {
  if (before.outcome !== undefined && before.actionDigest === permit.actionDigest) return before.outcome;
  return {
    status: 'unknown',
    detail: 'The permit was used before, and how that ended is not known; nothing was done again.',
    check: `Look at the rollout of ${permit.resource.id} for action ${permit.actionId}.`,
    finishedAt: new Date().toISOString(),
  };
}

type Order = { readonly service: string; readonly version: string; readonly percent: number };

// The schema in connector.json was checked before; an activity that changes production checks again.
function readOrder({ resource, parameters }: Permit): Order {
  const service = resource.type === 'Service' ? /^acme\/([a-z][a-z0-9-]{0,40})$/.exec(resource.id)?.[1] : undefined;
  const { version, percent } = parameters;
  if (service === undefined) throw new PermitError('for a resource that is not a service of Acme');
  if (
    typeof version !== 'string' ||
    !/^\d{1,5}\.\d{1,5}\.\d{1,5}$/.test(version) ||
    typeof percent !== 'number' ||
    !Number.isInteger(percent) ||
    percent < 1 ||
    percent > 100
  )
    throw new PermitError('with parameters that make no sense');
  return { service, version, percent };
}

// Stands for what your own system does; here a release is a line in a file.
async function perform({ service, version, percent }: Order, permit: Permit, settings: Settings): Promise<Outcome> {
  const startedAt = new Date().toISOString();
  const instances = Math.ceil(percent / 10);
  for (let done = 1; done <= instances; done += 1) settings.heartbeat({ service, done, of: instances });
  const folder = path.join(settings.stateFolder, 'releases');
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, `${service}.json`);
  await writeFile(`${file}.new`, JSON.stringify({ service, version, percent, action: permit.actionId, approvedBy: permit.approvedBy.map(({ id }) => id) }));
  await rename(`${file}.new`, file);
  return {
    status: 'succeeded',
    startedAt,
    finishedAt: new Date().toISOString(),
    facts: [
      { label: 'Service', value: service },
      { label: 'Version', value: version },
      { label: 'Instances', value: `${instances} of 10` },
    ],
  };
}
