import type { Logger } from 'pino';
import type { LoadedConfig } from '../config/load.js';
import { CountersignError } from '../domain/errors.js';
import type { PolicyBundle } from '../policy/bundle.js';
import { PolicyFolder } from '../policy/folder-in-force.js';
import { PolicyInForce } from '../policy/in-force.js';

// A replaced bundle is taken up within this time, and a bad one is told of again and again.
const lookEveryMs = 10_000;
// Two looks in a row have to find the same files of a folder.
const lookAtFolderEveryMs = 5_000;

/**
 * The signed policy of an executor, kept up to date with its files. Throws `config-invalid` without one, in every
 * environment: an executor that judges by nothing would believe the worker.
 */
export async function openPolicy(config: LoadedConfig, log: Logger): Promise<{ readonly bundle: () => PolicyBundle; close(): void }> {
  const named = config.executor.policy;
  if (named === undefined)
    throw new CountersignError(
      'config-invalid',
      `${config.file}: "executor.policy" is missing. Sign the policies with "countersign policy sign" and name the bundle and the public keys of its authors; an executor that cannot judge a plan by itself does not start.`,
    );
  const files = { bundle: config.resolve(named.bundle), authorsKeys: config.resolve(named.authorsKeys) };
  const inForce = await PolicyInForce.open(
    files,
    () => new Date(),
    (news) => {
      if (news.kind === 'in-force') log.info(news, 'this signed policy is in force');
      else log.error({ code: 'config-invalid', ...news }, 'a new policy was refused; the one before stays in force, if there is one');
    },
  );
  const timer = setInterval(() => void inForce.refresh(), lookEveryMs).unref();
  return { bundle: () => inForce.bundle(), close: () => clearInterval(timer) };
}

/** The policy folder of a worker, kept up to date with its files. Throws `config-invalid` on one that does not compile. */
export function openPolicyFolder(config: LoadedConfig, log: Logger): { readonly bundle: () => PolicyBundle; close(): void } {
  const folder = PolicyFolder.open(config.resolve(config.policy.directory), (news) => {
    if (news.kind === 'in-force') log.info(news, 'this policy is in force');
    else log.error({ code: 'config-invalid', ...news }, 'a changed policy was refused; the one before stays in force');
  });
  const timer = setInterval(() => folder.refresh(), lookAtFolderEveryMs).unref();
  return { bundle: () => folder.bundle(), close: () => clearInterval(timer) };
}
