from lab import *
from yogalib.synthetic.poses import load_poses,_read_posture
from yogalib.synthetic.bodies import pose_bodies
from yogalib.synthetic.skeleton import JOINT
from scipy.optimize import minimize
import copy
def joints(entry):
    b=pose_bodies(_read_posture('x',entry)); return {n:b.joints[0,i] for n,i in JOINT.items()}, b
def show(entry,names=('l_knee','r_knee','l_ankle','r_ankle','l_toe','r_toe','pelvis','chest','head','l_shoulder','l_elbow','l_hand','r_elbow','r_hand')):
    j,_=joints(entry)
    for n in names: print(f'{n:10s}',np.round(j[n],2))
