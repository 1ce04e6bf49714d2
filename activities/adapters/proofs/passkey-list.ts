import { readFileSync } from 'node:fs';
import { Type } from 'typebox';
import { Check } from 'typebox/value';
import { parseYaml } from '../../../config/load.js';

const DigestText = Type.String({ pattern: '^sha256:[0-9a-f]{64}$' });
const PasskeyList = Type.Object(
  {
    /** Where it stands, no other passkey counts. */
    admitted: Type.Optional(Type.Array(DigestText, { maxItems: 10_000 })),
    removed: Type.Optional(Type.Array(DigestText, { maxItems: 10_000 })),
  },
  { additionalProperties: false },
);

/**
 * What the operator of an executor says of passkeys, by the digests of their registrations. The file is read for each approval, so that a
 * removal counts at once; while it cannot be read, no passkey counts. Returns the reason against a passkey.
 */
export function openPasskeyList(file: string): (registration: string) => string | undefined {
  return (registration) => {
    const list = read(file);
    if (list === undefined) return 'The list of passkeys at this executor cannot be read.';
    if (list.removed?.includes(registration) === true) return 'The passkey was removed by the operator of the executor.';
    if (list.admitted?.includes(registration) === false) return 'The passkey is not on the list of the executor.';
    return undefined;
  };
}

function read(file: string) {
  try {
    const { data } = parseYaml(file, readFileSync(file, 'utf8'));
    return Check(PasskeyList, data) ? data : undefined;
  } catch {
    return undefined;
  }
}
