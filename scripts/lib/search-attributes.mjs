import { searchAttributes } from './temporal.mjs';
import { Trouble } from './term.mjs';

/** Registers the search attributes with a Temporal server that is not ours to start. Needs the dependencies. */
export async function registerSearchAttributes(address, namespace) {
  const { Connection } = await import('@temporalio/client');
  let connection;
  try {
    connection = await Connection.connect({ address, connectTimeout: '10s' });
    const known = await connection.operatorService.listSearchAttributes({ namespace });
    const missing = Object.entries(searchAttributes).filter(([name]) => known.customAttributes?.[name] === undefined);
    if (missing.length === 0) return;
    // IndexedValueType of the Temporal API.
    const types = { Keyword: 2, Int: 3, KeywordList: 7 };
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map(([name, type]) => [name, types[type]])),
    });
  } catch (error) {
    const list = Object.entries(searchAttributes).map(([name, type]) => `${name}=${type}`);
    throw new Trouble(
      `Temporal at ${address}, namespace ${namespace}: ${error.details ?? error.message}\nCheck TEMPORAL_ADDRESS; if it does not let us register search attributes, register these yourself: ${list.join(', ')}.`,
    );
  } finally {
    await connection?.close();
  }
}
