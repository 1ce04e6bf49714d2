import { controls } from './stylesheet-controls.js';
import { page } from './stylesheet-page.js';

// Every pair of text and ground meets WCAG AA (4.5:1) in both schemes; the browser test measures it.
const tokens = `
:root {
  color-scheme: light dark;
  --ground: #fafaf8; --card: #ffffff; --sunk: #f3f3f0; --text: #1a1b1f; --muted: #5d6068; --line: #e4e4df; --strong-line: #8b8e96;
  --accent: #3a45b5; --accent-soft: #eceefb; --on-accent: #ffffff;
  --good: #146c43; --good-soft: #e3f4ea; --bad: #b3261e; --bad-soft: #fbe9e7; --warn: #7d4e00; --warn-soft: #fdf1d8; --off-soft: #ececE8;
  --approve: #146c43; --approve-hover: #0f5736; --words: #6a5a1e; --words-ground: #fffbea; --words-line: #d9c66f;
  --shadow: 0 1px 2px rgb(20 20 30 / 5%), 0 4px 16px rgb(20 20 30 / 4%);
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #101114; --card: #17181c; --sunk: #1f2025; --text: #ececef; --muted: #a3a6af; --line: #2a2c33; --strong-line: #6d717c;
    --accent: #aab3ff; --accent-soft: #23264a; --on-accent: #14163a;
    --good: #7fd6a6; --good-soft: #14301f; --bad: #ff9d94; --bad-soft: #3a1a18; --warn: #f0c36b; --warn-soft: #33270e; --off-soft: #26282e;
    --approve: #7fd6a6; --approve-hover: #9be3bb; --words: #e3d08a; --words-ground: #1f1c11; --words-line: #5c5127;
    --shadow: none;
  }
}
`;

/** The whole stylesheet. */
export const stylesheet = tokens + page + controls;
