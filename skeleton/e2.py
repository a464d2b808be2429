"""kernel ridge classifier on photographs' skeletons, 5-fold CV, mirror-invariant kernel; no torch"""
import os; os.environ.update(OMP_NUM_THREADS='1',OPENBLAS_NUM_THREADS='1')
import time,numpy as np
from scipy.linalg import cho_factor,cho_solve
def log(*a):
    s=' '.join(map(str,a)); open('./e2.log','a').write(time.strftime('%H:%M:%S ')+f'{time.process_time():.0f}s '+s+'\n')
BP=[[0],[7,8],[11],[12],[13],[14],[15],[16],[17,19],[18,20],[23],[24],[25],[26],[27],[28],[29],[30],[31],[32]]
SW=np.array([0,1]+[i+1 if i%2==0 else i-1 for i in range(2,20)])
BO=np.array([(2,4),(4,6),(6,8),(10,12),(12,14),(14,18),(10,2),(3,5),(5,7),(7,9),(11,13),(13,15),(15,19),(11,3),(2,3),(10,11),(1,0)])
I,J=np.triu_indices(20,1)
d=np.load('./y82.npz'); y=d['y']; F=d['F']
P=np.stack([d['P'][:,b,:2].mean(1) for b in BP],1); V=np.stack([d['P'][:,b,3].mean(1) for b in BP],1); W=np.stack([d['W'][:,b].mean(1) for b in BP],1)
def cen(X):
    s=np.sqrt(((X-X.mean(1,keepdims=True))**2).sum(2).mean(1)); return (X-X[:,[10,11]].mean(1,keepdims=True))/(s[:,None,None]+1e-9)
def feats(P,W,V,use):
    p,w=cen(P),cen(W); o=[]
    if 'p' in use:o.append(p)
    if 'w' in use:o.append(w)
    if 'b' in use:
        b=w[:,BO[:,1]]-w[:,BO[:,0]]; o.append(b/(np.linalg.norm(b,axis=2,keepdims=True)+1e-6))
    if 'g' in use:
        b=p[:,BO[:,1]]-p[:,BO[:,0]]; o.append(b/(np.linalg.norm(b,axis=2,keepdims=True)+.05))
    if 'd' in use:o.append(np.linalg.norm(w[:,I]-w[:,J],axis=2)*.5)
    if 'e' in use:o.append(np.linalg.norm(p[:,I]-p[:,J],axis=2)*.5)
    if 'v' in use:o.append(V*.7)
    return np.nan_to_num(np.concatenate([x.reshape(len(x),-1) for x in o],1)).astype('f4')
def mir(X):
    X=X[:,SW].copy()
    if X.ndim==3: X[...,0]*=-1
    return X
rng=np.random.default_rng(0); fold=np.empty(len(y),int)
for c in range(82):
    r=np.flatnonzero(y==c); fold[rng.permutation(r)]=np.arange(len(r))%5
np.save('./fold.npy',fold)
def K(A,B,g):
    return np.exp(-g*np.maximum((A**2).sum(1)[:,None]+(B**2).sum(1)[None]-2*A@B.T,0))
def cv(use,g=1.,lam=.01,scale='std',tag=''):
    A=feats(P,W,V,use);B=feats(mir(P),mir(W),mir(V),use)
    ok=F>0
    if scale=='std':
        m,s=A[ok].mean(0),A[ok].std(0)+1e-6; A=(A-m)/s;B=(B-m)/s
    var=A[ok].var(0).sum(); gg=g/(2*var)
    Kf=(K(A,A,gg)+K(A,B,gg)+K(B,A,gg)+K(B,B,gg)).astype('f8')/2
    S=np.zeros((len(y),82)); Y=np.eye(82)[y]-1/82
    for k in range(5):
        tr=np.flatnonzero((fold!=k)&ok);te=np.flatnonzero(fold==k)
        C=cho_factor(Kf[np.ix_(tr,tr)]+lam*2*np.eye(len(tr))); S[te]=Kf[np.ix_(te,tr)]@cho_solve(C,Y[tr])
    S[~ok]=0; r=(S.argmax(1)==y)&ok
    log(tag,use,'g',g,'lam',lam,scale,f'top1 {100*r.mean():.2f} top5 {100*(np.argsort(-S,1)[:,:5]==y[:,None]).any(1)[ok].sum()/len(y):.1f}'); return S
if __name__=='__main__':
    log('start')
    best=cv('pwbd'); np.save('./krr.npy',best)
    cv('pwbdv'); cv('pwbdv',g=2.); cv('pwbd',g=2.); cv('pwbdegv'); cv('wbd'); cv('pge'); cv('pwbdegv',g=2.,lam=.003); cv('pwbdegv',g=4.,lam=.01)
