import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { derToRaw } from '../../../domain/ecdsa.js';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));

describe('an ECDSA signature in DER', () => {
  it('becomes the raw one that verifies, whatever the length of its numbers', () => {
    for (let turn = 0; turn < 300; turn += 1) {
      const message = Buffer.from(`message ${turn}`);
      const raw = derToRaw(sign('sha256', message, privateKey), 32);
      expect(raw.length).toBe(64);
      expect(verify('sha256', message, { key: publicKey, dsaEncoding: 'ieee-p1363' }, raw)).toBe(true);
    }
  });

  it('keeps short numbers in their place', () => {
    expect(Buffer.from(derToRaw(bytes('3006020101020102'), 2)).toString('hex')).toBe('00010002');
    expect(Buffer.from(derToRaw(bytes('300702020080020102'), 2)).toString('hex')).toBe('00800002');
  });

  it.each([
    ['nothing', ''],
    ['another type', '3106020101020102'],
    ['a length that is too long', '3007020101020102'],
    ['bytes after its end', '300602010102010200'],
    ['a third number', '3009020101020102020103'],
    ['one number', '3003020101'],
    ['an empty number', '30050200020102'],
    ['a number that is too large', '300802030101010201 02'.replace(' ', '')],
    ['another type of number', '3006030101020102'],
  ])('is refused: %s', (_name, hex) => expect(() => derToRaw(bytes(hex), 2)).toThrow(TypeError));
});
