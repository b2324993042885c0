// Classifies a photo: classify photo.jpg cat dog car
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include <grpcpp/grpcpp.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "samekind/v1/classification_service.grpc.pb.h"

namespace v1 = samekind::v1;

// An error of the call has its google.rpc.Status beside its code; one of a single content is such a Status.
int Explain(const google::rpc::Status& status) {
  google::rpc::ErrorInfo info;
  google::rpc::BadRequest bad;
  for (const auto& detail : status.details()) {
    detail.UnpackTo(&info) || detail.UnpackTo(&bad);
  }
  std::fprintf(stderr, "%s: %s\n", info.reason().empty() ? "UNAVAILABLE" : info.reason().c_str(), status.message().c_str());
  for (const auto& one : bad.field_violations()) {
    std::fprintf(stderr, "  %s: %s\n", one.field().c_str(), one.description().c_str());
  }
  return 1;
}

int main(int count, char** given) {
  if (count < 2) return std::fprintf(stderr, "classify photo.jpg LABEL...\n"), 2;
  const char* server = std::getenv("SAMEKIND_SERVER");
  const auto channel = grpc::CreateChannel(server ? server : "localhost:50051", grpc::InsecureChannelCredentials());
  const auto client = v1::ClassificationService::NewStub(channel);

  v1::ClassifyRequest request;
  std::ifstream photo(given[1], std::ios::binary);
  request.add_contents()->mutable_image()->set_data(std::string(std::istreambuf_iterator<char>(photo), {}));
  auto* labels = request.mutable_labels();
  for (int i = 2; i < count; ++i) labels->add_labels()->set_name(given[i]);

  v1::ClassifyResponse answer;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1));
  const grpc::Status status = client->Classify(&context, request, &answer);
  if (!status.ok()) {
    google::rpc::Status told;
    if (!told.ParseFromString(status.error_details()) || !told.code()) told.set_message(status.error_message());
    return Explain(told);
  }
  for (const auto& result : answer.results()) {
    if (result.has_error()) return Explain(result.error());
    for (const auto& score : result.classification().scores()) {
      std::printf("%.3f %s\n", score.probability(), score.label().c_str());
    }
  }
}
