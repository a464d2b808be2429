"""usage: t4.py tag per epochs key=val... : trains and judges a written network"""
from w0 import *
tag,per,epochs=sys.argv[1],int(sys.argv[2]),int(sys.argv[3]); kw=dict(a.split('=') for a in sys.argv[4:])
use=kw.pop('use','pwbd'); jit=float(kw.pop('jitter',6)); pw=kw.pop('plain',None); drop=float(kw.pop('drop',.2)); h=eval(kw.pop('h','(512,256)')); squash=eval(kw.pop('squash','(.5,1.1)'))
kw={k:float(v) for k,v in kw.items()}
import yogalib.synthetic.poses as yp
if pw:
    def _sa(pose,rng,n,jitter=4.):
        V=len(pose.names); q=float(pw); p=np.full(V,(1-q)/max(V-1,1)); p[0]=q if V>1 else 1
        dr=pose.postures.take(rng.choice(V,size=n,p=p)); return yp._mirror_half(yp.with_angles(dr,dr.angles+jitter*rng.standard_normal(dr.angles.shape)),rng)
    globals()['sample_angles']=_sa; import w0; w0.sample_angles=_sa
t=time.time()
P,W,y=simulate(np.random.default_rng(0),per,jit,squash=squash,**kw); X=feats(P,W,use)
net=fit(X,y,epochs=epochs,bs=256,lr=3e-3,drop=drop,h=h)
d=np.load('y82.npz'); P,W=from_blaze(d['P'],d['W']); ok=d['F']>0
p=proba(net,P,W,use); p[~ok]=1/82; r=p.argmax(1)==d['y']; t5=(np.argsort(-p,1)[:,:5]==d['y'][:,None]).any(1)
macro=np.mean([r[d['y']==c].mean() for c in range(82)])
line=f"{tag} {sys.argv[2:]} top1 {100*r.mean():.1f} macro {100*macro:.1f} top5 {100*t5.mean():.1f} nll {-np.log(p[np.arange(len(r)),d['y']]+1e-9).mean():.3f} {time.time()-t:.0f}s"
print(line,flush=True); open('t4.log','a').write(line+'\n'); np.savez_compressed(f'p_{tag}.npz',p=p.astype('f4')); torch.save(net,f'n_{tag}.pt')
