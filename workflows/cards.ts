import type { CardHandle } from '../activities/ports.js';
import type { SignedState } from '../domain/view.js';
import { delivery } from './proxies.js';

const patienceMs = 7 * 24 * 60 * 60_000;

/** Brings the cards of a closed action to their final state once their channel is back, for up to a week. */
export async function cards(input: { readonly view: SignedState; readonly handles: readonly CardHandle[] }): Promise<void> {
  await delivery(patienceMs, 'Bring the cards to their final state').updateCards(input);
}
