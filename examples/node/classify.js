// Classifies a photo: node classify.js photo.jpg cat dog car
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const protos = loadSync(['samekind/v1/classification_service.proto', 'google/rpc/status.proto', 'google/rpc/error_details.proto'], {
  includeDirs: [fileURLToPath(new URL('../../proto', import.meta.url))],
  defaults: true,
});
const { ClassificationService } = grpc.loadPackageDefinition(protos).samekind.v1;

function classify(server, data, names) {
  const client = new ClassificationService(server, grpc.credentials.createInsecure());
  const request = { contents: [{ image: { data } }], labels: { labels: names.map((name) => ({ name })) } };
  return new Promise((resolve, reject) =>
    client.classify(request, { deadline: Date.now() + 60_000 }, (error, answer) => (error ? reject(error) : resolve(answer))));
}

// An error of the call has its google.rpc.Status in the trailers; one of a single content is such a Status.
function explain(error) {
  const [raw] = error.metadata?.get('grpc-status-details-bin') ?? [];
  const { message, details } = raw ? protos['google.rpc.Status'].deserialize(raw) : error;
  const detail = (type) => {
    const packed = Array.isArray(details) && details.find(({ type_url: url }) => url.endsWith(`/${type}`));
    return packed && protos[type].deserialize(packed.value);
  };
  console.error(`${detail('google.rpc.ErrorInfo')?.reason ?? 'UNAVAILABLE'}: ${message}`);
  for (const { field, description } of detail('google.rpc.BadRequest')?.fieldViolations ?? []) console.error(`  ${field}: ${description}`);
  process.exitCode = 1;
}

const [photo, ...names] = process.argv.slice(2);
const data = readFileSync(photo);
try {
  const { results } = await classify(process.env.SAMEKIND_SERVER ?? 'localhost:50051', data, names);
  for (const { classification, error } of results) {
    if (error) explain(error);
    for (const { label, probability } of classification?.scores ?? []) console.log(probability.toFixed(3), label);
  }
} catch (error) {
  explain(error);
}
