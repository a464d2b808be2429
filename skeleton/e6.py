"""two folds: written network gone on to photographs, invariant kernel, and their blend"""
import sys,time; sys.path[:0]=['./','./repo']
import numpy as np, torch; torch.set_num_threads(1)
from skeleton import *; from blazepose import Landmarks
def log(*a):
    s=' '.join(map(str,a)); open('./e6.log','a').write(time.strftime('%H:%M:%S ')+f'{time.process_time():.0f}s '+s+'\n')
d=np.load('y82.npz'); y=d['y']; F=d['F']; fold=np.load('fold.npy')
P,W=joints_of(Landmarks(d['P'],np.where(F[:,None,None]>0,d['W'],np.nan),F)); ok=F>0
src=sys.argv[1]; pk=np.full((len(y),82),np.nan);pn=pk.copy(); pz=np.load(sys.argv[2])['p']; log('start')
for k in (0,1):
    tr=np.flatnonzero(ok&(fold!=k)); te=np.flatnonzero(fold==k)
    t=time.process_time(); m=InvariantKernel(width=1.,ridge=.02).fit(P[tr],W[tr],y[tr],82); pk[te]=m.predict(P[te],W[te]); log('kernel',k,f'{100*(pk[te].argmax(1)==y[te]).mean():.2f}','T',m.temperature,f'{time.process_time()-t:.1f}s')
    net=network(features(P[:2],W[:2]).shape[1],82,dropout=.3); net.load_state_dict(torch.load(src))
    t=time.process_time(); train_on_photographs(P[tr],W[tr],y[tr],82,epochs=10,seed=k,start=net,learning_rate=2e-3); pn[te]=predict([net],P[te],W[te]); log('written then all',k,f'{100*(pn[te].argmax(1)==y[te]).mean():.2f}',f'{time.process_time()-t:.1f}s')
    done=np.flatnonzero(fold<=k); L=lambda p:np.log(p[done]+1e-6)
    for name,S in (('kernel',L(pk)),('net',L(pn)),('kernel+net',L(pk)+L(pn)),('kernel+net+.3 written',L(pk)+L(pn)+.3*L(pz)),('kernel+2net',L(pk)+2*L(pn))):
        log(f'folds 0..{k} n {len(done)}',name,f'top1 {100*(S.argmax(1)==y[done]).mean():.2f} top5 {100*(np.argsort(-S,1)[:,:5]==y[done][:,None]).any(1).mean():.1f}')
    np.savez_compressed('oof.npz',pk=pk.astype('f4'),pn=pn.astype('f4'))
