"""written poses lab: simulate + features + net"""
from lab import *
import torch, time
torch.set_num_threads(1)
from yogalib.synthetic.poses import load_poses, sample_angles, _join
from yogalib.synthetic.skeleton import JOINT, sample_proportions, Postures
from yogalib.synthetic.bodies import pose_bodies
SJ=['nose','head']+[s+j for j in('shoulder','elbow','wrist','hand','hip','knee','ankle','heel','toe') for s in('l_','r_')]
SWAP=np.array([0,1]+[i+1 if i%2==0 else i-1 for i in range(2,20)])
BP=[[0],[7,8],[11],[12],[13],[14],[15],[16],[17,19],[18,20],[23],[24],[25],[26],[27],[28],[29],[30],[31],[32]]
HIPS=[10,11]
def from_blaze(P,W):
    return (np.stack([P[:,i,:2].mean(1) for i in BP],1),np.stack([W[:,i].mean(1) for i in BP],1))
def body_joints(b):
    J=b.joints; g=lambda n:J[:,JOINT[n]]
    H=1.7
    nose=g('head')+b.face*0.10
    out=[nose,g('head')]
    for n in SJ[2:]:
        out.append(g(n[:2]+'wrist')*.45+g(n)*.55 if n[2:]=='hand' else g(n))
    return np.stack(out,1)
def sample_bodies(rng,per,jitter=6.,prop=True):
    """per bodies a class; all variants equally"""
    parts=[sample_angles(p,rng,per,jitter) for p in load_poses().values()]
    y=np.repeat([FOLD.index(f) for f in load_poses()],per)
    po=_join(parts); b=pose_bodies(po,sample_proportions(rng,len(po)))
    return b,po,y
def cameras(rng,view,flat,extra=15.,wide=.15,front=None):
    n=len(view)
    az=view[:,0]+(view[:,1]-view[:,0])*rng.random(n)+extra*rng.standard_normal(n)
    w=rng.random(n)<wide
    az=np.where(w,rng.uniform(-180,180,n),az)
    el=np.where(flat,rng.uniform(0,35,n),6+8*rng.standard_normal(n))
    t=rng.random(n)<.05; el=np.where(t,rng.uniform(20,70,n),el)
    return np.deg2rad(az),np.deg2rad(el.clip(-15,80)),np.deg2rad(3*rng.standard_normal(n)),rng.uniform(2.2,8,n)
def see(J,az,el,roll,dist):
    """world joints -> picture (N,J,2) y down, camera frame (N,J,3): right, down, away, about hips"""
    ca,sa,ce,se=np.cos(az),np.sin(az),np.cos(el),np.sin(el); z=0*az
    right=np.stack([ca,z,-sa],1); up=np.stack([-sa*se,ce,-ca*se],1); tow=np.stack([sa*ce,se,ca*ce],1)
    c=(J.min(1)+J.max(1))/2; X=J-c[:,None]
    x=np.einsum('njk,nk->nj',X,right); u=np.einsum('njk,nk->nj',X,up); t=np.einsum('njk,nk->nj',X,tow)
    cr,sr=np.cos(roll)[:,None],np.sin(roll)[:,None]
    x,u=cr*x+sr*u,cr*u-sr*x
    d=dist[:,None]-t
    W=np.stack([x,-u,-t],2)
    return np.stack([x/d,-u/d],2)*dist[:,None,None],W
BONES=[(2,4),(4,6),(6,8),(3,5),(5,7),(7,9),(10,12),(12,14),(14,18),(11,13),(13,15),(15,19),(2,3),(10,11),(2,10),(3,11),(1,0)]
IU=np.triu_indices(20,1)
def feats(P2,W3,use='pwbd'):
    out=[]
    hp=P2[:,HIPS].mean(1,keepdims=True); p=P2-hp
    s=np.sqrt(((P2-P2.mean(1,keepdims=True))**2).sum(2).mean(1))[:,None,None]+1e-9
    if 'p' in use: out.append((p/s).reshape(len(p),-1))
    hw=W3[:,HIPS].mean(1,keepdims=True); w=W3-hw
    t=np.sqrt(((W3-W3.mean(1,keepdims=True))**2).sum(2).mean(1))[:,None,None]+1e-9
    if 'w' in use: out.append((w/t).reshape(len(w),-1))
    if 'b' in use:
        B=np.stack([w[:,j]-w[:,i] for i,j in BONES],1); B=B/(np.linalg.norm(B,axis=2,keepdims=True)+1e-6); out.append(B.reshape(len(w),-1))
    if 'd' in use:
        d=np.linalg.norm((w/t)[:,IU[0]]-(w/t)[:,IU[1]],axis=2); out.append(d)
    if 'e' in use:
        q=p/s; out.append(np.linalg.norm(q[:,IU[0]]-q[:,IU[1]],axis=2))
    if 'g' in use:
        B=np.stack([p[:,j]-p[:,i] for i,j in BONES],1)/s; B=B/(np.linalg.norm(B,axis=2,keepdims=True)+.05); out.append(B.reshape(len(w),-1))
    return np.concatenate(out,1).astype('f4')
