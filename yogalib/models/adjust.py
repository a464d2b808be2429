"""A fine-tuned model's answers, adjusted for how rare each pose was among its training images: no training of its own."""

import numpy as np
from scipy.special import softmax


def adjusted(probabilities: np.ndarray, prior: np.ndarray, tau: float = 1.0) -> np.ndarray:
    """Return the softmax of logits less tau times the logarithm of the prior, (N, C) (Menon et al. 2021, equation 9).

    probabilities : (N, C); their logarithms are the logits but for a number a row, which changes nothing. prior : each class's share of the
    training images, (C,), none of them 0.
    """
    tiny = np.finfo(float).tiny  # an answer that has vanished stays impossible
    return softmax(np.log(np.maximum(probabilities, tiny)) - tau * np.log(prior), axis=1)


def answer(ask, at, folder) -> tuple[np.ndarray]:
    """Answer a run of this kind (yogalib.runs.asks) by the stored answers of its one part, which is made first where it is not there."""
    (part,) = ask.parts
    prior = ask.train["class"].value_counts(normalize=True).reindex(ask.classes)
    return (adjusted(at.run(part).probabilities, prior.to_numpy(), ask.settings.tau),)
