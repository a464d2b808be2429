"""which measures BlazePose sees systematically otherwise than the writing has them: over classes, photograph median against written median"""
src=open('w0.py').read().split('class Net')[0].replace('import torch, time','import time').replace('torch.set_num_threads(1)','')
exec(src)
exec(open('geo.py').read().split("if __name__")[0].replace('from w0 import *',''))
d=np.load('y82.npz'); P,W=from_blaze(d['P'],d['W']); y=d['y']; ok=(d['F']>.95)
rng=np.random.default_rng(0); ph,wr=[],[]; poses=load_poses()
A=measures(W); 
parts=[];cl=[]
for c in range(82):
    p=poses[FOLD[c]]; V=len(p.names); w=np.full(V,.5/max(V-1,1)); w[0]=.5 if V>1 else 1
    parts.append(p.postures.take(rng.choice(V,40,p=w))); cl+=[c]*40
po=_join(parts); cl=np.array(cl); J3=body_joints(pose_bodies(po)); _,Z=see(J3,*cameras(rng,po.view,J3[...,1].max(1)<.55)); B=measures(Z)
for k in A:
    a=np.array([np.median(A[k][ok&(y==c)]) for c in range(82)]); b=np.array([np.median(B[k][cl==c]) for c in range(82)])
    s,i=np.polyfit(b,a,1); r=np.corrcoef(a,b)[0,1]; q=np.quantile(b,(.05,.5,.95))
    print(f'{k:7s} photo = {i:7.2f} + {s:5.2f} written   r {r:.2f}   at 5/50/95%: '+' '.join(f'{x:.1f}->{i+s*x:.1f}' for x in q)+'   worst '+' '.join(f'{c}:{b[c]:.1f}/{a[c]:.1f}' for c in np.argsort(-abs(a-i-s*b))[:7]),flush=True)
