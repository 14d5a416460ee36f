# SPDX-License-Identifier: Apache-2.0
"""Small encoder-decoders with recorded outputs of Transformers, in the form of the golden folders: the classes
and the arguments of generate that those do not have. Writes tests/data/seq2seq/<name>/.

    python make_seq2seq.py OUTPUT_FOLDER      (torch, transformers 5.24, safetensors)
"""
import json
import os
import sys

import torch
import transformers
from safetensors.torch import save_file

T5 = dict(vocab_size=48, d_model=16, d_kv=6, d_ff=24, num_layers=2, num_heads=3, decoder_start_token_id=0,
          relative_attention_num_buckets=8, relative_attention_max_distance=20)
BART = dict(vocab_size=48, d_model=16, encoder_layers=1, decoder_layers=2, encoder_attention_heads=2,
            decoder_attention_heads=4, encoder_ffn_dim=24, decoder_ffn_dim=20, max_position_embeddings=24)

NO_EOS = 1000  # not in the vocabulary: rows do not end early
IDS = [[0, 0, 9, 17, 31, 5, 40, 22], [12, 7, 33, 21, 8, 41, 26, 3]]
PADDED_LEFT = [[0, 0, 1, 1, 1, 1, 1, 1], [1] * 8]
HOLES = [[0, 1, 1, 0, 1, 1, 0, 1], [1, 1, 1, 1, 0, 0, 1, 1]]
STARTED = [[0, 11, 12], [0, 30, 9]]   # T5's start token is 0
UNSTARTED = [[11, 12], [30, 9]]
# As many eos tokens (T5 1, BART 2) in each row.
LABELLED = {"t5": [[9, 1, 31, 5, 40, 1], [12, 7, 33, 1, 8, 1]], "bart": [[9, 2, 31, 5, 40, 2], [12, 7, 33, 2, 8, 2]]}


def make(config, cls, seed):
    torch.manual_seed(seed)
    model = cls(config).eval()
    with torch.no_grad():
        for name, value in model.named_parameters():
            norm = "norm" in name
            unscaled = name.endswith(".q.weight")  # T5's scores: greater ones would magnify rounding
            value.normal_(1.0 if norm and name.endswith("weight") else 0.0,
                          0.15 if norm or unscaled else 0.5)
        if hasattr(model, "final_logits_bias"):
            model.final_logits_bias.normal_(0.0, 0.7)
    return model


class Folder:
    def __init__(self, root, name, model, generating="AutoModelForSeq2SeqLM"):
        self.path, self.generating = os.path.join(root, name), generating
        self.model, self.cases, self.tensors = model, [], {}
        model.save_pretrained(self.path)

    def add(self, name, auto, call, kwargs, inputs, outputs, load_kwargs={}):
        self.cases.append({"name": name, "auto_class": auto, "call": call, "kwargs": kwargs, "load_kwargs": load_kwargs,
                           "inputs": list(inputs), "outputs": list(outputs)})
        for side, tensors in (("in", inputs), ("out", outputs)):
            for key, value in tensors.items():
                self.tensors[f"case/{name}/{side}/{key}"] = value.contiguous().clone()

    def forward(self, name, auto, inputs, names, load_kwargs={}):
        inputs = {key: torch.tensor(value) for key, value in inputs.items()}
        with torch.no_grad():
            found = self.model(**inputs, use_cache=False)
        self.add(name, auto, "forward", {}, inputs, {key: found[key] for key in names}, load_kwargs)

    def generate(self, name, inputs, **kwargs):
        inputs = {key: torch.tensor(value) for key, value in inputs.items()}
        with torch.no_grad():
            found = self.model.generate(**inputs, **kwargs, do_sample=False, return_dict_in_generate=True,
                                        output_scores=True, output_logits=True)
        outputs = {"generated": found.sequences}
        if kwargs.get("num_beams", 1) > 1:
            outputs["sequences_scores"] = found.sequences_scores
        else:
            outputs["step_logits"] = torch.stack(found.logits, 1)
            kwargs["output_logits"] = True
        self.add(name, self.generating, "generate", kwargs, inputs, outputs)

    def finish(self):
        save_file(self.tensors, os.path.join(self.path, "golden.safetensors"))
        with open(os.path.join(self.path, "golden.json"), "w") as file:
            json.dump({"transformers": transformers.__version__, "cases": self.cases}, file, indent=1)


