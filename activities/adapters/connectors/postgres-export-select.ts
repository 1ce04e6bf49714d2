/**
 * Why a text is not one plain SELECT statement that may stand in parentheses, or `undefined` if it is.
 * The database is the judge of the rest: the statement runs as a subquery, prepared, in a read-only transaction.
 * Requires that the session has `standard_conforming_strings` on.
 */
export function refuseSelect(sql: string): string | undefined {
  if (!/^\s*(select|with)\b/i.test(sql)) return 'The query must begin with SELECT or WITH.';
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.test(sql)) return 'The query holds control characters.';
  let depth = 0;
  let at = 0;
  while (at < sql.length) {
    const rest = sql.slice(at);
    // Comments would speak to the approver and not to the database.
    if (rest.startsWith('--') || rest.startsWith('/*')) return 'The query must not hold comments.';
    const literal = skipLiteral(sql, at);
    if (literal === 'open') return 'A quoted text in the query does not end.';
    if (literal !== undefined) {
      at = literal;
      continue;
    }
    const char = sql[at];
    if (char === ';') return 'The query must be a single statement without a semicolon.';
    if (char === '(') depth += 1;
    if (char === ')') depth -= 1;
    if (depth < 0) break;
    at += 1;
  }
  return depth === 0 ? undefined : 'The parentheses of the query do not match.';
}

// The index after the literal that begins at `at`; `open` if it never ends; undefined if none begins there.
function skipLiteral(sql: string, at: number): number | 'open' | undefined {
  const char = sql[at];
  if (char === "'" || char === '"') {
    // Only E'...' knows backslashes, and only when E is no end of a longer word.
    const escapes = char === "'" && /(^|[^A-Za-z0-9_$])[eE]$/.test(sql.slice(Math.max(0, at - 2), at));
    for (let index = at + 1; index < sql.length; index += 1) {
      if (escapes && sql[index] === '\\') index += 1;
      else if (sql[index] === char) {
        if (sql[index + 1] !== char) return index + 1;
        index += 1;
      }
    }
    return 'open';
  }
  if (char === '$' && !/[A-Za-z0-9_$\u0080-\uffff]/.test(sql[at - 1] ?? ' ')) {
    const tag = /^\$([A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/.exec(sql.slice(at, at + 70))?.[0];
    if (tag === undefined) return undefined;
    const end = sql.indexOf(tag, at + tag.length);
    return end === -1 ? 'open' : end + tag.length;
  }
  return undefined;
}