def flip(P2,W3):
    P2,W3=P2[:,SWAP].copy(),W3[:,SWAP].copy(); P2[...,0]*=-1; W3[...,0]*=-1; return P2,W3
def noise(rng,P2,W3,sx=.025,sz=.06,swap=.06,squash=(.5,1.1)):
    n=len(W3); scale=1.0
    W=W3.copy(); P=P2.copy()
    e=sx*rng.standard_normal(W[...,:2].shape)*rng.lognormal(0,.5,(n,1,1))
    hid=rng.random(W.shape[:2])<.06
    e=np.where(hid[...,None],e*4,e)
    P+=e+.3*sx*rng.standard_normal(P.shape); W[...,:2]+=e
    W[...,2]=W[...,2]*rng.uniform(*squash,(n,1))+sz*rng.standard_normal(W.shape[:2])*rng.lognormal(0,.5,(n,1))
    arms=[2,4,6,8];legs=[10,12,14,16,18]
    for part in ([4,6,8],[12,14,16,18],arms+legs):
        k=np.flatnonzero(rng.random(n)<swap)
        for a in part:
            for X in (P,W):
                X[k,a],X[k,a+1]=X[k,a+1].copy(),X[k,a].copy()
    return P,W
class Net(torch.nn.Module):
    def __init__(s,d,k=82,h=(512,256),drop=.2):
        super().__init__()
        L=[torch.nn.BatchNorm1d(d,affine=False)];a=d
        for b in h: L+=[torch.nn.Linear(a,b),torch.nn.BatchNorm1d(b),torch.nn.ReLU(),torch.nn.Dropout(drop)];a=b
        s.f=torch.nn.Sequential(*L,torch.nn.Linear(a,k))
    def forward(s,x): return s.f(x)
def fit(X,y,epochs=12,lr=2e-3,bs=256,h=(512,256),drop=.2,wd=1e-2,smooth=.05,seed=0,net=None,xnoise=0.):
    torch.manual_seed(seed); X=torch.as_tensor(X);y=torch.as_tensor(y)
    net=net or Net(X.shape[1],h=h,drop=drop); net.train()
    opt=torch.optim.AdamW(net.parameters(),lr=lr,weight_decay=wd); steps=epochs*(len(X)//bs) or 1
    sch=torch.optim.lr_scheduler.OneCycleLR(opt,lr,total_steps=max(steps,2),pct_start=.1)
    i=0
    for ep in range(epochs):
        o=torch.randperm(len(X))
        for k in range(0,len(X)-bs+1,bs):
            b=o[k:k+bs]; x=X[b]
            loss=torch.nn.functional.cross_entropy(net(x),y[b],label_smoothing=smooth)
            opt.zero_grad(); loss.backward(); opt.step(); sch.step()
    return net.eval()
def proba(net,P2,W3,use):
    with torch.inference_mode():
        out=0
        for a in ((P2,W3),flip(P2,W3)):
            x=np.nan_to_num(feats(*a,use)); out=out+torch.log_softmax(net(torch.as_tensor(x)),1).numpy()
    p=np.exp(out/2); return p/p.sum(1,keepdims=True)
def simulate(rng,per,jitter=6.,**kw):
    b,po,y=sample_bodies(rng,per,jitter)
    J=body_joints(b); flat=J[...,1].max(1)<.55
    cam=cameras(rng,po.view,flat,**{k:v for k,v in kw.items() if k in('extra','wide')})
    P2,W3=see(J,*cam)
    return (*noise(rng,P2,W3,**{k:v for k,v in kw.items() if k in('sx','sz','swap','squash')}),y)
