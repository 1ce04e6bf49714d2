import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { adaptiveCard, buildCard, maxCardBytes } from '../../../domain/cards/adaptive-card.js';
import { actionStatuses, type ActionView } from '../../../domain/view.js';
import { endedView, sampleView } from '../../helpers/card-views.js';
import { schemaErrors } from './card-schema.js';

const options = { publicUrl: 'https://countersign.example' };
const actionsOf = (card: ReturnType<typeof adaptiveCard>) => (card['actions'] ?? []) as { type: string; title: string; data?: object; verb?: string }[];
const titles = (view: ActionView) => actionsOf(adaptiveCard(view, options)).map((action) => action.title);

describe('adaptiveCard', () => {
  it('keeps what the target said off a card that others than the approvers can read, which then cannot be approved there', () => {
    const view = sampleView({ preview: { facts: [{ label: 'Rows', value: 'SECRETCOUNT' }], warnings: ['SECRETWARNING'] } });
    expect(JSON.stringify(adaptiveCard(view, options))).toContain('SECRETCOUNT');
    const shared = buildCard(view, { ...options, shared: true });
    expect(JSON.stringify(shared.card)).not.toMatch(/SECRET/);
    expect(shared).toMatchObject({ approvable: false, omissions: ['what it would do'] });
    const { preview: _none, ...silent } = view;
    expect(JSON.stringify(buildCard({ ...silent, previewError: 'SECRETERROR' }, { ...options, shared: true }).card)).not.toMatch(/SECRET/);
    expect(buildCard(silent, { ...options, shared: true }).approvable).toBe(true);
  });

  it('asks with Approve, Reject and a link, and its data names no person', () => {
    const card = adaptiveCard(sampleView(), options);
    expect(schemaErrors(card)).toEqual([]);
    expect(titles(sampleView())).toEqual(['Approve', 'Reject', 'Open in inbox']);
    const { id: actionId, digest } = sampleView();
    expect(actionsOf(card)[0]?.data).toEqual({ actionId, digest, verb: 'approve' });
    expect(actionsOf(card)[1]?.data).toEqual({ actionId, digest, verb: 'reject' });
  });

  it('names those through whose hands a delegation went', () => {
    const via = [
      { kind: 'agent', id: 'release-bot', name: 'Release bot' },
      { kind: 'person', id: 'carol', name: 'Carol **Chen**' },
    ] as const;
    const text = JSON.stringify(adaptiveCard(sampleView({ via }), options)).replaceAll('\\', '');
    expect(text).toContain('"Passed on by","value":"Release bot (agent), Carol **Chen** (person)"');
    expect(JSON.stringify(adaptiveCard(sampleView(), options))).not.toContain('Passed on by');
  });

  it('shows what a person decides on', () => {
    const text = JSON.stringify(adaptiveCard(sampleView(), options)).replaceAll('\\', '');
    for (const part of [
      'Export customers',
      'postgres.export',
      'crm.customers',
      'Invoice bot',
      'Dave Diallo',
      'Erin Eriksen',
      "agent's words",
      'about 14,000 match the filter, of about 61,400; at most 5,000 are exported',
      'Personal data, judging by the column names',
    ]) {
      expect(text).toContain(part);
    }
    for (const part of [
      '**Column** balance_due · **Operator** > · **Value** _(hidden)_ number',
      'export-personal-data',
      '62 of 100',
      'first-time',
      '1 of 2: Bob Baumann',
      '21 Nov 2026 14:00 UTC',
      '3f9a 02bc 77d1',
    ]) {
      expect(text).toContain(part);
    }
  });

  it.each(actionStatuses.filter((status) => status !== 'pending'))('%s: valid and without buttons', (status) => {
    const view = status === 'evaluating' ? sampleView({ status }) : endedView(status);
    const card = adaptiveCard(view, { ...options, notice: { kind: 'refused', text: 'Too late.' } });
    expect(schemaErrors(card)).toEqual([]);
    expect(card['actions']).toBeUndefined();
    expect(JSON.stringify(card)).not.toContain('Input.Text');
  });

  it('says who decided, when and how', () => {
    const text = JSON.stringify(adaptiveCard(endedView('rejected'), options)).replaceAll('\\', '');
    expect(text).toContain("Rejected by **Bob Baumann**, 21 Nov 2026 08:55 UTC, through Teams (assurance *chat*, which rests on Countersign's api)");
    expect(text).toContain('collections needs no phone numbers');
    expect(JSON.stringify(adaptiveCard(endedView('expired'), options))).toContain('This is a timeout, not a rejection.');
  });

  it('sends people to the inbox when a chat is not assurance enough', () => {
    const { stage } = sampleView();
    expect(titles(sampleView({ stage: { ...stage!, assurance: 'mfa' } }))).toEqual(['Review and sign in', 'Reject']);
  });

  it.each<[string, Partial<ActionView>]>([
    ['a reason that is too long', { reason: 'x'.repeat(5000) }],
    ['a value that is too long', { fields: [{ path: '/a', label: 'A', value: 'v'.repeat(2000), masked: false, truncated: false }] }],
    ['a value cut before', { fields: [{ path: '/a', label: 'A', value: 'v', masked: false, truncated: true }] }],
    [
      'too many parameters',
      { fields: Array.from({ length: 200 }, (_, at) => ({ path: `/${at}`, label: `L${at}`, value: 'v', masked: false, truncated: false })) },
    ],
    ['too many warnings', { preview: { facts: [], warnings: Array.from({ length: 100 }, () => 'w') } }],
  ])('%s is marked, and takes the Approve button away', (_name, change) => {
    const built = buildCard(sampleView(change), options);
    expect(built.approvable).toBe(false);
    expect(actionsOf(built.card).map((action) => action.title)).toEqual(['Review in the inbox', 'Reject']);
    expect(JSON.stringify(built.card)).toContain('Not everything fits on this card');
  });

  it('stays valid and below the limit of Teams for any view, and offers approval only when nothing is missing', () => {
    const text = fc.string({ unit: 'binary', maxLength: 3000 });
    const field = fc.record({ path: text, label: text, value: text, masked: fc.boolean(), truncated: fc.boolean() });
    const view = fc.record({
      title: text,
      reason: text,
      fields: fc.array(field, { maxLength: 60 }),
      policies: fc.array(text, { maxLength: 40 }),
      resource: fc.record({ type: text, id: text }),
      preview: fc.record({ facts: fc.array(fc.record({ label: text, value: text }), { maxLength: 40 }), warnings: fc.array(text, { maxLength: 40 }) }),
      status: fc.constantFrom(...actionStatuses),
    });
    fc.assert(
      fc.property(view, (change) => {
        const built = buildCard(sampleView(change), { ...options, notice: { kind: 'reminder', text: change.title } });
        expect(Buffer.byteLength(JSON.stringify(built.card))).toBeLessThanOrEqual(maxCardBytes);
        expect(schemaErrors(built.card)).toEqual([]);
        expect(actionsOf(built.card).some((action) => action.verb === 'approve')).toBe(built.approvable);
        if (built.omissions.length > 0) expect(built.approvable).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  it('lets hosts refresh for at most 60 people', () => {
    const ids = (count: number) => Array.from({ length: count }, (_, at) => `8:orgid:${at}`);
    expect(adaptiveCard(sampleView(), { ...options, refreshUserIds: ids(60) })['refresh']).toMatchObject({ action: { verb: 'refresh' } });
    expect(schemaErrors(adaptiveCard(sampleView(), { ...options, refreshUserIds: ids(60) }))).toEqual([]);
    expect(adaptiveCard(sampleView(), { ...options, refreshUserIds: ids(61) })['refresh']).toBeUndefined();
  });
});
