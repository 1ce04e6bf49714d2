export { action } from './action.js';
export { cards } from './cards.js';
