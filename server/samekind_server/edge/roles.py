"""Which role each method needs, so that no call is answered that the key does not allow."""

from collections.abc import Mapping

from samekind_server.edge.callers import Role

# Who asks whether the server lives may have no key. Nothing else stands here.
OPEN = frozenset({"grpc.health.v1.Health/Check", "grpc.health.v1.Health/List", "grpc.health.v1.Health/Watch"})
ROLES: Mapping[str, Role] = {
    "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": Role.READ,
    "samekind.v1.CatalogService/CreateCatalog": Role.WRITE,
    "samekind.v1.CatalogService/DeleteCatalog": Role.WRITE,
    "samekind.v1.CatalogService/DeleteItems": Role.WRITE,
    "samekind.v1.CatalogService/GetCatalog": Role.READ,
    "samekind.v1.CatalogService/GetCatalogStats": Role.READ,
    "samekind.v1.CatalogService/GetItems": Role.READ,
    "samekind.v1.CatalogService/IngestItems": Role.WRITE,
    "samekind.v1.CatalogService/ListCatalogs": Role.READ,
    "samekind.v1.CatalogService/ListItems": Role.READ,
    "samekind.v1.CatalogService/UpdateCatalog": Role.WRITE,
    "samekind.v1.CatalogService/UpdateItems": Role.WRITE,
    "samekind.v1.CatalogService/UpsertItems": Role.WRITE,
    "samekind.v1.ClassificationService/Classify": Role.READ,
    "samekind.v1.ClassificationService/ClassifyStream": Role.READ,
    "samekind.v1.EmbeddingService/Embed": Role.READ,
    "samekind.v1.EmbeddingService/EmbedStream": Role.READ,
    "samekind.v1.EmbeddingService/GetModel": Role.READ,
    "samekind.v1.EmbeddingService/ListModels": Role.READ,
    "samekind.v1.LabelSetService/CreateLabelSet": Role.WRITE,
    "samekind.v1.LabelSetService/DeleteLabelSet": Role.WRITE,
    "samekind.v1.LabelSetService/GetLabelSet": Role.READ,
    "samekind.v1.LabelSetService/ListLabelSets": Role.READ,
    "samekind.v1.LabelSetService/UpdateLabelSet": Role.WRITE,
    "samekind.v1.RecommendationService/DeleteUser": Role.WRITE,
    "samekind.v1.RecommendationService/GetRecommendationModel": Role.READ,
    "samekind.v1.RecommendationService/IngestEvents": Role.WRITE,
    "samekind.v1.RecommendationService/ListEvents": Role.READ,
    "samekind.v1.RecommendationService/Recommend": Role.READ,
    "samekind.v1.RecommendationService/RecordEvents": Role.WRITE,
    "samekind.v1.SearchService/BatchSearch": Role.READ,
    "samekind.v1.SearchService/Search": Role.READ,
}


def needed(method: str, roles: Mapping[str, Role] = ROLES) -> Role:
    """The role a method needs: the highest for one that was forgotten here."""
    return roles.get(method, Role.ADMIN)
