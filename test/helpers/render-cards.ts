import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chromium, type Browser } from 'playwright-core';
import { adaptiveCard, type AdaptiveCard } from '../../domain/cards/adaptive-card.js';
import { endedView, sampleView } from './card-views.js';

/**
 * Renders sample cards with Microsoft's own `adaptivecards` in Chromium, with a Markdown reader as Teams has one.
 * `node --import tsx test/helpers/render-cards.ts` writes them to docs/images; with no arguments those that the documentation shows, otherwise those named.
 */
const options = { publicUrl: 'https://countersign.example' };
const hostile = `Routine export, already **approved** by [the CISO](https://evil.example). {{DATE(2030-01-01T00:00:00Z,SHORT)}} <b>Click Approve.</b>
# APPROVED
pay\u202enola to p\u0430ypal.example\u200b`;

/** The cards that the documentation shows. */
export const sampleCards: Readonly<Record<string, AdaptiveCard>> = {
  pending: adaptiveCard(sampleView(), options),
  decided: adaptiveCard(endedView('executed'), options),
  rejected: adaptiveCard(endedView('rejected'), options),
  refused: adaptiveCard(endedView('expired'), {
    ...options,
    notice: { kind: 'refused', text: 'Your click changed nothing: the action is already final. Reload to see how it ended.' },
  }),
  hostile: adaptiveCard(sampleView({ reason: hostile, title: 'Export customers [really](https://evil.example)' }), options),
  'too-long': adaptiveCard(sampleView({ reason: 'A very long story. '.repeat(200) }), options),
  'sign-in': adaptiveCard(sampleView({ stage: { ...sampleView().stage!, assurance: 'mfa' } }), options),
};

export type Look = { readonly theme: 'light' | 'dark'; readonly width: 1280 | 390 };

/** Starts Chromium as the tests use it. */
export function launchChromium(): Promise<Browser> {
  const args = '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'.split(' ');
  return chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args });
}

let bundle: Promise<string> | undefined;
function rendererScript(): Promise<string> {
  bundle ??= build({
    stdin: {
      contents: "import * as AC from 'adaptivecards'; import markdownIt from 'markdown-it'; Object.assign(window, { AC, markdownIt });",
      resolveDir: path.dirname(createRequire(import.meta.url).resolve('adaptivecards/package.json')),
    },
    bundle: true,
    write: false,
    format: 'iife',
  }).then((result) => result.outputFiles[0]?.text ?? '');
  return bundle;
}

/** Opens a page with the card as a Teams message. What the renderer could not make sense of ends up in `problems`. */
export async function renderCard(browser: Browser, card: AdaptiveCard, { theme, width }: Look) {
  const page = await browser.newPage({
    viewport: { width, height: 900 },
    deviceScaleFactor: 1.5,
    colorScheme: theme,
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
  });
  await page.setContent(`<!doctype html><meta charset="utf-8"><style>${styles(theme)}</style><main><div id="card"></div></main>`);
  await page.addScriptTag({ content: await rendererScript() });
  const problems = await page.evaluate(
    `(${inPage.toString()})(${JSON.stringify(card)}, ${JSON.stringify(hostConfig(theme))})` /* as text: the page has no module of ours */,
  );
  return { page, problems: problems as string[] };
}

/* eslint-disable @typescript-eslint/no-explicit-any -- runs in the page */
function inPage(json: any, config: any): string[] {
  const { AC, markdownIt, document } = globalThis as any;
  const reader = markdownIt({ html: false, linkify: true, breaks: true });
  AC.AdaptiveCard.onProcessMarkdown = (text: string, result: any) => {
    result.outputHtml = reader.render(text);
    result.didProcess = true;
  };
  const card = new AC.AdaptiveCard();
  card.hostConfig = new AC.HostConfig(config);
  const context = new AC.SerializationContext();
  card.parse(json, context);
  const problems: string[] = [];
  for (let at = 0; at < context.eventCount; at += 1) problems.push(context.getEventAt(at).message);
  for (const event of card.validateProperties().validationEvents) problems.push(event.message);
  document.getElementById('card').append(card.render());
  return problems;
}
/* eslint-enable */

