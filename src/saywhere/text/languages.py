"""In which script and language is a prompt? A light rule, learned against the training prompts.

A language is told by its small closed words (articles, prepositions) and by its words for places
and for what films show. Words that English or medical Latin use as well are left out ("de", "en",
"die", "situ"), so that an unknown medical word never makes a sentence foreign.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

LATIN = "Latin"
ENGLISH = "English"
COUNTED = 5_000
"""Distinct training prompts that are looked at, at most."""
LEAST_SHARE = 0.05
"""A script or language counts as taught from this share of the training prompts."""

# Unicode's name of a letter begins with its script; people name some otherwise.
_SCRIPTS = {"CJK": "Chinese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean"}
_WIDTHS = {"FULLWIDTH", "HALFWIDTH"}
# A letter in a formula or a unit is no word: "β", "µm", "ℓ".
_NO_SCRIPT = {"MICRO", "MATHEMATICAL", "SCRIPT", "DOUBLE-STRUCK", "MODIFIER", "FEMININE"}
_NO_SCRIPT |= {"MASCULINE", "OHM", "KELVIN", "ANGSTROM", "BLACK-LETTER", "SUPERSCRIPT"}
_WORD = re.compile(r"[^\W\d_]+")

# One of the first kind is enough: places, and what films show. Of the second kind it takes two.
_WORDS: dict[str, tuple[str, str]] = {
    ENGLISH: (
        "left right upper lower lung lungs located image lesion small large both side middle "
        "bilateral picture one two skin round breast",
        "the of and with is are this that which at on to from it its there not without",
    ),
    "German": (
        "links linke linken linker linkes rechts rechte rechten rechter rechtes oben unten obere "
        "oberen oberer oberes untere unteren unterer unteres lunge lungen lungenflügel bild bildes "
        "kleiner kleine kleines großer große großes grosser grosse hälfte seite mitte läsion "
        "linksseitig rechtsseitig beidseits beidseitig herd herde unterlappen oberlappen",
        "der das dem ein eine einen einem einer eines und oder mit ohne im vom zum zur auf über "
        "bei von nach ist sind nicht kein keine auch sich wie nur",
    ),
    "French": (
        "gauche gauches droit droite droits droites haut bas supérieur supérieure inférieur "
        "inférieure poumon poumons pulmonaire moitié côté lésion lésions peau tumeur polype petite "
        "grande rond ronde sein",
        "le les une du avec sans dans aux cette à deux situé située se trouve dont",
    ),
    "Spanish": (
        "izquierda izquierdo izquierdos derecha derecho derechos arriba abajo pulmón pulmones "
        "lesión lesiones pólipo pólipos pequeño pequeña mitad lado imagen ambos",
        "el los las del una está para por dos que",
    ),
    "Italian": (
        "sinistra sinistro destra destro polmone polmoni basso superiore inferiore lesione "
        "lesioni polipo polipi piccolo piccola immagine metà lato entrambi",
        "il lo gli della del dello nella nel di dei degli che è sono una",
    ),
    "Portuguese": (
        "esquerda esquerdo direita direito pulmão pulmões lesão lesões pólipo pequeno pequena "
        "baixo cima imagem metade ambos",
        "uma com sem não dos nas das pelo pela",
    ),
    "Dutch": (
        "linkerlong rechterlong linksboven rechtsboven linksonder rechtsonder boven onder "
        "linkerzijde rechterzijde linkerkant rechterkant longen afwijking kleine",
        "het een zonder bij niet aan naar deze van en",
    ),
    "Swedish, Danish or Norwegian": (
        "vänster vänstra venstre höger högra højre høyre övre øvre nedre lungan lunge bilden",
        "och med utan uten är av på ett",
    ),
    "Polish": (
        "lewy lewa lewe lewego lewej lewym prawy prawa prawe prawego prawej prawym płuco płuca "
        "górny górna górnej dolny dolna dolnej",
        "jest nie oraz przy się",
    ),
    "Czech": (
        "levá levé levý pravá pravé pravý vlevo vpravo plíce plíci horní dolní",
        "je není při",
    ),
    "Romanian": ("stâng stânga stângă dreapta drept plămân plămânul plămânului", "este și cu fără"),
    "Turkish": ("sağ sağda solda akciğer akciğerde üst", "ve bir ile için"),
    "Vietnamese": ("phổi trái phải trên dưới", "và của một có"),
    "Indonesian": ("kiri kanan atas bawah paru", "yang dan dengan pada"),
}
_STRONG = {language: frozenset(words[0].split()) for language, words in _WORDS.items()}
_WEAK = {language: frozenset(words[1].split()) for language, words in _WORDS.items()}


def scripts_of(text: str) -> Counter[str]:
    """Count a text's letters by script.

    Args:
        text: of any script.

    Returns:
        Script, as "Latin", "Chinese", "Arabic" → its letters. Letters of formulas are left out.
    """
    counts = Counter(map(_script, filter(str.isalpha, text)))
    counts.pop("", None)
    # A Japanese text holds Chinese characters as well; a Chinese one no kana.
    if counts["Japanese"]:
        counts["Japanese"] += counts.pop("Chinese", 0)
    return +counts


def _script(letter: str) -> str:
    if letter.isascii():
        return LATIN
    names = unicodedata.name(letter, "").split()
    if names and names[0] in _WIDTHS:
        names = names[1:]
    if not names or names[0] in _NO_SCRIPT:
        return ""
    return _SCRIPTS.get(names[0], names[0].capitalize())


def taught_scripts(prompts: Iterable[str]) -> tuple[str, ...]:
    """Name the scripts that training prompts are written in.

    Args:
        prompts: all of them.

    Returns:
        Names, sorted; none of no words.
    """
    sample = _sample(prompts)
    counts = Counter(_main_script(prompt) for prompt in sample)
    counts.pop("", None)
    least = LEAST_SHARE * counts.total()
    return tuple(sorted(script for script, n in counts.items() if n >= least))


def taught_languages(prompts: Iterable[str]) -> tuple[str, ...]:
    """Name the languages of training prompts, as far as this module knows them.

    Args:
        prompts: all of them.

    Returns:
        Names, sorted; none where no prompt can be told.
    """
    counts = Counter(language_of(prompt) for prompt in _sample(prompts))
    counts.pop("", None)
    least = LEAST_SHARE * counts.total()
    return tuple(sorted(language for language, n in counts.items() if n >= least))


def language_of(prompt: str, taught: Sequence[str] = ()) -> str:
    """Tell a prompt's language.

    Args:
        prompt: a sentence in any case.
        taught: languages that win wherever their words are as many.

    Returns:
        Its name; "" where the words do not tell.
    """
    hits = {language: _hits(prompt, language) for language in _WORDS}
    best = max(hits, key=lambda language: (hits[language], language in taught))
    return best if hits[best] else ""


def _hits(prompt: str, language: str) -> int:
    """Words of a language in a prompt; 0 where they are too few to tell."""
    words = set(_WORD.findall(unicodedata.normalize("NFC", prompt).casefold()))
    n_strong = len(words & _STRONG[language])
    n_weak = len(words & _WEAK[language])
    return n_strong + n_weak if n_strong or n_weak > 1 else 0


def foreign(prompt: str, scripts: Sequence[str], languages: Sequence[str]) -> str:
    """Say that a prompt is in another script or language than the training's prompts.

    Args:
        prompt: as it was given.
        scripts: those of the training prompts; none: not known.
        languages: the same.

    Returns:
        A sentence; "" where the prompt is in a script and language that was taught, or where its
        own words do not tell. Of a model of which nothing is known, it says so where the prompt is
        not English.
    """
    if not scripts:
        return _unknown(prompt)
    taught = " and ".join(languages) or " and ".join(f"{script} script" for script in scripts)
    script = _foreign_script(prompt, scripts)
    if script:
        part = "has words in" if _main_script(prompt) in scripts else "is in"
        return (
            f"the prompt {part} {script} script; the model was taught {taught}: what it marks may "
            "have nothing to do with the words"
        )
    language = language_of(prompt, languages)
    if not languages or language in ("", *languages):
        return ""
    return (
        f"the prompt reads as {language}; the model was taught {taught}: what it marks may have "
        "nothing to do with the words"
    )


def _unknown(prompt: str) -> str:
    """Of a model that does not say what it was taught. Most are taught English."""
    script = _foreign_script(prompt, (LATIN,))
    language = f"{script} script" if script else language_of(prompt, (ENGLISH,))
    if language in ("", ENGLISH):
        return ""
    return (
        f"the prompt reads as {language}; which language this model was taught is not recorded: "
        "try a prompt of each side before you rely on it"
    )


def _foreign_script(prompt: str, scripts: Sequence[str]) -> str:
    """The script of a word that was not taught. Greek is used in names of cells and signs."""
    for word in _WORD.findall(prompt):
        script = _main_script(word)
        is_symbol = script == "Greek" and (len(word) == 1 or _main_script(prompt) in scripts)
        if script and script not in scripts and not is_symbol:
            # Of the whole prompt: kana make it Japanese, even where its first word has none.
            whole = _main_script(prompt)
            return whole if whole not in scripts else script
    return ""


def _main_script(text: str) -> str:
    counts = scripts_of(text)
    return max(counts, key=lambda script: counts[script]) if counts else ""


def _sample(prompts: Iterable[str]) -> list[str]:
    # In order and distinct, so that a resumed training learns the same.
    return sorted(set(prompts))[:COUNTED]
