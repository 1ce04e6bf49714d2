import type { JWK } from 'jose';
import type { Directory } from '../directory/port.js';
import type { ConnectorDefinition } from '../domain/connector.js';
import { CountersignError } from '../domain/errors.js';
import type { Finding } from '../domain/examine.js';
import type { Grant } from '../domain/grant.js';
import type { Plan } from '../domain/plan.js';
import { importTrustedKeys } from '../domain/signing.js';
import { fallsShort } from '../domain/stricter.js';
import { makePlan } from '../policy/plan.js';
import { openSignedPolicies, type SignedPolicies } from '../policy/signed-bundle.js';

/** A signed bundle and what is needed to judge by it. */
export type PolicyMaterial = {
  readonly bundle: string;
  readonly bundleFile: string;
  readonly authors: { readonly keys: readonly JWK[] };
  readonly connectors: ReadonlyMap<string, ConnectorDefinition>;
  readonly directory?: Directory;
  readonly timeZone: string;
  readonly environment: string;
};

/** Whether the authors signed this policy, whether the plan was made under it, and, with a directory, whether the plan asks for enough. */
export async function examinePolicy(grant: Grant, plan: Plan | undefined, atMs: number, material: PolicyMaterial): Promise<readonly Finding[]> {
  const opened = await open(material, atMs);
  if (typeof opened === 'string') return [{ check: 'policy bundle', state: 'refused', detail: opened }];
  const until = new Date(opened.expiresAt * 1000).toISOString();
  const bundle: Finding = { check: 'policy bundle', state: 'held', detail: `Signed by ${opened.kid}, good until ${until}, ${opened.bundle.digest}.` };
  if (plan === undefined) return [bundle, { check: 'policy', state: 'not-checked', detail: 'There is no plan that could be held against it.' }];
  const same = opened.bundle.digest === plan.policyDigest;
  const origin = same ? 'The plan was made under exactly this policy.' : `The plan was made under another policy, ${plan.policyDigest}.`;
  const { directory } = material;
  if (directory === undefined)
    return [bundle, { check: 'policy', state: same ? 'held' : 'not-checked', detail: same ? origin : `${origin} With --directory it is evaluated again.` }];
  const deps = { ...material, directory, bundle: () => opened.bundle };
  const { plan: mine } = await makePlan(deps, grant.request, new Date(atMs));
  const short = fallsShort(plan, mine);
  return [
    bundle,
    short === undefined
      ? { check: 'policy', state: 'held', detail: `${origin} Evaluated again with the directory as it is now, it asks for no more than this plan.` }
      : { check: 'policy', state: 'refused', detail: `${origin} Evaluated again with the directory as it is now: ${short}.` },
  ];
}

async function open({ bundle, bundleFile, authors }: PolicyMaterial, atMs: number): Promise<SignedPolicies | string> {
  const keys = await importTrustedKeys(authors).catch(() => {
    throw new CountersignError('config-invalid', 'The public keys of the authors cannot be read.');
  });
  try {
    return await openSignedPolicies(bundle, keys, atMs);
  } catch (error) {
    if (error instanceof CountersignError) return `${bundleFile}: ${error.detail}`;
    throw error;
  }
}
