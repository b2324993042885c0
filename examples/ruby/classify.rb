# Classifies a photo: ruby classify.rb photo.jpg cat dog car
$LOAD_PATH.unshift File.join(__dir__, 'lib')
require 'grpc'
require 'google/protobuf/well_known_types'
require 'google/rpc/error_details_pb'
require 'samekind/v1/classification_service_services_pb'

include Samekind::V1

# An error of the call has its google.rpc.Status in the trailers; one of a single content is such a Status.
def explain(status)
  details = [Google::Rpc::ErrorInfo, Google::Rpc::BadRequest].to_h do |type|
    [type, status.details.find { |any| any.is(type) }&.unpack(type)]
  end
  warn "#{details[Google::Rpc::ErrorInfo]&.reason || 'UNAVAILABLE'}: #{status.message}"
  details[Google::Rpc::BadRequest]&.field_violations&.each { |one| warn "  #{one.field}: #{one.description}" }
  exit 1
end

photo, *names = ARGV
client = ClassificationService::Stub.new(ENV.fetch('SAMEKIND_SERVER', 'localhost:50051'), :this_channel_is_insecure, timeout: 60)
request = ClassifyRequest.new(
  contents: [Content.new(image: Image.new(data: File.binread(photo)))],
  labels: Labels.new(labels: names.map { |name| Label.new(name: name) })
)

begin
  client.classify(request).results.each do |result|
    explain(result.error) if result.error
    result.classification.scores.each { |score| puts format('%.3f %s', score.probability, score.label) }
  end
rescue GRPC::BadStatus => error
  explain(error.to_rpc_status || Google::Rpc::Status.new(message: error.details))
end
