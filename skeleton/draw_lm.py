import pickle,sys,cv2,numpy as np
sys.path.insert(0,'.')
from cache_all import load
r=pickle.load(open('cache_test.pkl','rb'))
L=[(11,13),(13,15),(12,14),(14,16),(11,12),(23,24),(11,23),(12,24),(23,25),(25,27),(24,26),(26,28),(27,31),(28,32),(0,11)]
tiles=[]
for f,o,s in r[:24]:
    a=load(f).copy(); b=max(o,key=lambda c:c['flag'])
    p=b['points'][:,:2]
    for i,j in L:
        c=(255,0,0) if i%2 else (0,0,255)
        cv2.line(a,tuple(map(int,p[i])),tuple(map(int,p[j])),c,max(2,a.shape[0]//120))
    k=200/max(a.shape[:2]); a=cv2.resize(a,None,fx=k,fy=k); t=np.full((220,200,3),255,np.uint8); t[:a.shape[0],:a.shape[1]]=a
    cv2.putText(t,f"{b['flag']:.2f} t{b['turn']}",(3,216),0,.45,(0,0,0),1); tiles.append(t)
cv2.imwrite('x.png',np.concatenate([np.concatenate(tiles[i:i+8],1) for i in range(0,24,8)])[:,:,::-1])
