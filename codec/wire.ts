import type { Payload } from '@temporalio/common';

/** Names and bounds of an encrypted payload, as it lies in Temporal. docs/decisions/0010-encryption.md describes it for other languages. */
export const wire = {
  encoding: 'binary/encrypted',
  format: 'countersign-1',
  nonceBytes: 12,
  tagBytes: 16,
  /** More than Temporal's gRPC takes in one message; what is longer was never stored there. */
  longestBytes: 4 * 1024 * 1024,
  longestId: 1_000,
} as const;

/** What is told in clear about an encrypted payload. All of it is authenticated. */
export type Envelope = {
  readonly keyId: string;
  /** The workflow it was written for; empty for what belongs to none. */
  readonly workflowId: string;
  /** Nonce, ciphertext and tag. */
  readonly data: Uint8Array;
};

const names = { encoding: 'encoding', format: 'encryption-format', keyId: 'encryption-key-id', workflowId: 'workflow-id' } as const;
const known: ReadonlySet<string> = new Set(Object.values(names));
const writer = new TextEncoder();
const reader = new TextDecoder('utf-8', { fatal: true });

/** An envelope as a payload. */
export function toPayload({ keyId, workflowId, data }: Envelope): Payload {
  const texts = {
    [names.encoding]: wire.encoding,
    [names.format]: wire.format,
    [names.keyId]: keyId,
    ...(workflowId === '' ? {} : { [names.workflowId]: workflowId }),
  };
  return { metadata: Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, writer.encode(text)])), data };
}

/** The envelope in a payload; `undefined` when it is none, or not of the form that `toPayload` gives. */
export function fromPayload({ metadata, data }: Payload): Envelope | undefined {
  if (metadata === undefined || metadata === null || data === undefined || data === null) return undefined;
  if (data.length < wire.nonceBytes + wire.tagBytes || data.length > wire.longestBytes || Object.keys(metadata).some((name) => !known.has(name)))
    return undefined;
  const keyId = text(metadata[names.keyId]);
  const workflowId = metadata[names.workflowId] === undefined ? '' : text(metadata[names.workflowId]);
  if (text(metadata[names.encoding]) !== wire.encoding || text(metadata[names.format]) !== wire.format) return undefined;
  if (keyId === undefined || keyId === '' || workflowId === undefined) return undefined;
  return { keyId, workflowId, data };
}

/** True for a payload that says of itself that it is encrypted, in whatever form. */
export function saysEncrypted({ metadata }: Payload): boolean {
  return text(metadata?.[names.encoding]) === wire.encoding;
}

/** What the tag covers beside the content: each text with its length in front, so that no two sets of texts give the same bytes. */
export function additionalData({ keyId, workflowId }: Pick<Envelope, 'keyId' | 'workflowId'>): Buffer {
  return Buffer.concat(
    [wire.encoding, wire.format, keyId, workflowId].flatMap((part) => {
      const bytes = Buffer.from(part, 'utf8');
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}

function text(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined || bytes.length > wire.longestId) return undefined;
  try {
    return reader.decode(bytes);
  } catch {
    return undefined;
  }
}
