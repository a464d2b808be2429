"""superset of readings: for each picture a list of candidates"""
import sys, os, glob, pickle, time
import numpy as np, cv2
from PIL import Image, ImageOps
from concurrent.futures import ProcessPoolExecutor
sys.path.insert(0,'./')
from blazepose import *
import threading
def load(f):
    im=Image.open(f); im=ImageOps.exif_transpose(im)
    if im.mode in('RGBA','LA','P'):
        im=im.convert('RGBA'); bg=Image.new('RGBA',im.size,(255,255,255,255)); im=Image.alpha_composite(bg,im)
    a=np.asarray(im.convert('RGB'))
    s=800/max(a.shape[:2])
    if s<1: a=cv2.resize(a,None,fx=s,fy=s,interpolation=cv2.INTER_AREA)
    return a
B=None
def turn_back(points,world,k,shape):
    """from np.rot90(picture,k) coordinates to the picture's"""
    h,w=shape[:2]
    points=points.copy();world=world.copy()
    x,y=points[:,0].copy(),points[:,1].copy(); X,Y=world[:,0].copy(),world[:,1].copy()
    # rot90 k=1 counter-clockwise: new (x',y') = (y, w-1-x) => x=w-y', y=x'
    if k==1: points[:,0],points[:,1]=w-y,x; world[:,0],world[:,1]=-Y,X
    if k==2: points[:,0],points[:,1]=w-x,h-y; world[:,0],world[:,1]=-X,-Y
    if k==3: points[:,0],points[:,1]=y,h-x; world[:,0],world[:,1]=Y,-X
    return points,world
def work(f):
    global B
    if B is None:
        cv2.setNumThreads(1); B=BlazePose('./weights',.2)
    try: a=load(f)
    except Exception as e: return f,None,str(e)
    out=[]
    def look(k):
        p=np.ascontiguousarray(np.rot90(a,k))
        for d,s in enumerate(B.detect(p)[:2]):
            if d==1 and k==0 and out and max(o['flag'] for o in out)>.95: continue
            for step in range(2):
                r=[B.read(p,s,m) for m in (False,True)]
                for m,(pt,wd,fl) in enumerate(r):
                    q,w=turn_back(pt,wd,k,a.shape)
                    out.append(dict(turn=k,det=d,step=step,mirror=m,points=q.astype('f4'),world=w.astype('f4'),flag=fl,side=s.side))
                c,t=r[0][0][33,:2],r[0][0][34,:2]
                if not np.isfinite([*c,*t]).all(): break
                s=Square.about(c,t)
    look(0)
    if not out or max(o['flag'] for o in out if o['step']==0)<.98:
        for k in (1,2,3): look(k)
    return f,out,a.shape
if __name__=='__main__':
    name=sys.argv[1]; root=sys.argv[2]
    fs=sorted(f for f in glob.glob(root+'/*/*') if os.path.isfile(f))
    if len(sys.argv)>3: fs=fs[::int(sys.argv[3])]
    t=time.time()
    with ProcessPoolExecutor(2) as ex: res=list(ex.map(work,fs,chunksize=4))
    pickle.dump(res,open(f'./cache_{name}.pkl','wb'))
    print(name,len(res),'none',sum(r[1] is None for r in res),'empty',sum(r[1]==[] for r in res),time.time()-t)
