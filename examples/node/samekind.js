// What the examples share: services made of the protos, and errors in words.
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const files = ['classification_service', 'catalog_service', 'search_service'].map((name) => `samekind/v1/${name}.proto`);
const protos = loadSync([...files, 'google/rpc/status.proto', 'google/rpc/error_details.proto'], {
  includeDirs: [fileURLToPath(new URL('../../proto', import.meta.url))],
  defaults: true,
  longs: Number,
});
const services = grpc.loadPackageDefinition(protos).samekind.v1;

// A client of a service; `ask` makes a call of it a promise.
export const client = (service) =>
  new services[service](process.env.SAMEKIND_SERVER ?? 'localhost:50051', grpc.credentials.createInsecure());
export const ask = (asked, method, request) => new Promise((resolve, reject) =>
  asked[method](request, { deadline: Date.now() + 60_000 }, (error, answer) => (error ? reject(error) : resolve(answer))));

// An error of the call has its google.rpc.Status in the trailers; one of a single content is such a Status.
export function explain(error) {
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
