"""Prompts of a wanted number of tokens, without a tokenizer and without a download.

Each of WORDS is, with the space before it, one token of OpenAI's cl100k_base, which the vocabularies of Llama 3 and
Qwen extend, and of Claude's; so a text of n words has n tokens there. Other tokenizers may count a few more.
"""

from __future__ import annotations

import functools

import numpy as np

_LIST = """
this that with from have self will your void else more they data name true null time over type part work when been
were file year some said comm like also than just them into what list case char only back need user then test make
long read form want comp size spec look know hand most text show find used play help pass down even item last high
line does here very call well java view many good such much http open next bool game path each sign best same made
mark main take free real head must team fact left page both life book base conf date node care full turn body keep
come hard uint port link feel less sure temp rest site cell cost load seem done
"""
WORDS = _LIST.split()
LETTERS = 5
"""Characters of a word and the space before it."""
HEAD = 4
"""Words by which a text is told from every other one."""
TEXT_WORDS = 2**17
STRIDE = 7919


def text(seed: int, number: int, tokens: int) -> str:
    """Return a text of `tokens` words: the same for a seed and a number, and from the first words on unlike others.

    Numbers from 0 to len(WORDS) ** HEAD - 1 have texts of their own, so that no prefix cache mixes them up.
    """
    digits = [number // len(WORDS) ** place % len(WORDS) for place in range(min(HEAD, tokens))]
    head = "".join(f" {WORDS[digit]}" for digit in digits)
    return head + _part(seed, number * STRIDE, tokens - len(digits))


def _part(seed: int, start: int, tokens: int) -> str:
    """Some words of the endless text of a seed, from the word `start` on."""
    whole = _whole(seed)
    first = start % TEXT_WORDS * LETTERS
    end = first + tokens * LETTERS
    return (whole * (end // len(whole) + 1))[first:end] if end > len(whole) else whole[first:end]


@functools.lru_cache(maxsize=8)
def _whole(seed: int) -> str:
    picked = np.random.default_rng(seed).integers(len(WORDS), size=TEXT_WORDS)
    return "".join(f" {WORDS[word]}" for word in picked)
