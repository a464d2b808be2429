import sys; sys.path.insert(0,'./')
from lab import *
import cv2, glob
from cache_all import load as limg
from yogalib.synthetic.poses import load_poses
from yogalib.synthetic.bodies import pose_bodies
from yogalib.synthetic.scene import draw_plain
def sheet(classes, out, S=104, nd=5, nph=11, photos=True):
    poses=load_poses(); rows=[]
    for c in classes:
        p=poses[FOLD[c]]; b=pose_bodies(p.postures); tiles=[]
        for v in range(min(nd,len(p.names))):
            im=draw_plain(b,v,float(p.postures.view[v].mean()),S).copy()
            cv2.putText(im,p.names[v][:15],(2,S-3),0,.3,(200,0,0),1); tiles.append(im)
        while len(tiles)<nd: tiles.append(np.full((S,S,3),235,np.uint8))
        if photos:
            d=[x for x in glob.glob('../shared/yoga82-photos/*') if _cls(x+'/a')==c][0]
            fs=sorted(glob.glob(d+'/*')); fs=[fs[int(i)] for i in np.linspace(0,len(fs)-1,min(nph,len(fs)))]
            for f in fs:
                a=limg(f); k=S/max(a.shape[:2]); a=cv2.resize(a,None,fx=k,fy=k,interpolation=cv2.INTER_AREA)[:S,:S]
                t=np.full((S,S,3),255,np.uint8); t[:a.shape[0],:a.shape[1]]=a; tiles.append(t)
        while len(tiles)<nd+(nph if photos else 0): tiles.append(np.full((S,S,3),255,np.uint8))
        row=np.concatenate(tiles,1); lab=np.full((14,row.shape[1],3),255,np.uint8)
        cv2.putText(lab,f'{c} '+FOLD[c],(2,11),0,.4,(0,0,0),1)
        rows+= [lab,row]
    cv2.imwrite(out,np.concatenate(rows)[:,:,::-1])
from lab import _cls
if __name__=='__main__':
    for k in range(0,82,11): sheet(range(k,min(82,k+11)),f'sheets/s{k:02d}.png')
