import type { Payload } from '@temporalio/common';
import { Type, type Static } from 'typebox';

const Base64 = (maxLength: number) => Type.String({ maxLength, pattern: '^[A-Za-z0-9+/_-]*={0,2}$' });

/** A payload as Temporal's JSON has it. */
const WirePayload = Type.Object({
  metadata: Type.Optional(Type.Record(Type.String({ maxLength: 100 }), Base64(2_000), { maxProperties: 20 })),
  data: Type.Optional(Base64(6_000_000)),
});
type WirePayload = Static<typeof WirePayload>;

/** What Temporal UI asks a codec server. */
export const DecodeRequest = Type.Object({ payloads: Type.Array(WirePayload, { maxItems: 1_000 }) });
export type DecodeRequest = Static<typeof DecodeRequest>;

/** A payload from the wire. */
export function fromWire({ metadata, data }: WirePayload): Payload {
  return {
    metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([name, value]) => [name, Buffer.from(value, 'base64')])),
    ...(data === undefined ? {} : { data: Buffer.from(data, 'base64') }),
  };
}

/** A payload for the wire. */
export function toWire({ metadata, data }: Payload): WirePayload {
  return {
    metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([name, value]) => [name, Buffer.from(value).toString('base64')])),
    ...(data === undefined || data === null ? {} : { data: Buffer.from(data).toString('base64') }),
  };
}
