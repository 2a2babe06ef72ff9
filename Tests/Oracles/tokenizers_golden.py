"""Writes Tests/Golden/tokenizers/golden.json: small tokenizers and what the Python library makes of texts.

pip install tokenizers==0.23.3; python tokenizers_golden.py. Every component Walsh knows appears at least once.
"""

import base64
import json
import os
import random
import struct
import unicodedata
from pathlib import Path

import tokenizers
from tokenizers import Tokenizer

rng = random.Random(20261125)


def added(id, content, special=False, lstrip=False, rstrip=False, single_word=False, normalized=False):
    return dict(id=id, content=content, special=special, lstrip=lstrip, rstrip=rstrip,
                single_word=single_word, normalized=normalized)


def tokenizer(model, normalizer=None, pre=None, post=None, decoder=None, tokens=()):
    return dict(version="1.0", truncation=None, padding=None, added_tokens=list(tokens), normalizer=normalizer,
                pre_tokenizer=pre, post_processor=post, decoder=decoder, model=model)


def byte_alphabet():
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, n = {}, 0
    for b in range(256):
        if b in keep:
            table[b] = chr(b)
        else:
            table[b] = chr(256 + n)
            n += 1
    return table


BYTES = byte_alphabet()


def bpe(symbols, merges, **extra):
    vocab = {}
    for s in symbols:
        vocab.setdefault(s, len(vocab))
    prefix = extra.get("continuing_subword_prefix") or ""
    for a, b in merges:
        vocab.setdefault(a + b[len(prefix):], len(vocab))
    return dict(type="BPE", vocab=vocab, merges=[list(m) for m in merges], **extra)


BYTE_MERGES = [("Ġ", "t"), ("h", "e"), ("Ġt", "he"), ("i", "n"), ("Ġ", "Ġ"), ("ĠĠ", "ĠĠ"), ("a", "a"),
               ("aa", "aa"), ("l", "l"), ("o", "Ġ"), ("1", "2"), ("12", "3"), ("'", "s"), ("Ã", "©"), ("ð", "Ł"),
               ("Ċ", "Ċ"), ("r", "e"), ("in", "g"), ("Ġthe", "re")]
BYTE_BPE = bpe([BYTES[b] for b in range(256)], BYTE_MERGES)
IGNORING = dict(BYTE_BPE, ignore_merges=True, vocab=dict(BYTE_BPE["vocab"], **{"Ġhello": 300, "hello": 301}))
CHARS = [chr(c) for c in range(32, 127)] + list("▁éßçàüñ…“”я你好")
CHAR_BPE = bpe(["<unk>"] + CHARS, [("▁", "t"), ("h", "e"), ("▁t", "he"), ("l", "l"), ("▁", "▁"), ("a", "a")],
               unk_token="<unk>", fuse_unk=True)
FALLBACK_BPE = bpe(["<unk>"] + [f"<0x{b:02X}>" for b in range(256)] + CHARS,
                   [("▁", "t"), ("h", "e"), ("▁t", "he"), ("l", "l"), ("▁", "▁"), ("a", "a")],
                   unk_token="<unk>", fuse_unk=True, byte_fallback=True)
SUFFIX_BPE = bpe(["<unk>"] + CHARS + [c + "</w>" for c in CHARS],
                 [("t", "h"), ("th", "e</w>"), ("l", "l"), ("i", "n"), ("in", "g</w>")],
                 unk_token="<unk>", end_of_word_suffix="</w>", fuse_unk=False)
PREFIX_BPE = bpe(["[UNK]"] + CHARS + ["##" + c for c in CHARS],
                 [("t", "##h"), ("th", "##e"), ("##l", "##l"), ("##i", "##n"), ("##in", "##g")],
                 unk_token="[UNK]", continuing_subword_prefix="##")
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "he", "##llo", "##l", "##o", "hell", "world", "w", "##or", "##ld",
          "1", "##2", "##3", "!", ",", ".", "'", "?", "s", "n", "##t", "do", "not", "cafe", "istanbul", "你", "好", "a",
          "##a", "##aa", "caf", "##e", "##é", "café"]
