"""Project names that a person could take for each other. Pure.

Names are compared in a normal form (:func:`fold`). The index holds the normal forms of a team in
two sorted lists, forwards and backwards. A typo changes only one half of a name. The names that
share the other half are a short range of one list, and a search of this range finds the typo.

rapidfuzz is not faster: with 10,000 names it needs 0.3 ms for the names of similar length and 1 ms
for all names. Its import takes 14 ms and 6 MB, and it has no rule for digits.
"""

import re
import unicodedata
from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass

_LONG_ENOUGH = 8  # characters; in a shorter name, one other letter often makes another word
_TOO_LONG = 300  # characters; the search takes 0.3 ms for 300 characters and 4 ms for 2,000
_SEPARATORS = re.compile(r"[-_\s]+")
# Unicode's Default_Ignorable_Code_Point, other format characters without a glyph, the blank braille
# pattern, and U+10FFFF, which no text uses and ``_LAST`` needs for itself.
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff\U0010ffff]"
)
_LAST = "\U0010ffff"  # sorts after every character of a normal form
# Each group is a character and its look-alikes: the Cyrillic, Greek, Armenian and Cherokee letters
# and the small capitals of https://www.unicode.org/Public/security/latest/confusables.txt, and the
# Greek and Cyrillic letters that people take for a Latin one. If a small letter has no look-alike,
# its capital decides, as for the Cyrillic "в". A library would add a table of 6,000 characters.
_ALIKE = (
    "aаαɑᴀꭺᎪ bвьβʙᏴ cсϲᴄᏟ dԁᴅᎠ eеεᴇᎬ fғꜰ gɡցɢᏀ hһнհʜᎻ iіιıɪɩᎥ jјϳյᴊᎫ kкκᴋᏦ lӏʟᏞ mмμᴍᎷ nпηոռɴ"  # noqa: RUF001 - that is the point
    " oоοօᴏ pрρᴘᏢ qԛզ rгʀᏒ sѕꜱᏚ tтτᴛᎢ uυսᴜ vѵνᴠᏙ wԝωաᴡᎳ xхχ yуүγʏᎩ zζᴢᏃ -‐‒–—―−⁃"  # noqa: RUF001
)
_HOMOGLYPHS = str.maketrans({other: one[0] for one in _ALIKE.split() for other in one[1:]})


def fold(name: str) -> str:
    """Return the normal form of a name. Names that look alike have the same normal form."""
    if name.isascii():
        text = name.lower()
    else:
        visible = INVISIBLE.sub("", unicodedata.normalize("NFKD", name))
        # Decompose the accents, replace the base letters, then compose the accents again.
        text = unicodedata.normalize("NFKC", visible.casefold().translate(_HOMOGLYPHS))
    return _SEPARATORS.sub("-", text.strip())


def odd_characters(name: str, other: str) -> list[str]:
    """Return why two names that look the same differ: Unicode's names of the odd characters.

    Args:
        name: the name with the characters: look-alikes of Latin letters, or invisible ones.
        other: a name that looks the same. Its own characters are not odd.
    """
    known = set(other + other.casefold() + other.upper())
    odd = [c for c in dict.fromkeys(name) if c not in known and not c.isspace()]
    return [
        unicodedata.name(c, f"U+{ord(c):04X}")
        for c in odd
        if INVISIBLE.match(c) or ord(c.casefold()[0]) in _HOMOGLYPHS
    ]


@dataclass(frozen=True, slots=True)
class Similar:
    """Existing names that a person might mean by a name that does not exist.

    Attributes:
        near: a name that looks the same or differs by one typo; None if the team has none.
        beginning_of: a longer name that begins with this one; None if the team has none. A number
            counts as a whole: ``run-1`` is not the beginning of ``run-10``.
    """

    near: str | None = None
    beginning_of: str | None = None


