"""anytime: written network on the newest poses, few-shot fine-tuning, snapshots"""
import sys,time; sys.path[:0]=['./','./repo']
import numpy as np, torch, copy; torch.set_num_threads(1)
from skeleton import *; from written import *; from blazepose import Landmarks
from yogalib.synthetic.poses import load_poses
from yogalib.taxonomy import load_taxonomy
def log(*a):
    s=' '.join(map(str,a)); open('./e8.log','a').write(time.strftime('%H:%M:%S ')+f'{time.process_time():.0f}s '+s+'\n')
poses={f:load_poses()[f] for f in load_taxonomy().folder}
d=np.load('./y82.npz'); y=d['y']
lm=Landmarks(d['P'],np.where(d['F'][:,None,None]>0,d['W'],np.nan),d['F']); P,W=joints_of(lm); ok=d['F']>0
def judge(models,tag,rows=None,save=None):
    rows=np.arange(len(y)) if rows is None else rows
    p=predict(models,P[rows],W[rows]); r=p.argmax(1)==y[rows]; t5=(np.argsort(-p,1)[:,:5]==y[rows][:,None]).any(1)
    log(tag,f'n {len(rows)} top1 {100*r.mean():.2f} top5 {100*t5.mean():.1f} macro {100*np.mean([r[y[rows]==c].mean() for c in range(82)]):.1f}')
    if save: np.savez_compressed(save,p=p.astype('f4'))
rng=np.random.default_rng(0); model=None; log('start')
for cycle,(each,ep,lr) in enumerate(((150,3,3e-3),(250,3,2e-3),)):
    *seen,n=simulate(poses,each,rng); x=features(*seen)
    if model is None: model=network(x.shape[1],82)
    train(model,x,n,epochs=ep,seed=cycle,learning_rate=lr); log('trained',cycle)
    torch.save(model.state_dict(),f'./written_e8_{cycle}.pt')
    judge([model],f'cycle {cycle}',save='./p_e8.npz')
    fold=np.load('./fold.npy')
    for shots in ((1,5) if cycle<2 else (1,)):
        order=np.random.default_rng(shots).permutation(np.flatnonzero(ok))
        rows=np.concatenate([order[y[order]==c][:shots] for c in range(82)]); rest=np.setdiff1d(np.arange(len(y)),rows)
        m=copy.deepcopy(model)
        # the photographs among written bodies: what was learnt is not forgotten
        a=np.concatenate([features(P[rows],W[rows]),features(mirror(P[rows]),mirror(W[rows]))]); b=np.tile(y[rows],2); rep=max(1,2460//len(a))
        k=rng.permutation(len(x))[:2460]
        train(m,np.concatenate([np.tile(a,(rep,1)),x[k]]),np.concatenate([np.tile(b,rep),n[k]]),epochs=4,seed=1,learning_rate=1e-3)
        judge([m],f'written then {shots} a pose (mixed)',rest)
