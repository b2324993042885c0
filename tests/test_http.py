"""JSON over HTTP: the same calls, limits, keys and errors as over gRPC, asked of real servers."""

import base64
import http.client
import json
import re
import shutil
import signal
import socket
import ssl
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest
import trustme
from google.protobuf import json_format
from grpc_health.v1 import health_pb2
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

import proto.openapi
import samekind
from samekind import v1
from samekind.types import Image
from samekind_server.edge import keys
from samekind_server.edge.callers import Role
from samekind_server.web import answers, routes
from tests.fuzzing import MEANT, METHODS, filled
from tests.running import Metrics, address, process, told

CLASSIFY, EMBED_STREAM, LABEL_SETS = "/v1/contents:classify", "/v1/contents:embedStream", "/v1/labelSets"
MOST = 1 << 20
SERVICES = {method.containing_service.full_name: method.containing_service for method in METHODS}.values()
ROUTES = routes.of(SERVICES)
DOCS = (Path(__file__).parent.parent / "docs/http.md").read_text()
ASKED = {"contents": [{"text": "a red apple"}], "labels": {"labels": [{"name": "apple"}, {"name": "car"}]}}


def place(route: routes.Route) -> tuple[str, int]:
    """Services by name, methods as they stand in them."""
    return route.method.containing_service.name, route.method.index


class Answer:
    """A status, its headers and what the JSON says."""

    def __init__(self, given: http.client.HTTPResponse) -> None:
        self.code, self.headers, raw = given.status, given.headers, given.read()
        self.json: Any = json.loads(raw) if given.headers["content-type"] == "application/json" else raw.decode()

    @property
    def details(self) -> dict[str, Any]:
        """An error's details by their short types."""
        return {detail["@type"].rpartition(".")[2]: detail for detail in self.json["details"]}

    @property
    def reason(self) -> str:
        return str(self.details["ErrorInfo"]["reason"])


class Site:
    """A web port, spoken to on one connection after the other."""

    def __init__(self, where: str, *, grpc_address: str = "", tls: ssl.SSLContext | None = None, key: str = "") -> None:
        self.netloc, self.grpc, self.tls = urlsplit(where).netloc, grpc_address, tls
        self.headers = {"authorization": f"Bearer {key}"} if key else {}

    def connection(self) -> http.client.HTTPConnection:
        host = self.netloc.replace("127.0.0.1", "localhost")
        return http.client.HTTPSConnection(host, timeout=60, context=self.tls) if self.tls else http.client.HTTPConnection(self.netloc, timeout=60)

    def ask(self, verb: str, path: str, body: Any = None, **headers: str) -> Answer:
        """`body` is bytes, or becomes JSON."""
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        kind = {"content-type": "application/json"} if raw is not None else {}
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = self.connection()
        try:
            connection.request(verb, path, raw, self.headers | kind | given)
            return Answer(connection.getresponse())
        finally:
            connection.close()


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "calls"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, log: Path) -> Iterator[tuple[Site, Metrics]]:
    """A server without keys, that takes a megabyte at once and logs its calls."""
    flags = ("--web", "0", "--metrics", "0", "--max-message-bytes", str(MOST), "--access-log", str(log), "--log-format", "json")
    with process(tmp_path_factory.mktemp("data"), *flags) as server:
        at = address(server)
        yield Site(told(server, "web"), grpc_address=at), Metrics(server)


@pytest.fixture
def site(served: tuple[Site, Metrics]) -> Site:
    return served[0]


def lines(log: Path, request_id: str) -> list[dict[str, Any]]:
    """The access log's lines of one request, once there are any."""
    while not (found := [line for line in map(json.loads, log.read_text().splitlines()) if line["request_id"] == request_id]):
        pass
    return found


