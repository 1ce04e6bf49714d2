import { readFileSync } from 'node:fs';
import { activateRotation, markCompromised, prepareRotation, type KeyFolder } from '../../cli/keys-store.js';
import { processRoles, publicKeysFile, type ProcessRole } from '../../config/key-files.js';
import { openKeys, type ProcessKeys } from '../../config/keys.js';
import type { SigningKey } from '../../domain/signing.js';
import { eventually } from './eventually.js';
import { keyConfig, keyFolder } from './key-folder.js';
import { makeKeys, type TestKeys } from './keys.js';

/** The keys of a running system in a folder, as its processes follow them, and the commands of an operator. */
export class LiveKeys {
  private constructor(
    private readonly folder: KeyFolder,
    private readonly opened: Readonly<Record<ProcessRole, ProcessKeys>>,
    readonly keys: TestKeys,
  ) {}

  static async start(): Promise<LiveKeys> {
    const folder = await keyFolder();
    const open = (role: ProcessRole) => openKeys(keyConfig(folder.directory, {}, 'development'), role, () => {});
    const opened = { policy: await open('policy'), decision: await open('decision'), executor: await open('executor') };
    const { signing: others } = await makeKeys();
    const signing = { ...others, policy: opened.policy.signing, decision: opened.decision.signing, executor: opened.executor.signing };
    const jwks = JSON.parse(readFileSync(publicKeysFile(folder.directory), 'utf8')) as TestKeys['jwks'];
    return new LiveKeys(folder, opened, { signing, trusted: opened.policy.trusted, jwks });
  }

  stop(): void {
    for (const role of processRoles) this.opened[role].close();
  }

  /** The key that a role signs with now, as a thief would take it. */
  taken(role: ProcessRole): SigningKey {
    const { kid, alg, sign } = this.opened[role].signing;
    return { role, kid, alg, sign };
  }

  /** Both steps of a rotation, as an operator takes them. Resolves once every process follows. */
  async rotate(role: ProcessRole, graceSeconds = 60): Promise<string> {
    const folder = () => ({ ...this.folder, now: Math.floor(Date.now() / 1000) });
    const next = await prepareRotation(folder(), role);
    await this.everywhere((keys) => keys.trusted.get(next) !== undefined);
    const { from } = await activateRotation(folder(), role, { graceSeconds, atOnce: true });
    await this.everywhere((keys) => keys.trusted.get(from)?.status !== 'active');
    await eventually(() => this.opened[role].signing.kid === next, 20_000, 'the successor signs');
    return next;
  }

  /** Marks a key as compromised. Resolves once every process knows. */
  async compromise(kid: string): Promise<void> {
    await markCompromised({ ...this.folder, now: Math.floor(Date.now() / 1000) }, kid);
    await this.everywhere((keys) => keys.trusted.get(kid)?.status === 'compromised');
  }

  private everywhere(holds: (keys: ProcessKeys) => boolean): Promise<boolean> {
    return eventually(() => processRoles.every((role) => holds(this.opened[role])), 20_000, 'every process follows');
  }
}