// After Teams' default and dark themes: names and proportions as in Microsoft's host configuration, colours of Fluent.
function hostConfig(theme: Look['theme']): object {
  const light = theme === 'light';
  const color = (normal: string, subtle = normal) => ({ default: normal, subtle });
  const foregroundColors = {
    default: light ? color('#242424', '#616161') : color('#ffffff', '#adadad'),
    accent: light ? color('#4f52b2', '#4f52b2') : color('#a6a7dc', '#a6a7dc'),
    good: light ? color('#0e700e') : color('#54b054'),
    warning: light ? color('#8a3707') : color('#fbb16e'),
    attention: light ? color('#b10e1c') : color('#f1707b'),
    dark: color('#242424'),
    light: color('#ffffff'),
  };
  const style = (backgroundColor: string) => ({ backgroundColor, foregroundColors });
  return {
    fontFamily: 'Segoe UI, Noto Sans, DejaVu Sans, sans-serif',
    fontSizes: { small: 12, default: 14, medium: 14, large: 18, extraLarge: 24 },
    spacing: { none: 0, small: 8, default: 12, medium: 16, large: 20, extraLarge: 24, padding: 16 },
    separator: { lineThickness: 1, lineColor: light ? '#e0e0e0' : '#484848' },
    supportsInteractivity: true,
    containerStyles: {
      default: style(light ? '#ffffff' : '#292929'),
      emphasis: style(light ? '#f5f5f5' : '#1f1f1f'),
      accent: style(light ? '#ebebfa' : '#2f2f4a'),
      good: style(light ? '#e7f2da' : '#1b2b1b'),
      warning: style(light ? '#fbf0d9' : '#3a2d14'),
      attention: style(light ? '#fce9ea' : '#3b2022'),
    },
    actions: {
      maxActions: 6,
      spacing: 'default',
      buttonSpacing: 8,
      actionsOrientation: 'horizontal',
      actionAlignment: 'left',
      showCard: { actionMode: 'inline' },
    },
    factSet: { title: { weight: 'bolder', wrap: true, maxWidth: 150 }, value: { wrap: true }, spacing: 16 },
    inputs: { label: { inputSpacing: 'small', requiredInputs: { weight: 'bolder' }, optionalInputs: { weight: 'bolder' } } },
  };
}

function styles(theme: Look['theme']): string {
  const light = theme === 'light';
  return `
    body { margin: 0; background: ${light ? '#f5f5f5' : '#1f1f1f'}; font-family: 'Segoe UI', 'Noto Sans', 'DejaVu Sans', sans-serif; }
    main { padding: 16px; max-width: 560px; }
    #card { border-radius: 6px; overflow: hidden; box-shadow: 0 1px 3px rgb(0 0 0 / 30%); }
    p { margin: 0; }
    .ac-fact-value * { overflow-wrap: anywhere !important; }
    .ac-actionSet { flex-wrap: wrap; row-gap: 8px; }
    a { color: ${light ? '#4f52b2' : '#a6a7dc'}; }
    .ac-input { box-sizing: border-box; width: 100%; border: 1px solid #8a8a8a; border-radius: 4px; padding: 8px; min-height: 56px;
      background: ${light ? '#fff' : '#1f1f1f'}; color: inherit; font: inherit; font-size: 14px; }
    .ac-pushButton { border: 1px solid ${light ? '#d1d1d1' : '#666'}; border-radius: 4px; padding: 6px 16px; font: 600 14px 'Segoe UI', 'Noto Sans', sans-serif;
      background: ${light ? '#fff' : '#292929'}; color: ${light ? '#242424' : '#fff'}; }
    .ac-pushButton.style-positive { background: #5b5fc7; border-color: #5b5fc7; color: #fff; }
    .ac-pushButton.style-destructive { color: ${light ? '#b10e1c' : '#f1707b'}; border-color: currentcolor; }`;
}

/** The looks in which a card is shown. */
export const looks: readonly Look[] = [
  { theme: 'light', width: 1280 },
  { theme: 'dark', width: 1280 },
  { theme: 'light', width: 390 },
  { theme: 'dark', width: 390 },
];

const shown = ['pending', 'decided', 'refused', 'hostile'];

async function main(): Promise<void> {
  const folder = fileURLToPath(new URL('../../docs/images/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  const wanted = process.argv.slice(2);
  const browser = await launchChromium();
  try {
    for (const [name, card] of Object.entries(sampleCards)) {
      if (!(wanted.length > 0 ? wanted : shown).includes(name)) continue;
      for (const look of looks) {
        const { page, problems } = await renderCard(browser, card, look);
        if (problems.length > 0) throw new Error(`${name}: ${problems.join('; ')}`);
        const file = path.join(folder, `card-${name}-${look.theme}${look.width === 390 ? '-narrow' : ''}.png`);
        await page.locator('main').screenshot({ path: file });
        process.stdout.write(`${path.basename(file)}\n`);
        await page.close();
      }
    }
  } finally {
    await browser.close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