def test_a_photo_is_classified_as_over_grpc(site, png):
    data = base64.b64encode(png).decode()
    answer = site.ask("POST", CLASSIFY, ASKED | {"contents": [{"image": {"data": data}}]})
    with samekind.connect(site.grpc) as sk:
        [first] = sk.classify([Image(png)], labels=["apple", "car"])
    scores = answer.json["results"][0]["classification"]["scores"]
    assert [(score["label"], pytest.approx(score["probability"])) for score in scores] == [(one.label, one.probability) for one in first.scores]


def test_a_bad_content_fails_alone(site):
    answer = site.ask("POST", CLASSIFY, ASKED | {"contents": [{"text": "a"}, {}, {"image": {"data": "AAAA"}}]})
    good, empty, damaged = answer.json["results"]
    assert answer.code == 200
    assert good["classification"]["scores"]
    assert empty["error"]["code"] == 3
    assert damaged["error"]["details"][0]["reason"] == "BAD_IMAGE"


def test_label_sets_are_made_read_changed_listed_and_deleted_by_their_routes(site):
    made = site.ask("POST", f"{LABEL_SETS}?requestId=1", {"name": "pets", "labels": [{"name": "cat"}]}).json["labelSet"]
    assert site.ask("POST", f"{LABEL_SETS}?requestId=1", {"name": "pets", "labels": [{"name": "cat"}]}).json["labelSet"] == made
    assert site.ask("GET", f"{LABEL_SETS}/pets").json["labelSet"] == made
    new = {"labels": [{"name": "cat"}, {"name": "dog"}], "templateSet": "plain", "etag": made["etag"]}
    changed = site.ask("PATCH", f"{LABEL_SETS}/pets?updateMask=labels", new).json["labelSet"]
    assert (changed["version"], changed["templateSet"], len(changed["labels"])) == ("2", made["templateSet"], 2)
    stale = site.ask("PATCH", f"{LABEL_SETS}/pets?updateMask=template_set", new)
    assert (stale.code, stale.reason) == (409, "ETAG_MISMATCH")
    assert [one["name"] for one in site.ask("GET", f"{LABEL_SETS}?pageSize=1").json["labelSets"]] == ["pets"]
    assert site.ask("DELETE", f"{LABEL_SETS}/pets").code == 200
    assert site.ask("GET", f"{LABEL_SETS}/pets").code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{", "body"),
        (b"[]", "body"),
        (b"5", "body"),
        (b'{"model": "\xff"}', "body"),
        (b'{"labels":' * 100_000, "body"),
        (b'{"model": "a", "model": "b"}', "body"),
        (b'{"contents": [' + b"{}," * 400_000, "body"),
        (b'{"colour": 1}', "body"),
        (b'{"contents": [{"tex": "a"}]}', "contents[0]"),
        (b'{"contents": [{"image": {"data": 5}}]}', "contents.data"),
        (b'{"topK": -1}', "topK"),
        (b'{"longText": "LONG"}', "longText"),
        (b'{"minProbability": NaN}', "minProbability"),
        (b"{}", "contents"),
    ],
    ids=lambda part: str(part[:30]),
)
def test_a_body_that_is_no_request_is_refused_by_the_name_of_its_field(site, body, field):
    answer = site.ask("POST", CLASSIFY, body[: MOST - 1])
    assert (answer.code, answer.json["code"], answer.reason) == (400, 3, "BAD_REQUEST")
    assert field in {violation["field"] for violation in answer.details["BadRequest"]["fieldViolations"]}


