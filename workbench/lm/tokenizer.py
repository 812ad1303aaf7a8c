"""Train a sentencepiece vocabulary, turn it into a fast tokenizer with the same ids, load one from disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError
from workbench.lm.load import base_folder

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

MODEL_FILE = "tokenizer.model"
_SPACE = "\u2581"
"""The visible stand-in for a space in sentencepiece's pieces (U+2581)."""


def train_sentencepiece(
    lines: Iterable[str], folder: Path, *, vocab_size: int, user_defined: Sequence[str], seed: int
) -> Path:
    """Train a BPE vocabulary with byte fallback and return `folder/tokenizer.model`.

    No dummy prefix and no normalisation: text round trips exactly (but for a literal U+2581), and a text has
    the same ids at the start of a field as in its middle. Ids: unknown 0, BOS 1, EOS 2, padding 3.
    """
    import sentencepiece

    folder.mkdir(parents=True, exist_ok=True)
    target = folder / MODEL_FILE
    sentencepiece.set_random_generator_seed(seed)
    with target.open("wb") as handle:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=handle,
            vocab_size=vocab_size,
            user_defined_symbols=list(user_defined),
            **_TRAINER,
        )
    return target


_TRAINER: dict[str, Any] = {
    "model_type": "bpe",
    "byte_fallback": True,
    "character_coverage": 1.0,
    "split_digits": True,
    "normalization_rule_name": "identity",
    "remove_extra_whitespaces": False,
    "allow_whitespace_only_pieces": True,
    "add_dummy_prefix": False,
    "unk_id": 0,
    "bos_id": 1,
    "eos_id": 2,
    "pad_id": 3,
    "pad_piece": "<pad>",
    "hard_vocab_limit": False,
    "num_threads": 1,
    "minloglevel": 2,
}


def to_fast_tokenizer(
    model_path: Path,
    user_defined: Sequence[str] = (),
    *,
    max_length: int = 512,
    chat_template: str | None = None,
) -> PreTrainedTokenizerFast:
    """Convert a vocabulary of `train_sentencepiece`: same ids, BOS added once, EOS never, a real pad token.

    `user_defined` must be the list the vocabulary was trained with: the model file does not tell such a piece
    from a learned one (the first learned piece also has score 0).
    """
    from sentencepiece import SentencePieceProcessor
    from transformers import PreTrainedTokenizerFast

    model = SentencePieceProcessor(model_file=str(model_path))
    return PreTrainedTokenizerFast(
        tokenizer_object=_backend(model, user_defined),
        bos_token=model.id_to_piece(model.bos_id()),
        eos_token=model.id_to_piece(model.eos_id()),
        unk_token=model.id_to_piece(model.unk_id()),
        pad_token=model.id_to_piece(model.pad_id()),
        model_max_length=max_length,
        clean_up_tokenization_spaces=False,
        padding_side="right",
        chat_template=chat_template,
    )


def _backend(model: SentencePieceProcessor, user_defined: Sequence[str]) -> Tokenizer:
    from tokenizers import AddedToken, Tokenizer, decoders, normalizers, processors
    from tokenizers.models import BPE

    pieces = [model.id_to_piece(index) for index in range(model.get_piece_size())]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    special = [piece for piece, index in vocabulary.items() if model.is_control(index) or model.is_unknown(index)]
    bytewise = {piece for piece, index in vocabulary.items() if model.is_byte(index)}
    learned = set(pieces) - set(special) - set(user_defined) - bytewise
    unknown, bos = model.id_to_piece(model.unk_id()), model.id_to_piece(model.bos_id())
    merges = _merges(vocabulary, learned)
    backend = Tokenizer(BPE(vocabulary, merges, unk_token=unknown, fuse_unk=True, byte_fallback=True))
    backend.normalizer = normalizers.Replace(" ", _SPACE)
    backend.decoder = decoders.Sequence([decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    backend.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, model.bos_id())]
    )
    added = [*special, *user_defined]
    backend.add_special_tokens([AddedToken(piece, special=True, normalized=False) for piece in added])
    return backend


def _merges(vocabulary: dict[str, int], learned: set[str]) -> list[tuple[str, str]]:
    """Return every pair of learned pieces that makes a learned piece, in sentencepiece's own order."""
    ranked = sorted(
        (rank, len(left), vocabulary[left], left, right)
        for piece, rank in vocabulary.items()
        if piece in learned
        for left, right in _halves(piece)
        if left in learned and right in learned
    )
    return [(left, right) for *_, left, right in ranked]


def _halves(piece: str) -> Iterator[tuple[str, str]]:
    return ((piece[:cut], piece[cut:]) for cut in range(1, len(piece)))


def load_tokenizer(path_or_id: str | Path) -> PreTrainedTokenizerBase:
    """Load a base's tokenizer from a folder or from the local Hub cache, without network or remote code.

    Refuses a folder that holds only `tokenizer.model`: transformers would silently build another tokenizer
    from it (no BOS, other spaces). Where there is no padding token, EOS pads, as it does in trl's trainer:
    labels are masked by place and never by id, so a padded EOS teaches nothing.
    """
    from transformers import AutoTokenizer

    folder = base_folder(path_or_id)
    if not (folder / "tokenizer.json").is_file():
        raise _no_fast_tokenizer(path_or_id, folder)
    try:
        loaded = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"the tokenizer of {str(path_or_id)!r} does not load: {reason}", _REFETCH) from error
    tokenizer: PreTrainedTokenizerBase = loaded
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token_id is None:
            hint = "a tuned model would never stop: use a base whose tokenizer has an EOS token"
            raise UsageError(f"the tokenizer of {str(path_or_id)!r} has neither padding nor EOS token", hint)
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


_REFETCH = "fetch the base again; a tokenizer that needs code of its own is not supported"


def _no_fast_tokenizer(path_or_id: str | Path, folder: Path) -> UsageError:
    if not (folder / MODEL_FILE).is_file():
        return UsageError(f"no tokenizer in {str(path_or_id)!r}", "the folder must hold tokenizer.json")
    return UsageError(
        f"{str(path_or_id)!r} holds a bare {MODEL_FILE} and no tokenizer.json",
        "convert it first: read bare, it would give no BOS and other spaces, so every id would differ",
    )
