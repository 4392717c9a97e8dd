"""What a wrong name may have meant."""

from __future__ import annotations

from collections.abc import Iterable


def suggest(wrong: str, names: Iterable[str]) -> str:
    """The names that `wrong` may stand for, or else all of them.

    >>> suggest("cosine", ["Constant", "CosineAnnealing"])
    'did you mean CosineAnnealing?'
    >>> suggest("xyz", ["Constant", "CosineAnnealing"])
    'there is Constant, CosineAnnealing'
    """
    from difflib import get_close_matches  # wanted after an error alone

    known = {name.lower(): name for name in names}
    if not known:
        return "there is none"
    text = wrong.lower().strip("-")
    close = [name for name in known if len(text) > 2 and text in name]
    close = close or get_close_matches(wrong.lower(), known, n=2)
    if close:
        return f"did you mean {' or '.join(known[name] for name in close)}?"
    return f"there is {', '.join(known.values())}"
