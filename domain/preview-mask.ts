import type { Fact, Preview } from './connector.js';

/** What a connector says beforehand, with the parameters that each line tells of: none for a line that would read alike whatever they are. */
export type ConnectorPreview = {
  readonly facts: readonly (Fact & { readonly of?: readonly string[] })[];
  readonly warnings: readonly (string | { readonly text: string; readonly of: readonly string[] })[];
};

/**
 * The preview without lines that tell of a masked parameter. With a mask, a line that does not say what it tells of is left out too,
 * since nobody knows what is in it. A mask of a member (`filter.column`) hides what tells of the whole.
 */
export function withoutMasked({ facts, warnings }: ConnectorPreview, mask: readonly string[] = []): Preview {
  const hidden = new Set(mask.map((name) => name.split('.', 1)[0]));
  const stays = (of: readonly string[] | undefined) => hidden.size === 0 || (of !== undefined && !of.some((name) => hidden.has(name)));
  return {
    facts: facts.filter(({ of }) => stays(of)).map(({ label, value }) => ({ label, value })),
    warnings: warnings.filter((one) => stays(typeof one === 'string' ? undefined : one.of)).map((one) => (typeof one === 'string' ? one : one.text)),
  };
}
