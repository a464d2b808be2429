"""anytime: snapshots of the written network with the modules as delivered; then few-shot"""
import sys,time; sys.path[:0]=['./','./repo']
import numpy as np, torch; torch.set_num_threads(1)
from skeleton import *; from written import *; from blazepose import Landmarks
from yogalib.synthetic.poses import load_poses
from yogalib.taxonomy import load_taxonomy
def log(*a):
    s=' '.join(map(str,a)); print(s,flush=True); open('./e1.log','a').write(time.strftime('%H:%M:%S ')+f'{time.process_time():.0f}s '+s+'\n')
poses={f:load_poses()[f] for f in load_taxonomy().folder}
d=np.load('./y82.npz'); y=d['y']
lm=Landmarks(d['P'],np.where(d['F'][:,None,None]>0,d['W'],np.nan),d['F']); P,W=joints_of(lm)
def judge(models,tag):
    p=predict(models,P,W); r=p.argmax(1)==y; t5=(np.argsort(-p,1)[:,:5]==y[:,None]).any(1)
    log(tag,f'top1 {100*r.mean():.2f} top5 {100*t5.mean():.1f} macro {100*np.mean([r[y==c].mean() for c in range(82)]):.1f}')
    np.savez_compressed('./p_e1.npz',p=p.astype('f4'))
rng=np.random.default_rng(int(sys.argv[1])); model=None; snaps=[]
log('start',sys.argv)
for cycle,(each,ep,lr) in enumerate(((150,3,3e-3),(250,3,2e-3),(400,3,2e-3),(400,3,2e-3),(400,3,2e-3),(400,3,2e-3))):
    *seen,n=simulate(poses,each,rng); x=features(*seen); log('sim',x.shape)
    if model is None: model=network(x.shape[1],82)
    train(model,x,n,epochs=ep,seed=cycle,learning_rate=lr); log('trained')
    torch.save(model.state_dict(),f'./written_{sys.argv[1]}_{cycle}.pt'); snaps.append(torch.load(f'./written_{sys.argv[1]}_{cycle}.pt'))
    judge([model],f'cycle {cycle}')
