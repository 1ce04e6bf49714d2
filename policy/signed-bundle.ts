import { isJsonObject, type JsonObject } from '../domain/json.js';
import { CountersignError } from '../domain/errors.js';
import { sign, verify, type SigningKey, type TrustedKeys } from '../domain/signing.js';
import { compilePolicies, type PolicyBundle, type PolicyFile } from './bundle.js';

/** Most characters that the files of one signed bundle may hold together. */
const maxCharacters = 1_000_000;
const maxFiles = 200;
/** Clocks of the authors and of an executor may differ by this much. */
const skewSeconds = 300;

/** Policies that their authors signed, checked and compiled. Times are seconds since 1970. */
export type SignedPolicies = {
  readonly bundle: PolicyBundle;
  readonly files: readonly PolicyFile[];
  readonly kid: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
};

/**
 * Signs these files as one bundle with the authors' key. They are compiled first: what no executor could load is not signed.
 * Throws `config-invalid` on files that do not compile or are too many.
 */
export async function signPolicies(
  files: readonly PolicyFile[],
  key: SigningKey,
  times: { readonly issuedAt: number; readonly expiresAt: number; readonly id: string },
): Promise<string> {
  requireSize(files);
  const { digest } = compilePolicies(files, 'policies');
  return sign('policy-bundle', key, { version: 1, digest, files: files.map(({ name, text }) => ({ name, text })) }, times);
}

/**
 * Verifies and compiles a signed bundle. Throws `config-invalid`, saying why, unless a key of the authors signed it, it is in
 * its time, and its files compile to the digest it names.
 */
export async function openSignedPolicies(jws: string, authors: TrustedKeys, nowMs: number): Promise<SignedPolicies> {
  const signed = await verify('policy-bundle', jws.trim(), authors);
  if (typeof signed === 'string') throw invalid(`It is not signed by the authors of policy: ${signed}.`);
  const { content, issuedAt, expiresAt, kid } = signed;
  if (expiresAt * 1000 <= nowMs) throw invalid(`Its signature was good until ${new Date(expiresAt * 1000).toISOString()}; sign it again.`);
  if (issuedAt - skewSeconds > nowMs / 1000) throw invalid('It was signed in the future; look at the clocks.');
  const files = filesOf(content);
  requireSize(files);
  const bundle = compilePolicies(files, 'policies');
  if (bundle.digest !== content['digest']) throw invalid('Its files are not those that its digest names.');
  return { bundle, files, kid, issuedAt, expiresAt };
}

function filesOf(content: JsonObject): readonly PolicyFile[] {
  const { version, files } = content;
  if (version !== 1 || !Array.isArray(files)) throw invalid('It is of a version that is not known.');
  return files.map((file) => {
    if (!isJsonObject(file) || typeof file['name'] !== 'string' || typeof file['text'] !== 'string') throw invalid('One of its files cannot be read.');
    return { name: file['name'], text: file['text'] };
  });
}

function requireSize(files: readonly PolicyFile[]): void {
  if (files.length > maxFiles || files.reduce((sum, { text }) => sum + text.length, 0) > maxCharacters)
    throw invalid(`A bundle holds at most ${maxFiles} files and ${maxCharacters} characters.`);
}

function invalid(detail: string): CountersignError {
  return new CountersignError('config-invalid', detail);
}
