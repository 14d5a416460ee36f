#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random small decoders and encoder-decoders with random configs, prompts, padding and arguments of generate(): tern's
logits, tokens and beam scores against those of Transformers (fp32, eager attention). Prints what differs and exits
with 1 when anything does.

For developers, not part of the test run: needs `pip install torch transformers==5.23.0`. Usage:
  tests/interop/decoders.py build/dev/tools/tern [--seed 1] [--cases 260] [--types llama,t5]"""
import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM

chance = random.Random()


def pick(*choices):
    return chance.choice(choices)


def maybe(one_in, **members):
    return members if chance.randrange(one_in) == 0 else {}


def rope():
    kind = pick("default", "linear", "dynamic", "yarn", "llama3")
    out = {"rope_type": kind, "rope_theta": pick(1e4, 5e5)}
    if kind == "linear":
        out["factor"] = pick(2.0, 4.0)
    elif kind == "dynamic":
        out["factor"] = 2.0
    elif kind == "yarn":
        out |= {"factor": pick(2.0, 4.0), "original_max_position_embeddings": 32}
        out |= maybe(2, beta_fast=16.0, beta_slow=2.0) | maybe(2, attention_factor=1.25)
        out |= maybe(2, mscale=1.0, mscale_all_dim=0.8) | maybe(2, truncate=False)
    elif kind == "llama3":
        out |= {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
    return out


def layer_types(count):
    return [pick("full_attention", "sliding_attention") for _ in range(count)]


def config(kind):
    common = {"vocab_size": pick(97, 128), "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
              "tie_word_embeddings": pick(True, False)}
    if kind == "gpt2":
        return common | {"n_embd": pick(32, 48), "n_layer": pick(1, 2), "n_head": 4, "n_positions": 64,
                         "n_inner": pick(None, 40), "activation_function": pick("gelu_new", "gelu", "relu"),
                         "scale_attn_weights": pick(True, False), "initializer_range": 0.2,
                         "scale_attn_by_inverse_layer_idx": pick(True, False),
                         "reorder_and_upcast_attn": pick(True, False)}
    if kind == "t5":
        return common | {"d_model": 32, "d_kv": pick(8, 12), "d_ff": pick(40, 64), "num_layers": pick(1, 2),
                         "num_decoder_layers": pick(1, 2, 3), "num_heads": 4, "decoder_start_token_id": 0,
                         "relative_attention_num_buckets": pick(8, 32), "eos_token_id": 1,
                         "relative_attention_max_distance": pick(20, 128),
                         "feed_forward_proj": pick("relu", "gated-gelu", "gated-silu", "gelu")}
    if kind == "bart":
        return common | {"d_model": 32, "encoder_layers": pick(1, 2), "decoder_layers": pick(1, 2),
                         "encoder_attention_heads": 4, "decoder_attention_heads": pick(2, 4), "encoder_ffn_dim": 40,
                         "decoder_ffn_dim": 56, "max_position_embeddings": 64, "init_std": 0.2, "pad_token_id": 1,
                         "activation_function": pick("gelu", "relu"), "scale_embedding": pick(True, False),
                         "bos_token_id": 0, "decoder_start_token_id": 2, "forced_eos_token_id": pick(None, 2)}
    layers = pick(1, 2, 3)
    out = common | {"hidden_size": pick(32, 48), "num_hidden_layers": layers, "num_attention_heads": 4,
                    "num_key_value_heads": pick(1, 2, 4), "head_dim": pick(8, 16), "intermediate_size": pick(40, 64),
                    "max_position_embeddings": pick(64, 128), "initializer_range": 0.2,
                    "hidden_act": pick("silu", "gelu", "gelu_pytorch_tanh", "relu")}
    if kind == "gpt_neox":
        out |= {"use_parallel_residual": pick(True, False), "attention_bias": pick(True, False),
                "rope_parameters": {"rope_type": pick("default", "linear"), "factor": 2.0, "rope_theta": 1e4,
                                    "partial_rotary_factor": pick(0.5, 1.0)}}
        del out["num_key_value_heads"], out["head_dim"]
    if kind in ("llama", "mistral", "mixtral", "qwen2", "qwen3"):
        out["rope_parameters"] = rope()
    if kind == "llama":
        out |= {"attention_bias": pick(True, False), "mlp_bias": pick(True, False)}
    elif kind == "mistral":
        out["sliding_window"] = pick(None, 4, 7)
    elif kind == "mixtral":
        out |= {"sliding_window": pick(None, 5), "num_local_experts": pick(2, 4, 5), "num_experts_per_tok": pick(1, 2)}
    elif kind in ("qwen2", "qwen3"):
        out |= maybe(2, use_sliding_window=True, sliding_window=pick(4, 6), layer_types=layer_types(layers))
        if kind == "qwen2":
            del out["head_dim"]
    elif kind == "gemma":
        out |= {"hidden_act": "gelu_pytorch_tanh", "hidden_activation": pick(None, "gelu_pytorch_tanh")}
    elif kind in ("gemma2", "gemma3_text"):
        del out["hidden_act"]
        out |= {"query_pre_attn_scalar": pick(8, 16, 20), "sliding_window": pick(4, 6),
                "final_logit_softcapping": pick(None, 5.0, 30.0), "attn_logit_softcapping": pick(None, 2.0, 50.0)}
        if kind == "gemma3_text":
            out |= {"layer_types": layer_types(layers)} | maybe(2, rope_parameters={
                "full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e6},
                "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}})
    elif kind == "phi3":
        del out["head_dim"]
        out |= {"sliding_window": pick(None, 5),
                "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": pick(0.5, 1.0)}}
    return out


KINDS = ["llama", "mistral", "mixtral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "phi3", "gpt2", "gpt_neox",
         "t5", "bart"]
SEQ2SEQ = ("t5", "bart")


def arguments(vocabulary, seq2seq):
    def ids(count):
        return [chance.randrange(3, vocabulary) for _ in range(count)]

    out = {"max_new_tokens": pick(4, 12)} | maybe(2, num_beams=pick(2, 3, 4))
    if "num_beams" in out:
        out |= maybe(2, length_penalty=pick(0.5, 1.0, 2.0), early_stopping=pick(True, False, "never"),
                     num_return_sequences=pick(1, 2))
    out |= maybe(3, repetition_penalty=1.3) | maybe(3, no_repeat_ngram_size=2) | maybe(3, min_new_tokens=3)
    out |= maybe(3, eos_token_id=ids(3)) | maybe(4, bad_words_ids=[ids(1), ids(2)]) | maybe(4, suppress_tokens=ids(4))
    out |= maybe(4, begin_suppress_tokens=ids(4)) | maybe(4, exponential_decay_length_penalty=[2, 1.2])
    out |= maybe(4, sequence_bias=[[ids(1), 2.5], [ids(2), -3.0]]) | maybe(4, use_cache=False)
    out |= maybe(4, forced_eos_token_id=5)
    if seq2seq:
        out |= maybe(3, encoder_repetition_penalty=1.4) | maybe(3, encoder_no_repeat_ngram_size=2)
    return out


class Comparison:
    def __init__(self, tern, folder):
        self.tern, self.folder = tern, pathlib.Path(folder)
        self.ran = self.wrong = 0

    def differs(self, *what):
        self.wrong += 1
        print(*what)

    def run(self, verb, task, inputs, given=None):
        """The outputs, or None after a failure."""
        self.ran += 1
        save_file(inputs, self.folder / "in")
        command = [self.tern, verb, self.folder / "model", "--task", task, "--inputs", self.folder / "in",
                   "--outputs", self.folder / "out", "--dtype", "float32"]
        for name, value in (given or {}).items():
            command += ["--set", f"{name}={json.dumps(value)}"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            return load_file(self.folder / "out")
        self.differs(verb, "failed:", done.stderr.strip(), given)
        return None

    def case(self, kind, seed):
        chance.seed(seed)
        torch.manual_seed(seed)
        seq2seq, sizes = kind in SEQ2SEQ, config(kind)
        task = "AutoModelForSeq2SeqLM" if seq2seq else "AutoModelForCausalLM"
        settings = AutoConfig.for_model(kind, **sizes)
        auto = AutoModelForSeq2SeqLM if seq2seq else AutoModelForCausalLM
        model = auto.from_config(settings, attn_implementation="eager").eval()
        for parameter in model.parameters():  # norms and biases other than 1 and 0
            if parameter.ndim == 1:
                parameter.data += torch.randn_like(parameter) * 0.1
        model.save_pretrained(self.folder / "model")
        vocabulary, length, side = sizes["vocab_size"], pick(3, 9, 17, 40), pick("left", "right", "none")
        inputs = {"input_ids": torch.randint(3, vocabulary, (3, length)),
                  "attention_mask": torch.ones(3, length).long()}
        for row in range(1, 3):
            hidden = chance.randrange(max(1, length // 2)) if side != "none" else 0
            place = slice(0, hidden) if side == "left" else slice(length - hidden, length)
            inputs["input_ids"][row, place], inputs["attention_mask"][row, place] = settings.pad_token_id, 0
        name = f"{kind}, seed {seed}, padding {side}, {sizes}:"
        with torch.no_grad():
            self.compare_logits(name, model, task, inputs, seq2seq, vocabulary)
            if side == "right" and not seq2seq:
                inputs = {key: value[:1] for key, value in inputs.items()}
            self.compare_tokens(name, model, task, inputs, arguments(vocabulary, seq2seq))

    def compare_logits(self, name, model, task, inputs, seq2seq, vocabulary):
        if seq2seq:
            inputs = inputs | {"decoder_input_ids": torch.randint(3, vocabulary, (3, 7))}
        expected = model(**inputs).logits
        found = self.run("forward", task, inputs)
        if found is None:
            return
        error = (found["logits"] - expected).abs()
        if not seq2seq:
            error = error[inputs["attention_mask"].bool()]
        error = error.max().item() / max(1, expected.abs().max().item())
        if error > 3e-5:
            self.differs(name, "logits differ by", error)

    def compare_tokens(self, name, model, task, inputs, given):
        try:
            expected = model.generate(**inputs, **given, do_sample=False, return_dict_in_generate=True,
                                      output_scores="num_beams" in given)
        except (ValueError, IndexError) as error:  # Transformers refuses, or trips over what it made
            print(name, "Transformers fails:", error)
            return
        found = self.run("generate", task, inputs, given)
        if found is None:
            return
        if not torch.equal(found["sequences"], expected.sequences):
            self.differs(name, given, found["sequences"], "instead of", expected.sequences)
        elif "num_beams" in given:
            error = (found["sequences_scores"] - expected.sequences_scores).abs().max().item()
            if error > 1e-5:
                self.differs(name, given, "scores differ by", error)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tern")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=260)
    parser.add_argument("--types", default=",".join(KINDS))
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    kinds = options.types.split(",")
    with tempfile.TemporaryDirectory() as folder:
        comparison = Comparison(options.tern, folder)
        for i in range(options.cases):
            comparison.case(kinds[i % len(kinds)], options.seed * 1_000_000 + i)
    print(f"{comparison.ran} runs, {comparison.wrong} differ")
    sys.exit(comparison.wrong > 0)


if __name__ == "__main__":
    main()
