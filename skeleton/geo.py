from w0 import *
def ang(a,b,c):
    u=a-b;v=c-b; return np.degrees(np.arccos(((u*v).sum(-1)/(np.linalg.norm(u,axis=-1)*np.linalg.norm(v,axis=-1)+1e-9)).clip(-1,1)))
def elev(a,b): # elevation of b-a above horizontal
    d=b-a; return np.degrees(np.arcsin((-d[...,1]/(np.linalg.norm(d,axis=-1)+1e-9)).clip(-1,1)))
J={n:i for i,n in enumerate(SJ)}
def measures(W):
    g=lambda n:W[:,J[n]]; out={}
    hip=(g('l_hip')+g('r_hip'))/2; sh=(g('l_shoulder')+g('r_shoulder'))/2
    out['trunk']=elev(hip,sh); out['head']=elev(sh,g('head'))
    for nm,(a,b,c) in dict(knee=('hip','knee','ankle'),elbow=('shoulder','elbow','wrist'),hip=('shoulder','hip','knee'),shou=('hip','shoulder','elbow')).items():
        v=np.sort(np.stack([ang(g(s+a),g(s+b),g(s+c)) for s in('l_','r_')]),0); out[nm+'-'],out[nm+'+']=v
    for nm,(a,b) in dict(thigh=('hip','knee'),shin=('knee','ankle'),foot=('ankle','toe'),uarm=('shoulder','elbow'),farm=('elbow','wrist')).items():
        v=np.sort(np.stack([elev(g(s+a),g(s+b)) for s in('l_','r_')]),0); out[nm+'-'],out[nm+'+']=v
    tr=np.linalg.norm(sh-hip,axis=1)+1e-6
    d=lambda a,b:np.linalg.norm(g(a)-g(b),axis=1)/tr
    out['knees']=d('l_knee','r_knee'); out['ankles']=d('l_ankle','r_ankle'); out['wrists']=d('l_wrist','r_wrist')
    out['hipH']=(np.maximum.reduce([W[...,1].max(1)])-hip[:,1])/tr; out['shH']=(W[...,1].max(1)-sh[:,1])/tr; out['headH']=(W[...,1].max(1)-g('head')[:,1])/tr
    out['wr-ank']=np.minimum.reduce([d(a+'wrist',b+'ankle') for a in('l_','r_') for b in('l_','r_')])
    out['wr-hip']=np.minimum.reduce([d(a+'wrist',b+'hip') for a in('l_','r_') for b in('l_','r_')])
    return out
if __name__=='__main__':
    d=np.load('y82.npz'); P,W=from_blaze(d['P'],d['W']); y=d['y']; ok=(d['F']>.95)
    import w0
    rng=np.random.default_rng(0)
    for c in [int(x) for x in sys.argv[1].split(',')]:
        A=measures(W[ok&(y==c)])
        p=load_poses()[FOLD[c]]; w=np.full(len(p.names),.5/max(len(p.names)-1,1)); w[0]=.5 if len(w)>1 else 1
        po=p.postures.take(rng.choice(len(w),200,p=w)); J3=body_joints(pose_bodies(po,sample_proportions(rng,200))); _,Z=see(J3,*cameras(rng,po.view,J3[...,1].max(1)<.55))
        B=measures(Z)
        pl=po=p.postures.take(np.zeros(40,int)); J3=body_joints(pose_bodies(po)); _,Z=see(J3,*cameras(rng,po.view,J3[...,1].max(1)<.55)); C=measures(Z)
        print(c,FOLD[c][:40], 'photo q25 med q75 | written q25 med q75 | plain med')
        out=[]
        for k in A:
            a=np.quantile(A[k],(.25,.5,.75)); b=np.quantile(B[k],(.25,.5,.75)); s=max(a[2]-a[0],12 if abs(a).max()>5 else .25)
            z=(b[1]-a[1])/s
            if abs(z)>.8: out.append((-abs(z),f"  {k:7s} {a[0]:6.1f} {a[1]:6.1f} {a[2]:6.1f} | {b[0]:6.1f} {b[1]:6.1f} {b[2]:6.1f} | {np.median(C[k]):6.1f}"))
        for z,l in sorted(out)[:9]: print(l)