def generations(folder, start):
    left = {"input_ids": IDS, "attention_mask": PADDED_LEFT}
    holes = {"input_ids": IDS, "attention_mask": HOLES}
    folder.generate("left", left, max_new_tokens=6, eos_token_id=NO_EOS)
    folder.generate("holes", holes, max_new_tokens=6, eos_token_id=NO_EOS)
    folder.generate("default_length", left, eos_token_id=NO_EOS)
    begun = [[start if id == 0 else id for id in row] for row in STARTED]
    folder.generate("begun", {**left, "decoder_input_ids": begun}, max_new_tokens=4, eos_token_id=NO_EOS)
    folder.generate("unbegun", {**left, "decoder_input_ids": UNSTARTED}, max_new_tokens=4, eos_token_id=NO_EOS)
    folder.generate("starts", left, max_new_tokens=3, eos_token_id=NO_EOS, decoder_start_token_id=[4, 5])
    folder.generate("forced", left, max_new_tokens=5, forced_bos_token_id=13, forced_eos_token_id=14)
    folder.generate("source", left, max_new_tokens=6, eos_token_id=NO_EOS, encoder_repetition_penalty=4.0,
                    encoder_no_repeat_ngram_size=2)
    folder.generate("source_beams", holes, max_new_tokens=6, eos_token_id=NO_EOS, encoder_repetition_penalty=5.0,
                    encoder_no_repeat_ngram_size=2, num_beams=2)
    folder.generate("no_source", left, max_new_tokens=6, eos_token_id=NO_EOS, encoder_no_repeat_ngram_size=1)
    folder.generate("beams", {**holes, "decoder_input_ids": UNSTARTED}, max_new_tokens=6, num_beams=3,
                    num_return_sequences=2, length_penalty=2.0, no_repeat_ngram_size=2, min_new_tokens=3)


def t5(root):
    config = transformers.T5Config(**T5)
    folder = Folder(root, "t5", make(config, transformers.T5ForConditionalGeneration, 1))
    decoder = {"decoder_input_ids": STARTED, "decoder_attention_mask": [[1, 1, 0], [1, 1, 1]]}
    folder.forward("masked", "AutoModelForSeq2SeqLM",
                   {"input_ids": IDS, "attention_mask": HOLES, **decoder}, ["logits", "encoder_last_hidden_state"])
    generations(folder, 0)
    folder.finish()
    gated = transformers.T5Config(**T5, feed_forward_proj="gated-silu", tie_word_embeddings=False, num_labels=5)
    for name, cls, auto in [("classes", transformers.T5ForSequenceClassification, "SequenceClassification"),
                            ("tokens", transformers.T5ForTokenClassification, "TokenClassification")]:
        folder = Folder(root, "t5-" + name, make(gated, cls, 2))
        folder.forward("forward", "AutoModelFor" + auto, {"input_ids": LABELLED["t5"]}, ["logits"])
        folder.finish()
    folder = Folder(root, "t5-answers", make(config, transformers.T5ForQuestionAnswering, 3))
    folder.forward("forward", "AutoModelForQuestionAnswering", {"input_ids": IDS, "attention_mask": HOLES},
                   ["start_logits", "end_logits", "encoder_last_hidden_state"])
    folder.finish()


def bart(root):
    def made(cls, seed):  # each with a config of its own: BartForQuestionAnswering changes it
        return make(transformers.BartConfig(**BART, scale_embedding=True, forced_eos_token_id=None), cls, seed)

    folder = Folder(root, "bart", made(transformers.BartForConditionalGeneration, 4))
    decoder = {"decoder_input_ids": STARTED, "decoder_attention_mask": [[1, 1, 0], [1, 1, 1]]}
    source = {"input_ids": IDS, "attention_mask": HOLES}
    folder.forward("masked", "AutoModelForSeq2SeqLM", {**source, **decoder}, ["logits"])
    folder.forward("shifted", "AutoModelForSeq2SeqLM", source, ["logits"])
    generations(folder, 2)
    folder.finish()
    folder = Folder(root, "bart-answers", made(transformers.BartForQuestionAnswering, 5))
    folder.forward("forward", "AutoModelForQuestionAnswering", source, ["start_logits", "end_logits"])
    folder.finish()
    folder = Folder(root, "bart-classes", made(transformers.BartForSequenceClassification, 6))
    folder.forward("forward", "AutoModelForSequenceClassification", {"input_ids": LABELLED["bart"]}, ["logits"])
    folder.finish()
    folder = Folder(root, "bart-causal", made(transformers.BartForCausalLM, 7))
    folder.forward("forward", "AutoModelForCausalLM", {"input_ids": IDS}, ["logits"])
    folder.finish()


if __name__ == "__main__":
    t5(sys.argv[1])
    bart(sys.argv[1])
