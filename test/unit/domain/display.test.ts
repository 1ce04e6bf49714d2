import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConnectorDefinition } from '../../../domain/connector.js';
import { postgresExport } from '../../../domain/connectors/index.js';
import { displayFields, fieldRows, policyParameters } from '../../../domain/display.js';
import type { JsonObject } from '../../../domain/json.js';
import { assessRisk } from '../../../domain/risk.js';
import { defaultRules } from '../../../domain/risk/rules.js';
import { definition, makeRequest } from './grant-fixture.js';

const schema = {
  type: 'object',
  properties: {
    open: { 'x-display': true },
    secret: {},
    marked: { 'x-display': true, type: 'object', properties: { shown: { 'x-display': true }, hidden: {} } },
    list: { type: 'array', items: { type: 'object', properties: { shown: { 'x-display': true }, hidden: {} } } },
  },
};
const connector: ConnectorDefinition = { ...definition, parameters: schema };
const show = (parameters: unknown) => displayFields(connector, parameters as JsonObject);

describe('what people see', () => {
  it('never holds a value that no schema marked, wherever it stands', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.jsonValue({ maxDepth: 3 }), fc.constantFrom('secret', 'unknown', '__proto__', 'toString'), (needle, noise, name) => {
        const parameters = {
          open: 'x',
          [name]: { deep: [needle, { further: needle }] },
          marked: { hidden: needle, extra: { needle } },
          list: [{ hidden: needle, shown: { inner: needle } }],
          noise,
        };
        expect(JSON.stringify(show(parameters))).not.toContain(needle);
      }),
    );
  });
  it('shows a marked value, and by shape only its unmarked neighbour', () => {
    expect(show({ open: 'hello', marked: { shown: 1, hidden: 'pssst' } })).toEqual([
      { path: 'open', label: 'open', value: 'hello', masked: false, truncated: false },
      { path: 'marked.shown', group: 'marked', label: 'shown', value: '1', masked: false, truncated: false },
      { path: 'marked.hidden', group: 'marked', label: 'hidden', value: 'text of 5 characters', masked: true, truncated: false },
    ]);
  });
  it('says of each part what it is a part of, and reads the parts of one as one row', () => {
    const condition = (column: string) => ({ column, op: '=', value: 'DE' });
    const rows = (parameters: JsonObject) =>
      fieldRows(displayFields(postgresExport, parameters)).map(({ title, parts }) => [title, ...parts.map((part) => part.label)]);
    expect(rows({ columns: ['id'], limit: 5, filter: [condition('country')] })).toEqual([
      ['Columns', 'Columns'],
      ['Row limit', 'Row limit'],
      ['Filter', 'Column', 'Operator', 'Value'],
    ]);
    expect(rows({ filter: [condition('country'), condition('city')] }).map(([title]) => title)).toEqual(['Filter 1', 'Filter 2']);
    expect(fieldRows(show({ list: [{ hidden: { deep: 'x' } }] }))).toMatchObject([{ title: 'list › hidden', parts: [{ label: 'deep', masked: true }] }]);
  });
  it('one item with a comma does not read like two', () => {
    expect(show({ open: ['id, name'] })[0]?.value).toBe('["id, name"]');
    expect(show({ open: ['id', 'name'] })[0]?.value).toBe('id, name');
  });
  it('marks what was cut, and cuts no character in half', () => {
    const [field] = show({ open: `${'a'.repeat(3_999)}😀${'b'.repeat(10)}` });
    expect(field).toMatchObject({ truncated: true, value: `${'a'.repeat(3_999)}…` });
  });
  it('bounds number and names of what it shows', () => {
    const many = show({ ...Object.fromEntries(Array.from({ length: 240 }, (_, n) => [`k${n}`, n])), ['k'.repeat(5_000)]: 1 });
    expect(many).toHaveLength(201);
    expect(many.at(-1)).toMatchObject({ truncated: true, value: '41 more that are not shown here' });
    expect(show({ ['k'.repeat(5_000)]: 1 })[0]?.label.length).toBeLessThanOrEqual(121);
  });
  it('shows members in the order of the schema and long lists last, whatever order the requester wrote', () => {
    const flood = Array.from({ length: 20 }, () => ({ column: 'a', op: '=', value: 1 }));
    const paths = displayFields(postgresExport, { filter: flood, destination: 'x.csv', columns: ['card_number'], format: 'csv' }).map((field) => field.path);
    expect(paths.slice(0, 3)).toEqual(['columns', 'format', 'destination']);
    expect(paths).toHaveLength(63);
  });
  it('gives policy only what is marked for it', () =>
    expect(policyParameters(definition, { columns: ['id'], values: ['secret'], unknown: 1 })).toEqual({ columns: ['id'] }));
});

describe('what policy masks', () => {
  const parameters = { columns: ['id', 'name'], limit: 5, filter: [{ column: 'city', op: '=', value: 'x' }] };
  const shown = (mask: readonly string[]) =>
    displayFields(postgresExport, parameters, mask)
      .filter((field) => !field.masked)
      .map((field) => field.path);
  it('is hidden whatever the connector shows, with all that is in it and in every place of a list', () => {
    expect(shown([])).toEqual(['columns', 'limit', 'filter[0].column', 'filter[0].op']);
    expect(shown(['columns', 'filter.column'])).toEqual(['limit', 'filter[0].op']);
    expect(shown(['filter', 'col', 'lim'])).toEqual(['columns', 'limit']);
    expect(displayFields(postgresExport, parameters, ['columns'])[0]).toMatchObject({ path: 'columns', value: 'list of 2', masked: true });
  });
});

describe('risk', () => {
  const resource = { classification: 'internal', environment: 'development', production: false, personal: false, known: true };
  const at = (hour: number, weekday: number) => ({ local: { hour, minute: 0, weekday, date: '2026-03-03' }, resource, rules: defaultRules });
  const names = (change: Parameters<typeof makeRequest>[0]) => assessRisk({ request: makeRequest(change), ...at(10, 2) }).signals.map((signal) => signal.name);
  it.each(['\u200b', '\u202e', '\u{E0041}', '\u3164', '\ufe01', '\u{E0101}'])(
    'notices the hidden character %j in reason, resource and parameters',
    (character) => {
      expect(names({ reason: `A reason long enough${character}` })).toContain('hidden-characters');
      expect(names({ resource: { type: 'Table', id: `crm/x${character}` } })).toContain('hidden-characters');
      expect(names({ parameters: { [`n${character}`]: 1 } })).toContain('hidden-characters');
    },
  );
  it('says nothing of plain text and emoji', () => expect(names({ reason: 'Export for Zoë ❤️ in München' })).toEqual([]));
  it('is never above 100', () =>
    expect(assessRisk({ request: makeRequest({ reason: 'x\u200b', onBehalfOf: 'alice' }), ...at(3, 7) }).score).toBeLessThanOrEqual(100));
});
