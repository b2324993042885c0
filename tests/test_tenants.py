"""Tenants: what one asks can be neither seen, guessed nor used by another."""

import asyncio
from pathlib import Path

import grpc
import pytest

import samekind
from samekind.errors import NotFound
from samekind.queries import ById
from samekind.types import Label, Labels, LongText, Text
from samekind.v1 import embedding_service_pb2 as pb
from samekind.v1.embedding_service_pb2_grpc import EmbeddingServiceStub
from samekind_server.classification.matrices import Matrices
from samekind_server.classification.prepared import prepare
from samekind_server.edge import keys
from samekind_server.edge.callers import Role
from samekind_server.embedding.askers import Asker
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.images import ImageLimits
from samekind_server.embedding.observer import Unobserved
from tests.keeping import item
from tests.model_folders import minis_folder
from tests.running import started

A, B = Asker("a", tenant="a"), Asker("b", tenant="b")


class Counting(Unobserved):
    """Remembers what was found in caches."""

    def __init__(self) -> None:
        self.found: list[tuple[str, int]] = []

    def asked(self, cache: str, *, hits: int, misses: int) -> None:
        self.found.append((cache, hits))


def test_texts_and_labels_that_one_tenant_asked_are_not_found_by_another(engine: Engine) -> None:
    async def ask() -> list[tuple[str, int]]:
        counting = Counting()
        mine = Engine(engine.registry, ImageLimits(), observer=counting)
        encoder = await mine.encoder("")
        for asker in (A, B, A):
            await mine.embed(encoder, [Text("a secret product")], asker=asker)
        matrices, labels = Matrices(mine), prepare(Labels((Label("ripe"), Label("unripe"))))
        for asker in (A, B, A):
            await matrices.get(encoder, labels, LongText.TRUNCATE, asker)
        mine.close()
        return counting.found

    found = asyncio.run(ask())
    assert [hits for cache, hits in found if cache == "labels"] == [0, 0, 1]
    assert [hits for cache, hits in found if cache == "texts"][:3] == [0, 0, 1]


def test_a_page_token_of_one_tenant_is_not_another_s(tmp_path: Path) -> None:
    metadata = {}
    for name, tenant in (("a", "a"), ("a2", "a"), ("b", "b")):
        key, secret = keys.new(name, tenant=tenant)
        keys.add(tmp_path / "keys.json", key)
        metadata[name] = [("authorization", f"Bearer {secret}")]
    other = f"local-dir:{minis_folder(tmp_path / 'model')}"
    with started(tmp_path, "--model", "mini", "--model", other) as address, grpc.insecure_channel(address) as channel:
        ask = EmbeddingServiceStub(channel).ListModels
        token = ask(pb.ListModelsRequest(page_size=1), metadata=metadata["a"]).next_page_token
        assert [model.name for model in ask(pb.ListModelsRequest(page_token=token), metadata=metadata["a2"]).models] == ["mini"]
        with pytest.raises(grpc.RpcError, match="the page token is not one of this request"):
            ask(pb.ListModelsRequest(page_token=token), metadata=metadata["b"])


def test_a_catalog_of_one_tenant_is_not_there_for_another(tmp_path: Path) -> None:
    secrets = {}
    for name in ("a", "b"):
        key, secrets[name] = keys.new(name, tenant=name, role=Role.WRITE)
        keys.add(tmp_path / "keys.json", key)
    with started(tmp_path) as at, samekind.connect(at, key=secrets["a"]) as a, samekind.connect(at, key=secrets["b"]) as b:
        mine = a.catalog("shop", space="0123456789abcdef-4", dimensions=4)
        mine.upsert(item("secret"))
        with pytest.raises(NotFound, match="there is none yet"):
            b.update_catalog("shop", m=8)
        theirs = b.catalog("shop", space="0123456789abcdef-4", dimensions=4)
        assert (b.catalogs() != a.catalogs(), list(theirs.list()), theirs.delete("secret").count) == (True, [], 0)
        asked = {"exact": True, "limit": 5, "facets": ["n"]}
        assert [hit.item.id for hit in mine.search(item("any").contents[0], **asked).hits] == ["secret"]
        assert theirs.search(item("any").contents[0], **asked).hits == ()
        with pytest.raises(NotFound, match="no item 'secret'"):
            theirs.search(ById("secret"))
        b.delete_catalog("shop")
        assert [each.id for each in mine.list()] == ["secret"]
