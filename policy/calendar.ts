import { Type } from 'typebox';
import type { FreezeWindow } from '../domain/calendar.js';
import { yamlReader } from './yaml-file.js';

const strict = { additionalProperties: false } as const;
const days = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const;
const clock = '([01][0-9]|2[0-3]):[0-5][0-9]';
const date = '(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])';
const name = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' });
const span = (pattern: string, description: string) => {
  const time = Type.String({ pattern, description });
  return { from: time, to: time };
};
const read = yamlReader(
  Type.Object(
    {
      windows: Type.Array(
        Type.Object(
          {
            name,
            once: Type.Optional(Type.Object(span(`^[0-9]{4}-${date} ${clock}$`, 'A time such as 2026-12-24 18:00'), strict)),
            yearly: Type.Optional(Type.Object(span(`^${date} ${clock}$`, 'A time such as 12-24 18:00'), strict)),
            weekly: Type.Optional(Type.Object(span(`^(${days.join('|')}) ${clock}$`, 'A time such as Fri 18:00'), strict)),
          },
          strict,
        ),
        { maxItems: 500 },
      ),
    },
    strict,
  ),
);

/** Reads `calendar.yaml`. Throws `config-invalid` with file and line. */
export function parseCalendar(file: string, text: string): readonly FreezeWindow[] {
  const { data, wrong } = read(file, text);
  return data.windows.map(({ name, once, yearly, weekly }, index): FreezeWindow => {
    const said = [once, yearly, weekly].filter((one) => one !== undefined);
    const [only] = said;
    if (only === undefined || said.length > 1) throw wrong(['windows', index], `the window "${name}" needs one of: once, yearly, weekly.`);
    const kind = once !== undefined ? 'once' : yearly !== undefined ? 'yearly' : 'weekly';
    for (const end of ['from', 'to'] as const)
      if (kind !== 'weekly' && !isDate(only[end])) throw wrong(['windows', index, kind, end], `there is no ${only[end]}.`);
    if (only.from === only.to || (kind === 'once' && only.from > only.to))
      throw wrong(['windows', index, kind, 'to'], `the window "${name}" ends before it begins.`);
    if (kind === 'weekly') return { name, kind, from: minuteOfWeek(only.from), to: minuteOfWeek(only.to) };
    return { name, kind, from: only.from.replace(' ', 'T'), to: only.to.replace(' ', 'T') };
  });
}

function isDate(time: string): boolean {
  const [day = ''] = time.split(' ');
  // A leap year where none is named, so that a window may begin on the 29th of February.
  const full = day.length === 5 ? `2024-${day}` : day;
  const parsed = new Date(`${full}T00:00:00Z`);
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(full);
}

function minuteOfWeek(time: string): number {
  const [day, at = ''] = time.split(' ');
  const [hour, minute] = at.split(':').map(Number);
  return days.findIndex((one) => one === day) * 1_440 + (hour ?? 0) * 60 + (minute ?? 0);
}
