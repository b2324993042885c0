"""RecommendationService: what users do with items, each tenant's own, and what was learned of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from samekind import wire
from samekind.v1 import recommendation_service_pb2 as pb
from samekind.v1 import recommendation_service_pb2_grpc as stubs
from samekind_server.catalog.catalogs import Catalogs
from samekind_server.edge import callers, event_stream, pages, validation
from samekind_server.edge.asking import asker
from samekind_server.edge.handlers import Context
from samekind_server.recommendation.events import Events
from samekind_server.recommendation.learning import Learner
from samekind_server.recommendation.recommending import Recommending

PAGE = 100


class RecommendationServicer(stubs.RecommendationServiceServicer):
    """Answers each tenant of its own catalogs."""

    def __init__(self, events: Events, learner: Learner, catalogs: Catalogs, recommending: Recommending) -> None:
        self._events, self._learner, self._catalogs, self._recommending = events, learner, catalogs, recommending

    async def RecordEvents(self, request: pb.RecordEventsRequest, context: Context) -> pb.RecordEventsResponse:
        """Records a batch."""
        validation.check(request)
        given = await event_stream.read(request.events)
        return wire.record_events_response(await self._events.record(_tenant(), request.catalog, given))

    async def IngestEvents(self, requests: AsyncIterator[pb.IngestEventsRequest], context: Context) -> AsyncIterator[pb.IngestEventsResponse]:
        """Records batches for as long as they come."""
        async for acknowledged in event_stream.acknowledged(requests, self._events):
            yield acknowledged

    async def ListEvents(self, request: pb.ListEventsRequest, context: Context) -> pb.ListEventsResponse:
        """Lists events, latest first."""
        validation.check(request)
        size, after = request.page_size or PAGE, pages.after(request)
        listed, more = await self._events.page(_tenant(), request.catalog, user=request.user, item=request.item, after=after, most=size)
        return wire.list_events_response(listed, next_page_token=pages.token(request, more) if more else "")

    async def DeleteUser(self, request: pb.DeleteUserRequest, context: Context) -> pb.DeleteUserResponse:
        """Forgets a user."""
        validation.check(request)
        return pb.DeleteUserResponse(events=await self._events.forget(_tenant(), request.catalog, request.user))

    async def Recommend(self, request: pb.RecommendRequest, context: Context) -> pb.RecommendResponse:
        """Recommends items."""
        validation.check(request)
        catalog, wish = await self._catalogs.open(_tenant(), request.catalog), wire.read_wish(request)
        of, size = str(catalog.id), request.page_size or PAGE
        token = pages.after(request, of=of)
        found = await self._recommending.recommend(catalog, wish, size=size, token=token, asker=asker(context))
        more = pages.token(request, found.next_page_token, of=of) if found.next_page_token else ""
        return wire.recommend_response(replace(found, next_page_token=more))

    async def GetRecommendationModel(self, request: pb.GetRecommendationModelRequest, context: Context) -> pb.GetRecommendationModelResponse:
        """Tells what was learned."""
        validation.check(request)
        told = await self._learner.told(_tenant(), request.catalog)
        return pb.GetRecommendationModelResponse(model=wire.recommendation_model(told))


def _tenant() -> str:
    return callers.current().tenant