@pytest.mark.parametrize(
    ("verb", "path", "body", "headers", "code", "reason"),
    [
        ("GET", "/v1/models/no/such", None, {}, 404, "NOT_FOUND"),
        ("GET", "/v1/nothing", None, {}, 404, "NOT_FOUND"),
        ("GET", "/v1/models?pageSize=many", None, {}, 400, "BAD_REQUEST"),
        ("GET", "/v1/models?colour=red", None, {}, 400, "BAD_REQUEST"),
        ("GET", "/v1/models?pageSize=1&pageSize=2", None, {}, 400, "BAD_REQUEST"),
        ("GET", "/v1/models", {"pageSize": 1}, {}, 400, "BAD_REQUEST"),
        ("DELETE", "/v1/models", None, {}, 405, "UNIMPLEMENTED"),
        ("POST", CLASSIFY, ASKED, {"content_type": "text/plain"}, 415, "BAD_REQUEST"),
        ("POST", CLASSIFY, ASKED, {"content_encoding": "gzip"}, 415, "BAD_REQUEST"),
        ("POST", CLASSIFY, b" " * (MOST + 1), {}, 413, "REQUEST_TOO_LARGE"),
        ("POST", CLASSIFY, ASKED, {"x_server_timeout": "soon"}, 400, "BAD_REQUEST"),
        ("POST", CLASSIFY, ASKED, {"x_server_timeout": "1e-6"}, 504, "DEADLINE_EXCEEDED"),
        ("GET", "/v1/models", None, {"host": "elsewhere.example"}, 403, "PERMISSION_DENIED"),
    ],
)
def test_an_error_is_a_status_with_its_reason_and_the_request_s_id(site, verb, path, body, headers, code, reason):
    answer = site.ask(verb, path, body, x_request_id="mine", **headers)
    assert (answer.code, answer.reason, answer.headers["x-request-id"]) == (code, reason, "mine")
    assert answer.details["ErrorInfo"]["metadata"]["request_id"] == "mine"
    assert answer.headers["allow"] == ("GET" if code == 405 else None)


def test_a_page_of_another_site_cannot_ask(site):
    answer = site.ask("OPTIONS", CLASSIFY, origin="https://elsewhere.example", access_control_request_method="POST")
    assert answer.code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_calls_are_logged_and_counted_as_over_grpc(served, log):
    site, metrics = served
    site.ask("POST", CLASSIFY, ASKED, x_request_id="logged")
    site.ask("POST", CLASSIFY, b"{", x_request_id="damaged")
    [good], [bad] = lines(log, "logged"), lines(log, "damaged")
    method = "samekind.v1.ClassificationService/Classify"
    assert (good["method"], good["code"], good["contents"], good["bytes"]) == (method, "OK", 1, len(json.dumps(ASKED)))
    assert good["peer"].startswith("ipv4:127.0.0.1:")
    assert (bad["method"], bad["code"], bad["reason"]) == (method, "INVALID_ARGUMENT", "BAD_REQUEST")
    assert metrics.value("samekind_call_seconds_count", method=method, code="OK") > 0


def test_health_and_readiness_are_told_without_a_call(site):
    assert [(site.ask("GET", path).code, site.ask("GET", path).json) for path in ("/healthz", "/readyz")] == [(200, "alive\n"), (200, "serving\n")]


class Stream:
    """A call whose lines go in and out at the same time."""

    def __init__(self, site: Site, **headers: str) -> None:
        self.connection = site.connection()
        self.connection.putrequest("POST", EMBED_STREAM)
        for name, value in {"content-type": "application/x-ndjson", "transfer-encoding": "chunked", **site.headers, **headers}.items():
            self.connection.putheader(name, value)
        self.connection.endheaders()
        self.answers: http.client.HTTPResponse | None = None

    def ask(self, line: bytes) -> Any:
        """What is answered to a line, which is sent in two pieces."""
        for piece in (line[:9], line[9:] + b"\n"):
            self.connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        return self.answer()

    def answer(self) -> Any:
        self.answers = self.answers or self.connection.getresponse()
        return json.loads(self.answers.readline())

    def close(self) -> None:
        if self.answers:
            self.answers.close()
        self.connection.close()


def test_a_stream_is_lines_in_and_lines_out_at_the_same_time(site):
    with closing(Stream(site)) as stream:
        assert stream.ask(b'{"options": {}, "sequence": 1, "contents": [{"text": "a"}]}')["result"]["sequence"] == "1"
        assert stream.ask(b'{"sequence": 2, "contents": [{"text": "b"}]}')["result"]["sequence"] == "2"
        assert stream.ask(b"not a message")["error"]["code"] == 3
        assert stream.answers.read() == b""


