// Fills a catalog from lines of JSON and searches it: node search.js shop things.jsonl "something warm" 30
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import grpc from '@grpc/grpc-js';
import { ask, client, explain } from './samekind.js';

const BATCH = 100;
const catalogs = client('CatalogService');
const value = (held) => ({ number: { doubleValue: held }, string: { stringValue: held }, boolean: { boolValue: held } })[typeof held];
const item = ({ id, text, ...held }) =>
  ({ id, contents: [{ text }], attributes: Object.fromEntries(Object.entries(held).map(([name, each]) => [name, value(each)])) });

async function open(name) {
  try {
    await ask(catalogs, 'createCatalog', { catalog: { name } });
  } catch (error) {
    if (error.code !== grpc.status.ALREADY_EXISTS) throw error;
  }
}

async function* batches(file) {
  let batch = [];
  for await (const line of createInterface({ input: createReadStream(file) })) {
    batch.push(item(JSON.parse(line)));
    if (batch.length === BATCH) yield batch.splice(0);
  }
  if (batch.length) yield batch;
}

// Items go as fast as the server takes them; each answer says that all batches up to its sequence are on the disk.
async function ingest(catalog, file) {
  let written = 0;
  let sequence = 0;
  const stream = catalogs.ingestItems();
  stream.on('data', ({ answer, error }) => {
    if (error) explain(error);
    for (const result of answer?.results ?? []) result.error ? explain(result.error) : (written += 1);
  });
  const ended = once(stream, 'end');
  ended.catch(() => {});
  stream.write({ options: { catalog } });
  for await (const items of batches(file)) {
    sequence += 1;
    if (!stream.write({ sequence, items })) await once(stream, 'drain');
  }
  stream.end();
  await ended;
  return written;
}

async function* search(catalog, query) {
  const searches = client('SearchService');
  let pageToken = '';
  do {
    const page = await ask(searches, 'search', { catalog, query, pageSize: 50, pageToken });
    yield* page.hits;
    pageToken = page.nextPageToken;
  } while (pageToken);
}

const [name, file, text, price] = process.argv.slice(2);
const filter = price && { compare: { attribute: 'price', operator: 'OPERATOR_LESS', value: { doubleValue: Number(price) } } };
try {
  await open(name);
  console.error(`${await ingest(name, file)} items written`);
  for await (const { score, item: found } of search(name, { terms: [{ content: { text } }], filter, limit: 100 })) {
    console.log(score.toFixed(3), found.id, found.contents[0].text);
  }
} catch (error) {
  explain(error);
}
