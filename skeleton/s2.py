from lab import *
import itertools
from yogalib.synthetic.poses import _read_posture,_join
from yogalib.synthetic.bodies import pose_bodies
from yogalib.synthetic.skeleton import JOINT
def search(make,grid,cost,top=4):
    es=list(itertools.product(*grid)); po=_join([_read_posture('x',make(*e)) for e in es]); b=pose_bodies(po)
    c=b.joints[:,:,1]-b.radius; h={n:c[:,i] for n,i in JOINT.items()}; x={n:b.joints[:,i] for n,i in JOINT.items()}
    k=cost(h,x)
    for i in np.argsort(k)[:top]: print(round(k[i],3),es[i],{n:round(h[n][i],2) for n in('pelvis','head','crown','l_knee','l_toe','l_heel','chest')}, x['l_toe'][i].round(2))
print('child')
search(lambda p,s,n,f,a:dict(base='all_fours',view='left',trunk=dict(pitch=p,spine=dict(flexion=s),neck=dict(flexion=n)),both=dict(hip=dict(flexion=f,abduction=a),knee=163,ankle=80),support=['knees','feet']),
 [(70,80,90,100),(10,25,40),(0,20,40),(145,155,165),(8,30)],lambda h,x:abs(h['head'])+h['pelvis'].clip(.1)+h['l_knee']+abs(h['l_toe'])*.5,6)
print('fish')
search(lambda p,l,t,n,f:dict(base='supine',view='left',trunk=dict(pitch=p,lumbar=dict(flexion=l),thoracic=dict(flexion=t),neck=dict(flexion=n)),both=dict(hip=dict(flexion=f)),support=['seat','feet']),
 [(-60,-65,-70,-75),(-8,-20),(-37,-48),(-84,-70),(15,20,25,30)],lambda h,x:abs(h['crown'])+h['pelvis']+abs(h['l_heel'])-.3*h['chest'],5)
print('frog')
search(lambda a,r,k,an,f:dict(base='prone',view='left',trunk=dict(pitch=82,spine=dict(flexion=-48),neck=dict(flexion=-15)),both=dict(hip=dict(flexion=f,abduction=a,rotation=r),knee=k,ankle=an)),
 [(5,15,25,35),(-30,-45,-60,-70),(150,160,165),(0,20,40,-20),(0,-8)],lambda h,x:abs(h['l_toe']-.06)+abs(h['l_heel']-.06)*.5+abs(x['l_toe'][:,0]-.25)*.4,6)
