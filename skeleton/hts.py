from lab import *
from yogalib.synthetic.poses import load_poses
from yogalib.synthetic.bodies import pose_bodies
from yogalib.synthetic.skeleton import JOINTS
import sys
for pre in sys.argv[1:]:
    k=[f for f in load_poses() if f.startswith(pre)][0]; p=load_poses()[k]; b=pose_bodies(p.postures)
    for v,n in enumerate(p.names):
        c=b.joints[v,:,1]-b.radius[v]
        print(k[:12],n,' '.join(f'{j}:{100*c[i]:.0f}' for i,j in enumerate(JOINTS) if j in('pelvis','chest','head','crown','l_knee','r_knee','l_toe','r_toe','l_heel','l_hip','l_hand','r_hand','l_elbow','l_shoulder')))
