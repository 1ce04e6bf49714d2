import type { Json } from '../json.js';
import type { ActionRequest } from '../request.js';
import type { RiskRules } from './rules.js';

const mostLeaves = 2_000;
const privilegeKey = /role|polic|group|permission|privilege|access|scope|grant|member/i;
const privilegeThing = /\b(iam|rbac)\b|role|polic|permission|privilege|grant|group/i;
// At the end of a path, an ARN or a name: "arn:aws:iam::aws:policy/AdministratorAccess", "roles/owner".
const administrator =
  /(^|[\s/:._-])(administrator(access)?|admins?|root|owner|superusers?|super-?admins?|cluster-admin|power-?user(access)?|full-?access|sysadmin|dba)$/i;
const everything = /^(\*|\*[:./]\*|.*[:.]\*)$/;
const destinationKey = /^(destinations?|to|cc|bcc|recipients?|e?-?mails?|ur[il]s?|hosts?|domains?|endpoints?|webhooks?|share(d)?_?with|callback)$/i;
const bareHost = /^(hosts?|domains?|endpoints?)$/i;

type Leaf = { readonly keys: readonly string[]; readonly value: string };

/** Every text in the parameters with the names of the members that lead to it; one more than are read where there are more. */
function leaves(value: Json, keys: readonly string[] = [], found: Leaf[] = []): readonly Leaf[] {
  if (found.length > mostLeaves) return found;
  if (typeof value === 'string') found.push({ keys, value });
  else if (Array.isArray(value)) for (const item of value as readonly Json[]) leaves(item, keys, found);
  else if (typeof value === 'object' && value !== null) for (const [key, item] of Object.entries(value)) leaves(item, [...keys, key], found);
  return found;
}

/** True when the parameters hold more texts than are read: what comes after could say anything. */
export function hasUnread({ parameters }: Pick<ActionRequest, 'parameters'>): boolean {
  return leaves(parameters).length > mostLeaves;
}

/** True when the request gives somebody the rights of an administrator, by what it names. */
export function raisesPrivilege({ action, resource, parameters }: ActionRequest): boolean {
  const about = privilegeThing.test(action) || privilegeThing.test(resource.type);
  if (about && administrator.test(resource.id)) return true;
  return leaves(parameters).some(
    ({ keys, value }) =>
      (about || keys.some((key) => privilegeKey.test(key))) &&
      (administrator.test(value.trim()) || (privilegeKey.test(keys.at(-1) ?? '') && everything.test(value.trim()))),
  );
}

/** True when a destination in the parameters lies in none of the organisation's domains. False when no domain is known. */
export function leavesOrganisation({ parameters }: ActionRequest, domains: readonly string[]): boolean {
  if (domains.length === 0) return false;
  return leaves(parameters).some(({ keys, value }) => hostsIn(keys.at(-1) ?? '', value).some((host) => !domains.some((domain) => isWithin(host, domain))));
}

function hostsIn(key: string, value: string): readonly string[] {
  const text = value.trim();
  const url = hostOf(text);
  if (url !== undefined) return [url];
  if (!destinationKey.test(key)) return [];
  const mails = [...text.matchAll(/[^\s<>,;@]@([a-z0-9.-]+)/gi)].map((match) => (match[1] ?? '').toLowerCase());
  if (mails.length > 0) return mails;
  // Without its scheme, as of the page or the client that uses it.
  if (/^[/\\]{2}/.test(text)) return [hostOf(`https:${text}`) ?? unreadable];
  return bareHost.test(key) && text !== '' ? [hostOf(`https://${text}`) ?? unreadable] : [];
}

// In no domain.
const unreadable = '';

/** The host of an address as clients read it (WHATWG): `https:/a`, `https:\\a\@b` and `https://b@a` all go to a. Undefined when it is no address with a host. */
function hostOf(text: string): string | undefined {
  if (URL.canParse(text)) return new URL(text).hostname.toLowerCase() || undefined;
  return /^(https?|wss?|ftp):/i.test(text) || /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? unreadable : undefined;
}

function isWithin(host: string, domain: string): boolean {
  const [name, own] = [host.replace(/\.$/, ''), domain.toLowerCase()];
  return name === own || name.endsWith(`.${own}`);
}

/** How much a request asks for: a number, `all` where it may ask for any amount, or undefined where nothing is said of sizes. */
export function sizeOf({ action, parameters }: Pick<ActionRequest, 'action' | 'parameters'>, rules: RiskRules): number | 'all' | undefined {
  const rule = Object.hasOwn(rules.sizes, action) ? rules.sizes[action] : undefined;
  if (rule === undefined) return undefined;
  const value = Object.hasOwn(parameters, rule.parameter) ? parameters[rule.parameter] : undefined;
  return typeof value === 'number' ? value : 'all';
}

/** True when nothing in the request limits what it asks for. */
export function isWhole(request: Pick<ActionRequest, 'action' | 'parameters'>, rules: RiskRules): boolean {
  const size = sizeOf(request, rules);
  if (size === undefined || (size !== 'all' && size < (rules.sizes[request.action]?.many ?? 0))) return false;
  return !(rules.sizes[request.action]?.narrowedBy ?? []).some((name) => Object.hasOwn(request.parameters, name));
}
