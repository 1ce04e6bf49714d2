import type { Plan, PlanStage } from './plan.js';

/** Says to people why a second evaluation asks for other consent than the first, and what it asks for. */
export function whyReplanned(before: Plan, now: Plan): string {
  const seen = new Set(before.risk.signals.map(({ name }) => name));
  const signals = now.risk.signals.filter(({ name }) => !seen.has(name)).map(({ name }) => name);
  return [
    before.policyDigest === now.policyDigest ? undefined : 'Policy was changed since.',
    signals.length === 0 ? undefined : `New signals of risk: ${signals.join(', ')}.`,
    now.stages.length === 0 ? undefined : `Asked for now: ${now.stages.map(wanted).join(', then ')}.`,
  ]
    .filter((part) => part !== undefined)
    .join(' ');
}

function wanted({ name, quorum, assurance }: PlanStage): string {
  return `${quorum} of "${name}"${assurance === 'chat' ? '' : ` with ${assurance}`}`;
}
