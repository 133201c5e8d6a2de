"""Words and their codes, in arrays that compiled code can search."""

import numpy as np
from numpy.typing import NDArray

from bus.plain import SPREAD

_BITS = (1 << 64) - 1


class Lexicon:
    """Words numbered from 1 in the order they were first told.

    `heads` is a hash table, at most half full, of codes (0: none) at the place of their word's hash or after it;
    letters[begins[code]:begins[code + 1]] is the word.
    """

    def __init__(self) -> None:
        self.words = [""]
        self.heads = np.zeros(64, np.int64)
        self._codes: dict[str, int] = {}
        self._hashes = [0]
        self._letters = bytearray()
        self._begins = [0, 0]
        self._arrays: tuple[NDArray[np.int64], NDArray[np.uint8]] | None = None

    def code(self, word: str) -> int:
        """The code of a word, a new one where it was not known."""
        code = self._codes.get(word)
        if code is None:
            code = self._codes[word] = len(self.words)
            self.words.append(word)
            self._hashes.append(_hash(word.encode()))
            self._letters += word.encode()
            self._begins.append(len(self._letters))
            self._arrays = None
            self._enter(code)
        return code

    def known(self, word: str) -> int | None:
        """The code of a word that was told."""
        return self._codes.get(word)

    def texts(self) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Begins and letters."""
        if self._arrays is None:
            self._arrays = np.array(self._begins, np.int64), np.frombuffer(bytearray(self._letters), np.uint8)
        return self._arrays

    def _enter(self, code: int) -> None:
        if 2 * code > len(self.heads):
            self.heads = np.zeros(2 * len(self.heads), np.int64)
            for old in range(1, code):
                self._enter(old)
        mask = len(self.heads) - 1
        place = self._hashes[code] & mask
        while self.heads[place]:
            place = place + 1 & mask
        self.heads[place] = code


def _hash(letters: bytes) -> int:
    hashed = 0
    for letter in letters:
        hashed = (hashed << 5 & _BITS | hashed >> 59) ^ letter
    return (hashed * SPREAD & _BITS) >> 32
