# SPDX-License-Identifier: Apache-2.0
"""PyTorch by Transformers, with its scaled_dot_product_attention: float32 or bfloat16."""

from worker import Worker, serve


class Torch(Worker):
    def __init__(self, folder, precision, threads):
        super().__init__(folder)
        import torch
        import transformers

        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        self.torch = torch
        self.model = transformers.AutoModel.from_pretrained(folder / "hf", dtype=getattr(torch, precision)).eval()

    def run(self, ids, mask):
        with self.torch.inference_mode():
            inputs = {"input_ids": self.torch.from_numpy(ids), "attention_mask": self.torch.from_numpy(mask)}
            return self.model(**inputs).last_hidden_state.float().numpy()


serve(Torch)
