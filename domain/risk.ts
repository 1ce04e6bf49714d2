import type { Risk } from './plan.js';
import type { ActionRequest } from './request.js';

type Signal = Risk['signals'][number];

/** The local time at which risk is judged: hour 0 to 23, ISO weekday 1 (Monday) to 7. */
export type LocalTime = { readonly hour: number; readonly weekday: number };

// Characters that change how text reads without being seen: bidi controls, zero-width, fillers, tags, and the
// variation selectors that carry smuggled bytes (not those that choose between a glyph and an emoji).
const hidden =
  /[\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B-\u200F\u202A-\u202E\u2060-\u206F\u2800\u3164\uFE00-\uFE0D\uFEFF\uFFA0\uFFF9-\uFFFB\u{E0000}-\u{E0FFF}]/u;
const claimsConsent = /\b(pre-?approved|already (been )?approved|approved by|just approve|please approve|no need to (check|review|read))\b/i;

/**
 * Risk of a request from 0 to 100, as the sum of named signals capped at 100.
 * Pure and quick; signals that look at history join here.
 */
export function assessRisk(request: ActionRequest, local: LocalTime): Risk {
  const signals: Signal[] = [];
  const add = (name: string, points: number, detail: string) => signals.push({ name, points, detail });
  const reason = request.reason.trim();
  if (reason.length < 10) add('reason-thin', 20, 'The stated reason is missing or very short.');
  if (claimsConsent.test(reason)) add('reason-persuades', 30, 'The stated reason claims an approval or tells the reader what to do.');
  if (hidden.test(request.reason) || hidden.test(JSON.stringify([request.action, request.resource, request.parameters])))
    add('hidden-characters', 40, 'The request holds characters that cannot be seen.');
  if (local.weekday > 5 || local.hour < 7 || local.hour >= 19) add('outside-hours', 10, 'It was asked outside working hours.');
  if (request.onBehalfOf !== undefined) add('on-behalf', 5, 'An agent acts on behalf of a person.');
  return {
    score: Math.min(
      100,
      signals.reduce((sum, signal) => sum + signal.points, 0),
    ),
    signals,
  };
}
