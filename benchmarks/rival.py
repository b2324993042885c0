"""What samekind is compared with: a script that uses open_clip and torch, in all of their threads or in one."""

import io
from collections.abc import Callable, Sequence
from typing import Any

from samekind_server.embedding.sources import MINI


def in_one_thread(run: Callable[[], object]) -> Callable[[], object]:
    """The same without torch's threads, which wait for each other and lose much where others use the processor too."""
    import torch

    every = torch.get_num_threads()

    def alone() -> object:
        torch.set_num_threads(1)
        try:
            return run()
        finally:
            torch.set_num_threads(every)

    return alone


def classifier(labels: Sequence[str]) -> Callable[[bytes], object]:
    """The probabilities of a JPEG among `labels`, whose vectors are made once, with the weights of `mini`."""
    import open_clip
    import torch
    from PIL import Image

    name = f"local-dir:{MINI}"
    model, _, transform = open_clip.create_model_and_transforms(name)
    model.eval()
    head = open_clip.build_zero_shot_classifier(model, open_clip.get_tokenizer(name), labels, open_clip.SIMPLE_IMAGENET_TEMPLATES)

    @torch.inference_mode()
    def classify(data: bytes) -> object:
        features = model.encode_image(transform(Image.open(io.BytesIO(data))).unsqueeze(0), normalize=True)
        return (model.logit_scale.exp() * features @ head).softmax(-1).tolist()

    return classify


def untrained(architecture: str) -> Any:
    """A model of open_clip with random weights, which take the same time."""
    import open_clip
    import torch

    torch.manual_seed(0)
    return open_clip.CLIP(**open_clip.get_model_config(architecture)).eval()
