import { describe, expect, it } from 'vitest';
import { windowsInForce } from '../../../domain/calendar.js';
import { parseCalendar } from '../../../policy/calendar.js';
import { localTime } from '../../../policy/plan.js';

const windows = parseCalendar(
  'calendar.yaml',
  `windows:
  - { name: launch, once: { from: 2026-10-01 09:00, to: 2026-10-02 18:30 } }
  - { name: year-end, yearly: { from: 12-20 00:00, to: 01-03 06:00 } }
  - { name: weekend, weekly: { from: Fri 18:00, to: Mon 06:00 } }
  - { name: lunch, weekly: { from: Wed 12:00, to: Wed 13:00 } }
`,
);
const at = (moment: string, zone = 'Etc/UTC') => windowsInForce(windows, localTime(new Date(moment), zone));

describe('freeze windows', () => {
  it.each([
    ['2026-10-01T08:59:59Z', []],
    ['2026-10-01T09:00:00Z', ['launch']],
    ['2026-10-02T18:29:59Z', ['launch', 'weekend']],
    ['2026-10-02T18:30:00Z', ['weekend']],
    ['2026-10-05T05:59:00Z', ['weekend']],
    ['2026-10-05T06:00:00Z', []],
    ['2026-10-07T12:30:00Z', ['lunch']],
    ['2026-12-19T23:59:00Z', ['weekend']],
    ['2026-12-22T00:00:00Z', ['year-end']],
    ['2027-01-01T03:00:00Z', ['year-end']],
    ['2027-01-03T06:00:00Z', ['weekend']],
  ])('%s: %j', (moment, names) => expect(at(moment)).toEqual(names));
  it('are by the clock on the wall of the deployment', () => {
    expect(at('2026-10-01T07:00:00Z', 'Europe/Berlin')).toEqual(['launch']);
    expect(at('2026-10-01T09:00:00Z', 'America/New_York')).toEqual([]);
  });
  it.each([
    ['- { name: a, once: { from: 2026-02-30 09:00, to: 2026-10-02 18:30 } }', /calendar\.yaml:2: there is no 2026-02-30/],
    ['- { name: a, once: { from: 2026-03-02 09:00, to: 2026-03-01 18:30 } }', /calendar\.yaml:2: .*ends before it begins/],
    ['- { name: a, weekly: { from: Fri 18:00, to: Fri 18:00 } }', /calendar\.yaml:2: .*ends before/],
    ['- { name: a, weekly: { from: Friday 18:00, to: Fri 18:00 } }', /calendar\.yaml:2: /],
    ['- { name: a, yearly: { from: 12-01 25:00, to: 12-02 00:00 } }', /calendar\.yaml:2: /],
    ['- { name: a }', /calendar\.yaml:2: .*needs one of/],
    ['- { name: a, from: now }', /calendar\.yaml:2: .*"windows.0.from" is not known/],
    ['- [', /calendar\.yaml:\d+: /],
  ])('are refused where they cannot be read: %s', (line, says) => expect(() => parseCalendar('calendar.yaml', `windows:\n  ${line}\n`)).toThrow(says));
});
