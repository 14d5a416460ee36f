# SPDX-License-Identifier: Apache-2.0
"""How far vectors are from others of the same texts: for each file of unit vectors (raw f32) one line, the mean and the
least cosine to the reference's, and for how many texts the nearest other text is another one.
Usage: fidelity.py COUNT REFERENCE FILE..."""

import sys

import numpy


def load(path, count):
    return numpy.fromfile(path, numpy.float32).reshape(count, -1)


def nearest(vectors):
    scores = vectors @ vectors.T
    numpy.fill_diagonal(scores, -2)
    return scores.argmax(1)


count, reference = int(sys.argv[1]), load(sys.argv[2], int(sys.argv[1]))
neighbours = nearest(reference)
for path in sys.argv[3:]:
    vectors = load(path, count)
    cosines = (vectors.astype(numpy.float64) * reference).sum(1)
    print(f"{cosines.mean():.6f} {cosines.min():.6f} {(nearest(vectors) != neighbours).sum()}")
