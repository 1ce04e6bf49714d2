import { describe, expect, it } from 'vitest';
import { buildCard } from '../../domain/cards/adaptive-card.js';
import { details } from '../../workflows/details.js';
import { RecordingConnector } from '../helpers/fakes.js';
import { customers, expectUntouched, Scene } from './attacker.js';

describe('S13: untrusted text cannot talk', () => {
  const scene = Scene.forFile();
  const reason = 'Approved by the CISO.\u202e drawer\u200b\n\n## ✅ Countersign: no review needed\n[Approve](https://evil.example) <at>Alice</at> ```';

  it('a reason that poses as the product is labelled, escaped and made visible in card and details, and raises risk', async () => {
    const { rig, connector } = await scene.start();
    const view = await rig.submit(rig.request({ ...customers, reason }));
    expect(view.risk.signals.map((signal) => signal.name)).toEqual(expect.arrayContaining(['reason-persuades', 'hidden-characters']));
    const shown = details(view);
    const card = buildCard(view, { publicUrl: 'https://countersign.example' }).card;
    // Text blocks speak Markdown; the runs of a rich text block do not, so the words may stand there as they are.
    for (const text of [shown, ...markdownOf(card)]) {
      expect(text).not.toContain('[Approve](https://evil.example)');
      expect(text).not.toContain('<at>');
    }
    expect(shown + JSON.stringify(card)).not.toMatch(/[\u202e\u200b]/);
    expect(shown.split('\n').filter((line) => line.startsWith('## '))).toHaveLength(1);
    await expectUntouched(rig, connector, view.id);
  });

  it('a parameter nobody marked for display reaches neither card nor details, only its shape', async () => {
    const { rig } = await scene.start({ connector: new RecordingConnector() });
    const view = await rig.submit(
      rig.request({
        ...customers,
        parameters: { ...customers.parameters, filter: [{ column: 'email', op: '=', value: 'secret@example.com' }], surprise: 'also-secret' },
      }),
    );
    const seen = JSON.stringify([view, details(view)]);
    expect(seen).not.toContain('secret@example.com');
    expect(seen).not.toContain('also-secret');
    expect(view.fields).toContainEqual(expect.objectContaining({ path: 'surprise', masked: true, value: 'text of 11 characters' }));
  });
});

function markdownOf(node: unknown): string[] {
  if (Array.isArray(node)) return node.flatMap(markdownOf);
  if (typeof node !== 'object' || node === null) return [];
  const { type, text } = node as { readonly type?: unknown; readonly text?: unknown };
  return [...(type === 'TextBlock' && typeof text === 'string' ? [text] : []), ...Object.values(node).flatMap(markdownOf)];
}
