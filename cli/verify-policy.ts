import type { JWK } from 'jose';
import type { Directory } from '../directory/port.js';
import type { ConnectorDefinition } from '../domain/connector.js';
import { CountersignError } from '../domain/errors.js';
import { unsettled, type Finding } from '../domain/examine.js';
import type { Grant, GrantVerdict } from '../domain/grant.js';
import type { Plan } from '../domain/plan.js';
import { importTrustedKeys } from '../domain/signing.js';
import { judgePlan, peopleIn, refuseApprovers } from '../policy/admission.js';
import { openSignedPolicies, type SignedPolicies } from '../policy/signed-bundle.js';

/** A signed bundle and what is needed to judge by it. */
export type PolicyMaterial = {
  readonly bundle: string;
  readonly bundleFile: string;
  readonly authors: { readonly keys: readonly JWK[] };
  readonly connectors: ReadonlyMap<string, ConnectorDefinition>;
  readonly timeZone: string;
  readonly environment: string;
};

/** What was examined before, and what it is now held against. */
export type PolicyInput = {
  readonly grant: Grant;
  readonly plan?: Plan;
  readonly verdict?: GrantVerdict;
  readonly atMs: number;
  readonly directory?: Directory;
  readonly policy?: PolicyMaterial;
};

const held = (check: string, detail: string): Finding => ({ check, state: 'held', detail });
const refused = (check: string, detail: string): Finding => ({ check, state: 'refused', detail });
const notChecked = (check: string, detail: string): Finding => ({ check, state: 'not-checked', detail });

/** Holds the approvers against the directory, and the plan against the policy that its authors signed, as the executor does. */
export async function examineAdmission(input: PolicyInput): Promise<readonly Finding[]> {
  return [...(await examineApprovers(input)), ...circlesIn(input.verdict), ...(await examinePolicy(input))];
}

async function examineApprovers({ grant, verdict, directory }: PolicyInput): Promise<readonly Finding[]> {
  if (verdict?.ok !== true || verdict.seats.length === 0) return [];
  if (directory === undefined) return [notChecked('approvers', "Their groups are the api's word; with --directory it is held against that.")];
  try {
    const refusal = await refuseApprovers(directory, grant.request, verdict);
    if (refusal !== undefined) return [refused('approvers', `By the directory as it is now: ${refusal.detail}`)];
    return [held('approvers', 'The directory as it is now knows them as active, and as approvers of their stages.')];
  } catch (error) {
    return [unsettled('approvers', unavailable(error))];
  }
}

/** Circles are told by what else the executor ran, which is in no grant. */
function circlesIn(verdict: GrantVerdict | undefined): readonly Finding[] {
  if (verdict?.ok !== true || !verdict.plan.stages.some(({ circles }) => circles !== undefined)) return [];
  return [notChecked('circles', 'The plan refuses them. Who approved whose actions before is known to the store of the executor alone.')];
}

/** Whether the authors signed this policy, whether the plan was made under it, and, with a directory, whether grant and plan ask for enough. */
async function examinePolicy({ grant, plan, verdict, atMs, directory, policy: material }: PolicyInput): Promise<readonly Finding[]> {
  if (material === undefined) return [];
  const opened = await open(material, atMs);
  if (typeof opened === 'string') return [refused('policy bundle', opened)];
  const until = new Date(opened.expiresAt * 1000).toISOString();
  const bundle = held('policy bundle', `Signed by ${opened.kid}, good until ${until}, ${opened.bundle.digest}.`);
  if (plan === undefined) return [bundle, notChecked('policy', 'There is no plan that could be held against it.')];
  const same = opened.bundle.digest === plan.policyDigest;
  const origin = same ? 'The plan was made under exactly this policy.' : `The plan was made under another policy, ${plan.policyDigest}.`;
  if (directory === undefined) return [bundle, same ? held('policy', origin) : notChecked('policy', `${origin} With --directory it is evaluated again.`)];
  const mine = await judgePlan({ ...material, directory, bundle: () => opened.bundle }, grant.request, plan, new Date(atMs));
  if (mine.unavailable !== undefined) return [bundle, unsettled('policy', `${origin} It could not be evaluated again: ${mine.unavailable}`)];
  const again = `${origin} Evaluated again with the directory as it is now`;
  if (mine.short !== undefined) return [bundle, refused('policy', `${again}: ${mine.short}.`.replace(/\.\.$/, '.'))];
  const people = verdict?.ok === true ? peopleIn(verdict.seats) : undefined;
  if (people !== undefined && people < mine.people)
    return [bundle, refused('policy', `${again}, it wants ${mine.people} people, and the grant has ${people}.`)];
  return [bundle, held('policy', `${again}, it asks for no more than this plan.`)];
}

function unavailable(error: unknown): string {
  if (error instanceof CountersignError && error.code === 'directory-unavailable') return `The directory cannot be asked: ${error.detail}`;
  throw error;
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
