import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { connectorDigest } from '../../../domain/connector.js';
import { builtinConnectors, httpRequest, postgresExport } from '../../../domain/connectors/index.js';
import { displayFields, policyParameters } from '../../../domain/display.js';
import type { JsonObject } from '../../../domain/json.js';

const ajv = new Ajv2020({ strict: true, strictRequired: false }).addVocabulary(['x-display', 'x-policy']);
const accepts = new Map(builtinConnectors.map((definition) => [definition.name, ajv.compile(definition.parameters)]));
const valid = (name: string, parameters: unknown): boolean => accepts.get(name)!(parameters);

describe('connector definitions', () => {
  it('are plain data with a stable digest', () => {
    for (const definition of builtinConnectors) {
      expect(JSON.parse(JSON.stringify(definition))).toEqual(definition);
      expect(connectorDigest(definition)).toMatch(/^sha256:[0-9a-f]{64}$/);
    }
    expect(new Set(builtinConnectors.map(({ name }) => name)).size).toBe(builtinConnectors.length);
  });

  it.each([
    { columns: ['id'] },
    {
      columns: ['id', 'name'],
      filter: [{ column: 'country', op: '=', value: 'DE' }],
      order_by: [{ column: 'id' }],
      limit: 500,
      format: 'csv',
      destination: 'a.csv',
    },
    {
      columns: ['id'],
      filter: [
        { column: 'id', op: 'in', value: [1, 2] },
        { column: 'notes', op: 'is-null' },
      ],
    },
    { select: 'select 1 as a where $1', values: [true] },
  ])('postgres.export accepts %j', (parameters) => {
    expect(valid('postgres.export', parameters)).toBe(true);
  });

  it.each([
    {},
    { columns: [] },
    { columns: ['id', 'id'] },
    { columns: ['*'] },
    { columns: ['id" from customers; drop table customers; --'] },
    { columns: ['a'.repeat(64)] },
    { columns: Array.from({ length: 101 }, (_, index) => `c${index}`) },
    { columns: ['id'], limit: 0 },
    { columns: ['id'], limit: 10_000_001 },
    { columns: ['id'], limit: 1.5 },
    { columns: ['id'], format: 'xlsx' },
    { columns: ['id'], destination: '../../etc/passwd' },
    { columns: ['id'], destination: '.hidden' },
    { columns: ['id'], destination: 'a/b' },
    { columns: ['id'], filter: [{ column: 'id', op: 'or', value: 1 }] },
    { columns: ['id'], filter: [{ column: 'id', op: '=', value: { $gt: 1 } }] },
    { columns: ['id'], filter: [{ column: 'id', op: '=', value: 1, raw: true }] },
    { columns: ['id'], filter: Array.from({ length: 21 }, () => ({ column: 'id', op: '=', value: 1 })) },
    { columns: ['id'], unknown: true },
    { columns: ['id'], values: [1] },
    { select: `select ${'1'.repeat(4000)}` },
  ])('postgres.export refuses %j', (parameters) => {
    expect(valid('postgres.export', parameters)).toBe(false);
  });

  it.each([
    {},
    { method: 'TRACE' },
    { method: 'get' },
    { method: 'GET', headers: { authorization: 'x' } },
    { method: 'GET', headers: { host: 'evil.example' } },
    { method: 'GET', headers: { accept: 'a\r\nb' } },
    { method: 'GET', query: { 'a&b': 'c' } },
    { method: 'GET', url: 'https://evil.example' },
  ])('http.request refuses %j', (parameters) => {
    expect(valid('http.request', parameters)).toBe(false);
  });

  it('show an approver what counts and hide every value', () => {
    const parameters: JsonObject = {
      columns: ['id', 'email'],
      filter: [{ column: 'country', op: '=', value: 'secret-value' }],
      limit: 5,
      format: 'csv',
      destination: 'a.csv',
    };
    const fields = displayFields(postgresExport, parameters);
    const shown = Object.fromEntries(fields.filter(({ masked }) => !masked).map(({ path, value }) => [path, value]));
    expect(shown).toMatchObject({ columns: 'id, email', limit: '5', format: 'csv', destination: 'a.csv', 'filter[0].column': 'country', 'filter[0].op': '=' });
    expect(fields.find(({ path }) => path === 'filter[0].value')).toMatchObject({ masked: true });
    expect(JSON.stringify(displayFields(httpRequest, { method: 'POST', query: { q: 'secret-value' }, body: { amount: 'secret-value' } }))).not.toContain(
      'secret-value',
    );
    expect(JSON.stringify(fields)).not.toContain('secret-value');
    expect(policyParameters(postgresExport, parameters)).toEqual({ columns: ['id', 'email'], filter_column: ['country'], limit: 5, format: 'csv' });
  });
});
