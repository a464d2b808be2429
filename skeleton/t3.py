from w0 import *
import cv2, pickle
from cache_all import load as limg
L=[(2,4),(4,6),(3,5),(5,7),(2,3),(10,11),(2,10),(3,11),(10,12),(12,14),(11,13),(13,15),(14,18),(15,19),(0,1)]
def stick(S,P2,col=None):
    t=np.full((S,S,3),255,np.uint8); lo,hi=P2.min(0),P2.max(0); k=(S-16)/max((hi-lo).max(),1e-6); q=(P2-(lo+hi)/2)*k+S/2
    for n,(i,j) in enumerate(L):
        c=(200,0,0) if i==2 and j==4 or i in(4,10,12,14) and j!=11 else (0,0,200) if i in(3,5,11,13,15) else (90,90,90)
        cv2.line(t,tuple(map(int,q[i])),tuple(map(int,q[j])),c,2,cv2.LINE_AA)
    cv2.circle(t,tuple(map(int,q[0])),4,(0,0,0),-1)
    return t
def page(classes,out,n=12,S=120):
    d=np.load('y82.npz'); paths=[r[0] for r in pickle.load(open('cache_y82.pkl','rb'))]
    P,W=from_blaze(d['P'],d['W']); y=d['y']; rows=[]
    rng=np.random.default_rng(5)
    for c in classes:
        idx=np.flatnonzero((y==c)&(d['F']>0)); idx=idx[np.linspace(0,len(idx)-1,min(n,len(idx))).astype(int)]
        a=[];b=[]
        for i in idx:
            im=limg(paths[i]); k=S/max(im.shape[:2]); im=cv2.resize(im,None,fx=k,fy=k,interpolation=cv2.INTER_AREA)[:S,:S]
            t=np.full((S,S,3),255,np.uint8); t[:im.shape[0],:im.shape[1]]=im; a.append(t)
            s=stick(S,P[i]); cv2.putText(s,f"{d['F'][i]:.2f}",(2,S-3),0,.35,(0,130,0),1); b.append(s)
        while len(a)<n: a.append(np.full((S,S,3),255,np.uint8)); b.append(a[-1])
        p=load_poses()[FOLD[c]]; po=sample_angles(p,rng,n,4.); J=body_joints(pose_bodies(po)); cam=cameras(rng,po.view,J[...,1].max(1)<.55)
        s2,_=see(J,*cam); e=[stick(S,s2[i]) for i in range(n)]
        lab=np.full((14,n*S,3),255,np.uint8); cv2.putText(lab,f'{c} {FOLD[c]}',(2,11),0,.4,(0,0,0),1)
        rows+=[lab,np.concatenate(a,1),np.concatenate(b,1),np.concatenate(e,1)]
    cv2.imwrite(out,np.concatenate(rows)[:,:,::-1])
if __name__=='__main__': page([int(x) for x in sys.argv[2].split(',')],sys.argv[1])