class SimilarNames:
    """The names of one team's projects."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}  # the normal form of each name
        self._first: dict[str, str] = {}  # by normal form; the value is the first name in order
        self._forwards: list[str] = []
        self._backwards: list[str] = []
        self._sorted: list[tuple[str, str]] | None = None  # normal forms and names

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def add(self, name: str) -> None:
        """Add the name of a project. A repeated name changes nothing."""
        if name in self._names:
            return
        form = fold(name)
        form = name if form == name else form  # share one string in memory
        self._names[name], self._sorted = form, None
        if form in self._first:
            self._first[form] = min(name, self._first[form])
        elif form:
            self._first[form] = name
            insort(self._forwards, form)
            insort(self._backwards, form[::-1])

    def matching(self, typed: str, most: int) -> list[str]:
        """Return the names that contain the typed text; the names that begin with it come first.

        The names are sorted at the first search after an addition, so that commands do not pay.
        """
        if self._sorted is None:
            self._sorted = sorted((form, name) for name, form in self._names.items())
        wanted = fold(typed)
        begin = bisect_left(self._sorted, (wanted,))
        end = bisect_left(self._sorted, (wanted + _LAST,)) if wanted else len(self._sorted)
        found = [name for _, name in self._sorted[begin : min(end, begin + most)]]
        for form, name in self._sorted:
            if len(found) == most:
                break
            if wanted in form and not form.startswith(wanted):
                found.append(name)
        return found

    def find_similar(self, name: str) -> Similar:
        """Return the names that a person might mean; of several names, the first in order."""
        form = fold(name)
        if not form:
            return Similar()
        near = self._first.get(form)
        if near is None and _LONG_ENOUGH <= len(form) <= _TOO_LONG:
            near = min((self._first[other] for other in self._one_typo(form)), default=None)
        return Similar(near, self._longer(form))

    def _one_typo(self, form: str) -> Iterator[str]:
        """Yield the forms with one letter added, removed, replaced, or swapped with the next."""
        half = len(form) // 2
        for other in _neighbors(self._forwards, form, half - 1):  # a swap can change both halves
            if other in self._first:
                yield other
        for other in _neighbors(self._backwards, form[::-1], len(form) - half):
            if other[::-1] in self._first:
                yield other[::-1]

    def _longer(self, form: str) -> str | None:
        for after in (form, form + ":"):  # the colon sorts directly after the digits
            at = bisect_left(self._forwards, after)
            longer = self._forwards[at] if at < len(self._forwards) else ""
            if longer.startswith(form) and longer != form:
                number_goes_on = form[-1].isdigit() and longer[len(form)].isdigit()
                if not number_goes_on:
                    return self._first[longer]
        return None


def _neighbors(forms: list[str], form: str, start: int) -> Iterator[str]:
    """Yield candidates that differ from the form by one typo at or after ``start``.

    The letters come from the sorted forms at the same place. A digit is never a typo.
    """
    low, high = 0, len(forms)
    for at in range(start, len(form) + 1):
        head, letter, rest = form[:at], form[at : at + 1], form[at + 1 :]
        low = bisect_left(forms, head, low, high)
        high = bisect_left(forms, head + _LAST, low, high)
        if low == high:
            return
        fixed = letter.isdigit()
        if not fixed:
            yield head + rest
            if not rest[:1].isdigit():
                yield head + rest[:1] + letter + rest[1:]
        child = low
        while child < high:
            other = forms[child][at : at + 1]
            if not other:
                child += 1
                continue
            if not other.isdigit():
                yield head + other + letter + rest
                if not fixed:
                    yield head + other + rest
            child = bisect_left(forms, head + other + _LAST, child, high)


class ProjectNames:
    """The names of all projects, by the name of their team."""

    def __init__(self) -> None:
        self._teams: dict[str, SimilarNames] = {}

    def add(self, team: str | None, name: str) -> None:
        """Add a project. A repeated project or a project without a team changes nothing."""
        if team:
            self._teams.setdefault(team, SimilarNames()).add(name)

    def of(self, team: str) -> SimilarNames:
        """Return the names of a team's projects."""
        return self._teams.get(team) or SimilarNames()

    def teams_with(self, name: str) -> list[str]:
        """Return the sorted names of the teams that have a project of exactly this name."""
        return sorted(team for team, names in self._teams.items() if name in names)