def test_a_stream_that_fails_before_its_first_answer_has_the_error_s_status(site):
    answer = site.ask("POST", EMBED_STREAM, b'{"contents": [{"text": "a"}]}\n')
    assert (answer.code, answer.details["BadRequest"]["fieldViolations"][0]["field"]) == (400, "options")


def test_a_caller_that_leaves_takes_its_question_back(site, log):
    with closing(Stream(site, **{"x-request-id": "gone"})) as stream:
        assert stream.ask(b'{"options": {}, "contents": [{"text": "a"}]}')["result"]
    assert [line["code"] for line in lines(log, "gone")] == ["CANCELLED"]


def odd(route: routes.Route, random: Random) -> bytes:
    """A request as JSON, damaged in half of the cases."""
    try:
        body = json_format.MessageToJson(filled(route.method.input_type, random, meant=MEANT if random.random() < 0.5 else {})).encode()
    except json_format.SerializeToJsonError:  # A time that is none.
        return b"{}"
    place = random.randrange(len(body))
    return random.choice([body, body[:place] + random.randbytes(2) + body[place + random.randrange(3) :]])


def test_no_odd_request_is_a_fault_of_the_server(site, pytestconfig):
    random, codes = Random(5), Counter()
    for _ in range(pytestconfig.getoption("--fuzz-calls") // 33):
        route = random.choice(ROUTES)
        body = odd(route, random)
        path = routes.VARIABLE.sub(lambda found: random.choice(["mini", "a%2Fb", "%FF", "pets@2", "..", "%00"]), route.template)
        codes[site.ask(route.verb, path, body if route.body else None).code] += 1
    assert codes.keys() <= {200, 400, 404, 409, 413, 429}


def test_a_verb_after_a_name_is_no_part_of_it(site):
    assert site.ask("GET", "/v1/catalogs/shop").json["message"] == site.ask("GET", "/v1/catalogs/shop:stats").json["message"]


def test_every_method_has_a_route_and_no_two_the_same():
    assert {route.method.full_name for route in ROUTES} == {method.full_name for method in METHODS}
    assert [pair for pair, times in Counter((route.verb, route.path) for route in ROUTES).items() if times > 1] == []
    assert [route.path for route in ROUTES if not route.path.startswith("/v1/")] == []


@pytest.mark.parametrize("line", re.findall(r"^\$ (.*curl.*)", DOCS, re.M))
def test_a_curl_line_of_the_docs_is_answered(site, photos, tmp_path, line):
    shutil.copy(photos[0], tmp_path / "cat.jpg")
    told = line.replace("localhost:8080", site.netloc).replace("curl ", "curl --silent --show-error ")
    answers = [json.loads(answer) for answer in subprocess.check_output(["bash", "-c", told], cwd=tmp_path, text=True).splitlines()]
    assert [answer["code"] for answer in answers if "code" in answer] == ([3] if "txt" in line else [])
    assert answers


def test_a_method_without_a_route_of_its_own_is_asked_at_its_grpc_path():
    first, *_ = routes.of([health_pb2.DESCRIPTOR.services_by_name["Health"]])
    assert (first.verb, first.path, first.body) == ("POST", "/grpc.health.v1.Health/Check", "*")


def test_the_docs_tell_every_route():
    assert re.findall(r"^\| `([A-Z]+ /v1\S+)` \| `(\S+)` \|$", DOCS, re.M) == [
        (f"{route.verb} {route.template}", f"{route.method.containing_service.name}.{route.method.name}") for route in sorted(ROUTES, key=place)
    ]


def test_the_docs_tell_the_http_status_of_every_code():
    told = {code: int(row[1][:3]) for row in re.findall(r"^\| (`[A-Z_`, ]+) \| (\d.*) \|$", DOCS, re.M) for code in re.findall("[A-Z_]+", row[0])}
    assert told == {code.name: answers.HTTP.get(code.name, 500) for code in grpc.StatusCode if code is not grpc.StatusCode.OK}


def test_the_description_is_sound_as_the_protos_make_it_and_served(site):
    text = (Path(v1.__path__[0]) / "openapi.json").read_text()
    assert text == proto.openapi.text(), "run `make proto`"
    OpenAPIV31SpecValidator(json.loads(text)).validate()
    assert site.ask("GET", "/openapi.json").json == json.loads(text)


def test_answers_are_as_the_description_says(site):
    described = site.ask("GET", "/openapi.json").json
    for answer, schema in [
        (site.ask("POST", CLASSIFY, ASKED | {"contents": [{"text": "a"}, {}]}), "ClassifyResponse"),
        (site.ask("GET", "/v1/models"), "ListModelsResponse"),
        (site.ask("POST", CLASSIFY, {}), "Status"),
    ]:
        validator = OAS31Validator(described | {"$ref": f"#/components/schemas/{schema}"})
        assert [error.message for error in validator.iter_errors(answer.json)] == []
        assert [*validator.iter_errors({"colour": "red"})]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> Iterator[tuple[Site, Path]]:
    """A server with TLS that asks for keys, and its folder; the site's key may read."""
    data = tmp_path_factory.mktemp("guarded")
    issue(authority, data)
    site = Site("", key=secret(data, "reader", role=Role.READ), tls=trusting(authority))
    flags = ("--web", "0.0.0.0:0", "--tls-cert", str(data / "cert.pem"), "--tls-key", str(data / "key.pem"))
    with process(data, *flags) as server:
        site.grpc = address(server)
        where = urlsplit(told(server, "web"))
        assert where.scheme == "https"
        site.netloc = f"127.0.0.1:{where.port}"
        yield site, data


def issue(authority: trustme.CA, folder: Path) -> None:
    made = authority.issue_cert("localhost")
    made.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    made.private_key_pem.write_to_path(str(folder / "key.pem"))
    (folder / "key.pem").chmod(0o600)


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def secret(data: Path, name: str, **given: Any) -> str:
    key, secret = keys.new(name, **given)
    keys.add(data / "keys.json", key)
    return secret


def test_a_call_needs_a_key_that_allows_it_and_refusals_are_audited(guarded):
    site, data = guarded
    unknown = Site(f"https://{site.netloc}", tls=site.tls, key="sk_no").ask("POST", CLASSIFY, b"not read", x_request_id="stranger")
    assert (unknown.code, unknown.reason, unknown.headers["www-authenticate"]) == (401, "UNAUTHENTICATED", "Bearer")
    assert site.ask("POST", CLASSIFY, ASKED, host="any.example").code == 200
    forbidden = site.ask("POST", LABEL_SETS, {"name": "a"}, x_request_id="reader")
    assert (forbidden.code, forbidden.reason) == (403, "PERMISSION_DENIED")
    told = {line["request_id"]: line for line in map(json.loads, (data / "audit.log").read_text().splitlines())}
    assert (told["stranger"]["code"], told["reader"]["caller"]) == ("UNAUTHENTICATED", "reader")
    assert told["stranger"]["peer"].startswith("ipv4:127.0.0.1:")


def test_nothing_is_taken_of_a_body_that_is_refused(guarded):
    site, _ = guarded
    with closing(site.connection()) as connection:
        connection.connect()
        connection.sock.sendall(b"POST /v1/contents:classify HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n")
        connection.sock.sendall(b"content-length: 1000000\r\nexpect: 100-continue\r\n\r\n")
        assert connection.sock.recv(1 << 16).startswith(b"HTTP/1.1 401 Unauthorized\r\n")


def test_one_connection_s_calls_are_each_their_own_caller_s(guarded):
    site, _ = guarded
    connection = site.connection()
    codes = []
    for headers in (site.headers, {}, site.headers):
        connection.request("GET", "/v1/models", headers=headers)
        answer = connection.getresponse()
        codes.append(answer.status)
        answer.read()
    connection.close()
    assert codes == [200, 401, 200]


def test_a_key_that_is_taken_away_ends_its_streams(guarded):
    site, data = guarded
    with closing(Stream(Site(f"https://{site.netloc}", tls=site.tls, key=secret(data, "leaver")))) as stream:
        assert stream.ask(b'{"options": {}, "contents": [{"text": "a"}]}')["result"]
        keys.remove(data / "keys.json", "leaver")
        assert stream.ask(b'{"contents": [{"text": "b"}]}')["error"]["code"] == grpc.StatusCode.UNAUTHENTICATED.value[0]


def test_who_is_over_its_quota_is_told_when_to_come_back(guarded):
    site, data = guarded
    slow = Site(f"https://{site.netloc}", tls=site.tls, key=secret(data, "slow", requests_per_second=0.02))
    assert slow.ask("GET", "/v1/models").code == 200
    refused = slow.ask("GET", "/v1/models")
    assert (refused.code, refused.reason) == (429, "QUOTA_EXCEEDED")
    delay = float(refused.details["RetryInfo"]["retryDelay"].removesuffix("s"))
    assert delay <= int(refused.headers["retry-after"]) < delay + 1


def test_a_certificate_is_renewed_while_the_server_runs(guarded, authority):
    site, data = guarded
    shown = []
    for _ in range(2):
        connection = site.connection()
        connection.connect()
        shown.append(connection.sock.getpeercert())
        connection.close()
        issue(authority, data)
    assert shown[0]["serialNumber"] != shown[1]["serialNumber"]


def begun(site: Site, size: int) -> http.client.HTTPConnection:
    """A call whose body lacks its last byte."""
    connection = site.connection()
    connection.putrequest("POST", CLASSIFY)
    for name, value in (("content-type", "application/json"), ("content-length", str(size))):
        connection.putheader(name, value)
    connection.endheaders(b" " * (size - 1))
    return connection


def test_bodies_on_their_way_have_so_much_room_together(tmp_path):
    half = json.dumps({"contents": [{"text": " " * (MOST // 2)}]}).encode()
    with process(tmp_path, "--web", "0", "--max-message-bytes", str(MOST), "--max-bytes-under-way", str(MOST)) as server:
        site = Site(told(server, "web"))
        with ExitStack() as slow:
            while (answer := site.ask("POST", CLASSIFY, half)).code != 429:
                assert answer.code == 400
                slow.enter_context(closing(begun(site, MOST)))  # One that comes while ours is there is refused instead.
        assert (answer.reason, answer.headers["retry-after"]) == ("OVERLOADED", "1")
        while (answer := site.ask("POST", CLASSIFY, half)).code == 429:
            pass  # That the slow ones left has not been seen yet.
    assert answer.code == 400


def test_an_address_open_to_others_needs_keys_and_tls(tmp_path):
    with process(tmp_path, "--web", "0.0.0.0:0") as server:
        _, words = server.communicate(timeout=60)
    assert (server.returncode, "0.0.0.0 is open to other machines" in words) == (2, True)


def test_a_port_that_is_taken_is_told(tmp_path, site):
    with process(tmp_path, "--web", site.netloc) as server:
        _, words = server.communicate(timeout=60)
    assert words == f"samekind serve: cannot listen on {site.netloc}: address already in use; choose another with --web, 0 for a free port\n"


def test_both_ports_end_together_and_what_is_under_way_is_answered(tmp_path):
    with process(tmp_path, "--web", "0", "--grace", "60") as server:
        at = address(server)
        site = Site(told(server, "web"))
        with closing(Stream(site)) as stream:
            assert stream.ask(b'{"options": {}, "contents": [{"text": "a"}]}')["result"]
            server.send_signal(signal.SIGTERM)
            assert stream.answer()["error"]["code"] == grpc.StatusCode.UNAVAILABLE.value[0]
        assert server.wait(timeout=60) == 0
    for where in (at, site.netloc):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(where.split(":"))
