import type { Payload } from '@temporalio/common';
import { isJsonObject, type Json } from '../../domain/json.js';

/** Members whose value lets whoever has it act, or shows a token of a person: nothing that an operator has to read. */
const bearing = new Set(['idtoken', 'permit', 'proof', 'token']);
/** Stands in place of what is left out. */
const leftOut = '(left out by the codec server)';
// Deeper than anything of ours; what lies below is nobody's story.
const deepest = 64;

/**
 * A decrypted payload without bearer material, for people to read. JSON keeps its shape; what says it is JSON and cannot be read,
 * and what is binary, is left out whole.
 */
export function redact(payload: Payload): Payload {
  const encoding = Buffer.from(payload.metadata?.['encoding'] ?? []).toString();
  if (encoding === 'binary/null') return payload;
  if (!encoding.startsWith('json/')) return { metadata: jsonMetadata, data: bytes(leftOut) };
  try {
    const value = JSON.parse(Buffer.from(payload.data ?? []).toString()) as Json;
    return { ...payload, data: bytes(without(value, 0)) };
  } catch {
    return { metadata: jsonMetadata, data: bytes(leftOut) };
  }
}

const jsonMetadata = { encoding: Buffer.from('json/plain') };
const bytes = (value: Json): Uint8Array => Buffer.from(JSON.stringify(value));

function without(value: Json, depth: number): Json {
  if (depth > deepest) return leftOut;
  if (Array.isArray(value)) return (value as readonly Json[]).map((item) => without(item, depth + 1));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, bearing.has(canonical(name)) ? leftOut : without(member, depth + 1)]));
}

// idToken, id_token and ID-Token are one name.
const canonical = (name: string): string => name.toLowerCase().replaceAll(/[_-]/g, '');