WORDPIECE = dict(type="WordPiece", vocab={p: i for i, p in enumerate(PIECES)}, unk_token="[UNK]",
                 continuing_subword_prefix="##", max_input_chars_per_word=20)
WORDLEVEL = dict(type="WordLevel", vocab={w: i for i, w in enumerate(
    ["<unk>", "the", "Hello", "world", "!", ",", ".", "123", "1", "2", "3", "_", "hello"])}, unk_token="<unk>")
UNIGRAM_PIECES = [["<unk>", 0.0], ["▁", -2.0], ["▁the", -3.0], ["the", -3.5], ["▁t", -4.0], ["he", -3.6], ["l", -5.0],
                  ["ll", -5.5], ["o", -4.4], ["▁he", -3.9], ["llo", -6.0], ["▁world", -7.25], ["w", -6.0], ["or", -5.0],
                  ["ld", -5.0], ["r", -6.5], ["d", -6.25], ["a", -4.0], ["aa", -7.9], ["aaa", -12.0], ["é", -8.0],
                  ["1", -6.0], ["2", -6.0], [",", -5.0], ["!", -5.0], ["t", -5.0], ["h", -5.5], ["e", -4.5]]
UNIGRAM = dict(type="Unigram", unk_id=0, vocab=UNIGRAM_PIECES, byte_fallback=False)
UNIGRAM_BYTES = dict(UNIGRAM, byte_fallback=True,
                     vocab=UNIGRAM_PIECES + [[f"<0x{b:02X}>", -20.0] for b in range(256)])



def charsmap(rules):
    """SentencePiece's precompiled rules: a double array of the keys, then the replacements."""
    blob, trie = b"", {}
    for key, value in rules.items():
        node = trie
        for byte in key.encode():
            node = node.setdefault(byte, {})
        node[0] = len(blob)
        blob += value.encode() + b"\0"
    units, taken = {}, {0}

    def place(node, position, label):
        base = next(b for b in range(1, 1 << 20) if all(b ^ c not in taken for c in node) and (b ^ position) < 1 << 21)
        taken.update(base ^ c for c in node)
        units[position] = label | (0 in node) << 8 | (base ^ position) << 10
        for byte, child in node.items():
            if byte == 0:
                units[base] = child | 1 << 31
            else:
                place(child, base ^ byte, byte)

    place(trie, 0, 0)
    array = b"".join(struct.pack("<I", units.get(i, 0)) for i in range((max(units) | 255) + 1))
    return base64.b64encode(struct.pack("<I", len(array)) + array + blob).decode()


CHARSMAP = charsmap({"\u00a0": " ", "\u3000": " ", "ﬁ": "fi", "e\u0301": "é", "½": "1/2", "\u200b": "", "A": "a",
                     "H": "h", "\n": " ", "🏽": "x", "\r\n": "!"})
BYTE_DECODER = dict(type="ByteLevel", add_prefix_space=True, trim_offsets=True, use_regex=True)
LLAMA_DECODER = dict(type="Sequence", decoders=[
    dict(type="Replace", pattern=dict(String="▁"), content=" "), dict(type="ByteFallback"), dict(type="Fuse"),
    dict(type="Strip", content=" ", start=1, stop=0)])
META = dict(type="Metaspace", replacement="▁", prepend_scheme="always", split=True)
WHITESPACE = dict(type="Whitespace")
CL100K = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN = CL100K.replace("{1,3}", "")
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def split(pattern, behavior="Isolated", invert=False):
    return dict(type="Split", pattern=pattern, behavior=behavior, invert=invert)


def byte_level(use_regex, add_prefix_space=False):
    return dict(type="ByteLevel", add_prefix_space=add_prefix_space, trim_offsets=True, use_regex=use_regex)


