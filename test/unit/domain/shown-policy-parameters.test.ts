import { describe, expect, it } from 'vitest';
import type { ConnectorDefinition } from '../../../domain/connector.js';
import { displayFields, policyParameterNames, shownPolicyParameters } from '../../../domain/display.js';
import type { JsonObject } from '../../../domain/json.js';
import { definition as base } from './grant-fixture.js';

const both = { 'x-policy': true, 'x-display': true };
const definition: ConnectorDefinition = {
  ...base,
  parameters: {
    type: 'object',
    properties: {
      open: both,
      hidden: { 'x-policy': true },
      shownOnly: { 'x-display': true },
      nested: { ...both, type: 'object', properties: { key: {} } },
      rules: { items: { properties: { field: both, value: { 'x-policy': true }, note: { 'x-display': true } } } },
    },
  },
};
const kept = (parameters: JsonObject) => shownPolicyParameters(definition, parameters, displayFields(definition, parameters));

describe('of the parameters that policy sees', () => {
  it('all have a name, those within lists too', () =>
    expect(policyParameterNames(definition)).toEqual(['open', 'hidden', 'nested', 'rules_field', 'rules_value']));

  it('those that people see are kept, and of the others the names', () =>
    expect(kept({ open: ['a', 'b'], hidden: 'secret', shownOnly: 1, rules: [{ field: 'x', value: 'secret' }, { field: 'y' }] })).toEqual({
      shown: { open: ['a', 'b'], rules_field: ['x', 'y'] },
      withheld: ['hidden', 'rules_value'],
    }));

  it('none is kept that a mark on the whole would show but people do not', () =>
    expect(kept({ nested: { key: 'secret' }, open: [{ key: 'secret' }] })).toEqual({ shown: {}, withheld: ['open', 'nested'] }));

  it('none is kept that people were not shown this time', () => {
    const parameters = { open: 'a', hidden: 1, rules: [{ field: 'x', value: 1 }, { field: 'y' }] };
    const fields = displayFields(definition, parameters).map((field) => (field.value === 'y' || field.path === 'open' ? { ...field, masked: true } : field));
    expect(shownPolicyParameters(definition, parameters, fields)).toEqual({ shown: {}, withheld: ['open', 'hidden', 'rules_field', 'rules_value'] });
  });

  it('none is kept that did not fit, nor all that is too much together', () => {
    expect(kept({ open: 'x'.repeat(5_000) }).withheld).toEqual(['open']);
    expect(kept({ open: Array.from({ length: 30 }, () => 'x'.repeat(100)) }).withheld).toEqual([]);
    const rules = Array.from({ length: 41 }, (_, index) => ({ field: `f${index}` }));
    expect(kept({ rules }).withheld).toEqual(['rules_field']);
  });
});
