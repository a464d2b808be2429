"""Several descriptions per pose: captions by rule of the written pose's variants and of bodies near them."""
import numpy as np
from functools import cache
from yogalib.synthetic.bodies import pose_bodies
from yogalib.synthetic.captions import captions
from yogalib.synthetic.poses import load_poses, sample_angles
from yogalib.taxonomy import load_taxonomy
@cache
def ensembles(n=24, jitter=4.0, seed=0):
    poses, out = load_poses(), {}
    for row in load_taxonomy().itertuples():
        rng = np.random.default_rng([seed, row[1]])
        out[row[1]] = captions(pose_bodies(sample_angles(poses[row.folder], rng, n, jitter)), rng)
    return out
