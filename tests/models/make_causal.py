# SPDX-License-Identifier: Apache-2.0
"""Small language models with recorded outputs of Transformers, in the form of the golden folders: encoder families
and BART's decoder as language models, and what generate takes beside ids. Writes tests/data/causal/<name>/.

    python make_causal.py OUTPUT_FOLDER      (torch, transformers 5.23, safetensors)
"""
import sys

import transformers
from make_seq2seq import BART, HOLES, IDS, NO_EOS, PADDED_LEFT, Folder, make

CAUSAL = "AutoModelForCausalLM"
BERT = dict(vocab_size=48, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
            max_position_embeddings=24, type_vocab_size=3)
SEEN = [[1, 1, 0, 1, 1, 1, 0, 0], [1] * 8]   # each token sees one: the outputs of others mean nothing
TYPES = [[0, 0, 0, 1, 1, 1, 2, 2], [1, 0, 1, 0, 0, 0, 0, 1]]
PLACES = [[3, 0, 1, 2, 7, 7, 5, 9], [0, 1, 2, 3, 4, 5, 6, 7]]


def begin(root, name, model):
    folder = Folder(root, name, model, generating=CAUSAL)
    folder.forward("masked", CAUSAL, {"input_ids": IDS, "attention_mask": SEEN}, ["logits"])
    return folder


def generations(folder):
    left = {"input_ids": IDS, "attention_mask": PADDED_LEFT}
    holes = {"input_ids": IDS, "attention_mask": HOLES}
    folder.generate("left", left, max_new_tokens=6, eos_token_id=NO_EOS)
    folder.generate("holes", holes, max_new_tokens=6, eos_token_id=NO_EOS)
    folder.generate("whole", holes, max_new_tokens=6, eos_token_id=NO_EOS, use_cache=False)
    folder.generate("beams", holes, max_new_tokens=6, eos_token_id=NO_EOS, num_beams=3, num_return_sequences=2)


def columns(folder):
    """With what stands beside the ids, hidden tokens' values too."""
    holes = {"input_ids": IDS, "attention_mask": HOLES}
    folder.generate("types", {**holes, "token_type_ids": TYPES}, max_new_tokens=4, eos_token_id=NO_EOS)
    folder.generate("places", {**holes, "position_ids": PLACES}, max_new_tokens=4, eos_token_id=NO_EOS)
    folder.generate("columns_beams", {**holes, "position_ids": PLACES, "token_type_ids": TYPES}, max_new_tokens=4,
                    eos_token_id=NO_EOS, num_beams=3)


def bert(root):
    config = transformers.BertConfig(**BERT, is_decoder=True)
    folder = begin(root, "bert", make(config, transformers.BertLMHeadModel, 1))
    folder.forward("types", "BertLMHeadModel", {"input_ids": IDS, "token_type_ids": TYPES}, ["logits"])
    generations(folder)
    columns(folder)
    folder.finish()
    # A checkpoint of the masked language model: as it is, and as a decoder.
    config = transformers.BertConfig(**BERT)
    folder = Folder(root, "bert-masked", make(config, transformers.BertForMaskedLM, 2))
    inputs = {"input_ids": IDS, "attention_mask": SEEN}
    for name, decoder in (("encoder", False), ("decoder", True)):
        for auto, cls in ((CAUSAL, transformers.BertLMHeadModel), ("AutoModelForMaskedLM", transformers.BertForMaskedLM)):
            folder.model = cls.from_pretrained(folder.path, is_decoder=decoder).eval()
            folder.forward(name + cls.__name__, auto, inputs, ["logits"], {"is_decoder": decoder})
    folder.finish()
    folder = Folder(root, "bert-model", make(transformers.BertConfig(**BERT, is_decoder=True), transformers.BertModel, 3))
    folder.forward("decoder", "AutoModel", inputs, ["last_hidden_state", "pooler_output"])
    folder.finish()


def roberta(root):
    for name, prefix in (("roberta", "Roberta"), ("xlm-roberta", "XLMRoberta"), ("camembert", "Camembert")):
        config = getattr(transformers, prefix + "Config")(**BERT, is_decoder=True)
        folder = begin(root, name, make(config, getattr(transformers, prefix + "ForCausalLM"), 4))
        generations(folder)
        folder.finish()


def bart(root):
    # Transformers 5.23 makes a cache of as many layers as the encoder has.
    config = transformers.BartConfig(**{**BART, "encoder_layers": 2}, forced_eos_token_id=None)
    folder = begin(root, "bart", make(config, transformers.BartForCausalLM, 5))
    generations(folder)
    folder.finish()


def guided(folder):
    """By the last token, by other prompts (of which one is padded), towards them, and with other processors."""
    left = {"input_ids": IDS, "attention_mask": PADDED_LEFT}
    other = {**left, "negative_prompt_ids": [[1, 2, 9, 4, 30], [8, 7, 6, 5, 4]]}
    masked = {**other, "negative_prompt_attention_mask": [[0, 0, 1, 1, 1], [1, 1, 0, 1, 1]]}
    for name, inputs, scale in (("last", left, 1.7), ("other", other, 1.5), ("masked", masked, 3.0), ("away", masked, -0.5)):
        folder.generate("guided_" + name, inputs, max_new_tokens=6, eos_token_id=NO_EOS, guidance_scale=scale)
    folder.generate("guided_whole", masked, max_new_tokens=6, eos_token_id=NO_EOS, guidance_scale=3.0, use_cache=False)
    folder.generate("guided_penalty", other, max_new_tokens=6, eos_token_id=NO_EOS, guidance_scale=1.5,
                    repetition_penalty=1.8, no_repeat_ngram_size=2)


def gpt2(root):
    config = transformers.GPT2Config(vocab_size=48, n_positions=24, n_embd=16, n_layer=2, n_head=2)
    folder = begin(root, "gpt2", make(config, transformers.GPT2LMHeadModel, 6))
    columns(folder)
    guided(folder)
    folder.finish()


if __name__ == "__main__":
    for family in (bert, roberta, bart, gpt2):
        family(sys.argv[1])
