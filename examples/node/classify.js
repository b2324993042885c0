// Classifies a photo: node classify.js photo.jpg cat dog car
import { readFileSync } from 'node:fs';
import { ask, client, explain } from './samekind.js';

const [photo, ...names] = process.argv.slice(2);
const request = { contents: [{ image: { data: readFileSync(photo) } }], labels: { labels: names.map((name) => ({ name })) } };
try {
  const { results } = await ask(client('ClassificationService'), 'classify', request);
  for (const { classification, error } of results) {
    if (error) explain(error);
    for (const { label, probability } of classification?.scores ?? []) console.log(probability.toFixed(3), label);
  }
} catch (error) {
  explain(error);
}
