# SPDX-License-Identifier: Apache-2.0
"""CTranslate2's Encoder: float32 or int8. It removes padding by itself."""

from worker import Worker, serve


class CTranslate2(Worker):
    def __init__(self, folder, precision, threads):
        super().__init__(folder)
        import ctranslate2

        self.encoder = ctranslate2.Encoder(str(folder / "ctranslate2"), "cpu", compute_type=precision,
                                           intra_threads=threads, inter_threads=1)

    def run(self, ids, mask):
        import numpy as np

        rows = [row[:count].tolist() for row, count in zip(ids, mask.sum(1))]
        return np.array(self.encoder.forward_batch(rows).last_hidden_state)


serve(CTranslate2)
