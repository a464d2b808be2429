from sheets import *
from concurrent.futures import ThreadPoolExecutor
def vsheet(out,classes,S=118,cols=13,az=None):
    poses=load_poses(); tiles=[]
    for c in classes:
        p=poses[FOLD[c]]; b=pose_bodies(p.postures)
        for v in range(len(p.names)):
            im=draw_plain(b,v,float(p.postures.view[v].mean()) if az is None else az,S).copy()
            t=np.full((S+22,S,3),255,np.uint8); t[:S]=im
            cv2.putText(t,f'{c} {FOLD[c][:16]}',(2,S+9),0,.33,(0,0,0),1); cv2.putText(t,p.names[v],(2,S+19),0,.33,(200,0,0),1); tiles.append(t)
    while len(tiles)%cols: tiles.append(np.full_like(tiles[0],255))
    cv2.imwrite(out,np.concatenate([np.concatenate(tiles[i:i+cols],1) for i in range(0,len(tiles),cols)])[:,:,::-1])
if __name__=='__main__':
    a=sys.argv
    if len(a)>1: vsheet(a[1],[int(x) for x in a[2].split(',')],az=float(a[3]) if len(a)>3 else None)
    else:
        vsheet('sheets/v0.png',range(0,34)); vsheet('sheets/v1.png',range(34,62)); vsheet('sheets/v2.png',range(62,82))