def sequence(*parts):
    return dict(type="Sequence", pretokenizers=list(parts))


def template(single, ids):
    return dict(type="TemplateProcessing", single=single, pair=[{"Sequence": {"id": "A", "type_id": 0}},
                {"Sequence": {"id": "B", "type_id": 1}}],
                special_tokens={k: dict(id=k, ids=v, tokens=[k] * len(v)) for k, v in ids.items()})


A = {"Sequence": {"id": "A", "type_id": 0}}


def special(id):
    return {"SpecialToken": {"id": id, "type_id": 0}}


TOKENS = [added(400, "<|end|>", special=True), added(401, "<mask>", special=True, lstrip=True),
          added(402, "<r>", rstrip=True), added(403, "cat", single_word=True),
          added(404, "  \t", normalized=True), added(405, "<|end|>x", special=True)]

SETUPS = {
    "bytes-gpt2": tokenizer(BYTE_BPE, pre=byte_level(True), decoder=BYTE_DECODER, tokens=TOKENS,
                            post=dict(type="ByteLevel", add_prefix_space=True, trim_offsets=False, use_regex=True)),
    "bytes-prefix-roberta": tokenizer(BYTE_BPE, pre=byte_level(True, True), decoder=BYTE_DECODER,
                                      tokens=[added(400, "<s>", True), added(401, "</s>", True)],
                                      post=dict(type="RobertaProcessing", sep=["</s>", 401], cls=["<s>", 400],
                                                trim_offsets=True, add_prefix_space=True)),
    "bytes-cl100k": tokenizer(IGNORING, pre=sequence(split(dict(Regex=CL100K)), byte_level(False)),
                              decoder=BYTE_DECODER),
    "bytes-qwen": tokenizer(BYTE_BPE, normalizer=dict(type="NFC"), decoder=BYTE_DECODER,
                            pre=sequence(split(dict(Regex=QWEN)), byte_level(False))),
    "bytes-gpt2-regex": tokenizer(BYTE_BPE, pre=sequence(split(dict(Regex=GPT2)), byte_level(False)),
                                  decoder=BYTE_DECODER),
    "bytes-digits": tokenizer(BYTE_BPE, decoder=BYTE_DECODER, pre=sequence(
        dict(type="Digits", individual_digits=True), byte_level(True))),
    "bytes-digit-runs": tokenizer(BYTE_BPE, decoder=BYTE_DECODER, pre=sequence(
        dict(type="Digits", individual_digits=False), byte_level(False))),
    "bytes-regex-case": tokenizer(BYTE_BPE, decoder=BYTE_DECODER, pre=sequence(split(dict(
        Regex=r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|\p{N}{1,2}|\s+")),
        byte_level(False))),
    "bytes-normalizer": tokenizer(BYTE_BPE, normalizer=dict(type="ByteLevel"), decoder=BYTE_DECODER),
    "llama": tokenizer(FALLBACK_BPE, decoder=LLAMA_DECODER, normalizer=dict(type="Sequence", normalizers=[
        dict(type="Prepend", prepend="▁"), dict(type="Replace", pattern=dict(String=" "), content="▁")]),
        tokens=[added(0, "<unk>", True), added(900, "<s>", True), added(901, "</s>", True)],
        post=template([special("<s>"), A, special("</s>")], {"<s>": [900], "</s>": [901]})),
    "llama-unfused": tokenizer(dict(CHAR_BPE, fuse_unk=False), decoder=LLAMA_DECODER,
                               normalizer=dict(type="Replace", pattern=dict(Regex=r"\s+"), content="▁")),
    "chars-fused": tokenizer(CHAR_BPE, pre=dict(META, prepend_scheme="first"),
                             decoder=dict(META), tokens=[added(900, "<s>", True)],
                             post=dict(type="Sequence", processors=[
                                 template([special("<s>"), A], {"<s>": [900]}),
                                 dict(type="ByteLevel", add_prefix_space=True, trim_offsets=True, use_regex=True)])),
    "chars-meta-never": tokenizer(CHAR_BPE, pre=dict(META, prepend_scheme="never", split=False),
                                  decoder=dict(META, prepend_scheme="never")),
    "suffix": tokenizer(SUFFIX_BPE, pre=dict(type="WhitespaceSplit"), normalizer=dict(type="Lowercase"),
                        decoder=dict(type="BPEDecoder", suffix="</w>")),
    "prefix": tokenizer(PREFIX_BPE, pre=WHITESPACE, decoder=dict(type="WordPiece", prefix="##", cleanup=False)),
    "bert": tokenizer(WORDPIECE, normalizer=dict(type="BertNormalizer", clean_text=True, handle_chinese_chars=True,
                                                 strip_accents=None, lowercase=True),
                      pre=dict(type="BertPreTokenizer"), decoder=dict(type="WordPiece", prefix="##", cleanup=True),
                      tokens=[added(1, "[UNK]", True), added(2, "[CLS]", True), added(3, "[SEP]", True)],
                      post=dict(type="BertProcessing", sep=["[SEP]", 3], cls=["[CLS]", 2])),
    "bert-cased": tokenizer(WORDPIECE, normalizer=dict(type="BertNormalizer", clean_text=False,
                                                       handle_chinese_chars=False, strip_accents=None,
                                                       lowercase=False), pre=dict(type="BertPreTokenizer")),
    "wordlevel": tokenizer(WORDLEVEL, normalizer=dict(type="Strip", strip_left=True, strip_right=True), pre=WHITESPACE),
    "wordlevel-punctuation": tokenizer(WORDLEVEL, pre=sequence(
        dict(type="WhitespaceSplit"), dict(type="Punctuation", behavior="Contiguous"))),
    "wordlevel-delimiter": tokenizer(WORDLEVEL, pre=dict(type="CharDelimiterSplit", delimiter="_")),
    "unigram": tokenizer(UNIGRAM, pre=META, decoder=META,
                         normalizer=dict(type="Sequence", normalizers=[dict(type="Nmt"), dict(type="NFKC"), dict(
                             type="Replace", pattern=dict(Regex=" {2,}"), content=" ")])),
    "unigram-bytes": tokenizer(UNIGRAM_BYTES, pre=META, decoder=LLAMA_DECODER, normalizer=dict(type="NFKD")),
    "unigram-charsmap": tokenizer(UNIGRAM, pre=META, decoder=META,
                                  normalizer=dict(type="Precompiled", precompiled_charsmap=CHARSMAP)),
    "accents": tokenizer(CHAR_BPE, normalizer=dict(type="Sequence", normalizers=[
        dict(type="NFD"), dict(type="StripAccents")]), pre=dict(type="WhitespaceSplit")),
}
for behavior in ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]:
    for invert in [False, True]:
        SETUPS[f"split-{behavior}-{invert}"] = tokenizer(
            BYTE_BPE, decoder=BYTE_DECODER,
            pre=sequence(split(dict(Regex=r"\p{P}|l+|\d"), behavior, invert), byte_level(False)))
    SETUPS[f"split-string-{behavior}"] = tokenizer(
        BYTE_BPE, decoder=BYTE_DECODER, pre=sequence(split(dict(String="ll"), behavior), byte_level(False)))

TEXTS = [
    "", " ", "  ", "\n", "Hello, world!", " the there  the\n\nhello\t ", "It's THE'RE don'T we'LL I'M he'd ſ'ſ'S",
    "a  b   c    d ", "12 123 1234 ١٢٣ ½ Ⅷ 1,000.50", "café cafe\u0301 CAFÉ İstanbul ǅ ΑΣ ß ﬁ", "你好，world。",
    "aaaaaaaaaa aaaaa", "emoji 😀👍🏽 👨\u200d👩\u200d👧 ❤️", "x<mask> y  <mask>z <r>  w<r>", "cat concat cat. cats",
    "<|end|>xy <|end|>z<s>the</s>  \t", "line\r\n  two\r\n\r\n three \n \n", "\u00a0nbsp\u200bzwsp\u3000wide\u2028sep\u0085nel",
    "hello_world__the_ _", "▁the ▁▁ the", "  the world  ", "hello hello", "!!??..--##'' ...\n\n", "\u0000\u0007\ufeff\ufffd\u001c\u000b.",
    "thelling llll l1l22l", "(a) [b] {c} $5+3=8 ^`|~", "'s't'", "the\u0301 \u0301\u0302", "你a好 1你2",
]
# Python 3.11 knows Unicode 14: younger scalars, on which libraries may differ, do not occur.
ASSIGNED = [c for c in range(0x1F000) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]


def random_text(length):
    out = []
    for _ in range(length):
        kind = rng.random()
        if kind < 0.35:
            out.append(rng.choice("abcdehlnorst"))
        elif kind < 0.55:
            out.append(rng.choice(" \t\n\r\u00a0\u3000  "))
        elif kind < 0.65:
            out.append(rng.choice("0123456789²½٣"))
        elif kind < 0.8:
            out.append(rng.choice(".,!?'\"-_#()<>'''"))
        else:
            out.append(chr(rng.choice(ASSIGNED)))
    return "".join(out)


TEXTS += [random_text(n) for n in (5, 10, 20, 40, 80, 120)]


def main():
    result = dict(library=tokenizers.__version__, texts=TEXTS, models=[], tokenizers={})
    for name, setup in SETUPS.items():
        # The library numbers added tokens from the end of the vocabulary; fill it up so that ids agree.
        vocab = setup["model"]["vocab"]
        size = len(vocab)
        for token in setup["added_tokens"]:
            if token["content"] in (vocab if isinstance(vocab, dict) else [p for p, _ in vocab]):
                continue
            old = token["id"]
            token["id"] = size
            size += 1
            post = json.dumps(setup["post_processor"]).replace(f"[{old}]", f"[{token['id']}]").replace(
                f", {old}]", f", {token['id']}]")
            setup["post_processor"] = json.loads(post)
        if isinstance(vocab, dict):
            setup["model"]["vocab"] = {k: i for i, k in enumerate(vocab)}
        t = Tokenizer.from_str(json.dumps(setup))
        cases = []
        for text in TEXTS:
            try:
                ids = t.encode(text, add_special_tokens=False).ids
            except Exception as error:
                raise SystemExit(f"{name}: {text!r}: {error}")
            case = dict(ids=ids)
            special_ids = t.encode(text).ids
            if special_ids != ids:
                case["ids_special"] = special_ids
            decoded = t.decode(ids, skip_special_tokens=False)
            if decoded != text:
                case["decoded"] = decoded
            cases.append(case)
        # Arbitrary ids: invalid UTF-8 and broken byte runs.
        noise = []
        for _ in range(8):
            ids = [rng.randrange(t.get_vocab_size()) for _ in range(rng.randrange(1, 20))]
            noise.append(dict(ids=ids, decoded=t.decode(ids, skip_special_tokens=False),
                              skipped=t.decode(ids, skip_special_tokens=True)))
        # Many setups share a model; the file holds it once and names it by its place.
        if setup["model"] not in result["models"]:
            result["models"].append(setup["model"])
        setup = dict(setup, model=result["models"].index(setup["model"]))
        result["tokenizers"][name] = dict(tokenizer=setup, size=t.get_vocab_size(), cases=cases, noise=noise)
    path = Path(__file__).parent.parent / "Golden" / "tokenizers" / "golden.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    print(os.path.getsize(path), "bytes")


if __name__ == "__main__":
    main()
