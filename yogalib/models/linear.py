"""What a model without pre-training reaches: a linear model on the pixels."""

import cv2
import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegressionCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SIDE = 32  # pixels; more of them only make a linear model slower
COMPONENTS = 150
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)


def linear_on_pixels(train: np.ndarray, labels: np.ndarray, test: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return the probabilities, (M, C), that multinomial logistic regression gives the test pictures.

    train, test : uint8 (N, R, R, 3) and (M, R, R, 3), R at least SIDE. labels : (N,), 0 to C - 1. The pixels are averaged down to
    SIDE a side and projected on their first principal components; the penalty is chosen by cross-validation on `train`.
    """
    smallest = int(np.bincount(labels).min())
    components = min(COMPONENTS, len(train) // 2)
    model = make_pipeline(
        PCA(components, random_state=seed),
        StandardScaler(),
        LogisticRegressionCV(
            Cs=STRENGTHS,
            cv=max(2, min(3, smallest)),
            max_iter=300,
            l1_ratios=(0.0,),
            scoring="accuracy",
            use_legacy_attributes=False,
        ),
    )
    model.fit(_shrink(train), labels)
    return model.predict_proba(_shrink(test))


def _shrink(pixels: np.ndarray) -> np.ndarray:
    """Return the pictures as rows of SIDE x SIDE x 3 means, float32 (N, D)."""
    small = [cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for picture in pixels]
    return np.stack(small).reshape(len(small), -1).astype(np.float32) / 255


def answer(ask, at, folder) -> tuple[np.ndarray]:
    """Answer a run of this kind (yogalib.runs.asks)."""
    train, test = (ask.source.pixels(rows, 2 * SIDE) for rows in (ask.train, ask.test))
    return (linear_on_pixels(train, np.searchsorted(ask.classes, ask.train["class"]), test),)
