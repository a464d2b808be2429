import pickle,sys,os,re,numpy as np
sys.path[:0]=['./','./repo']
from yogalib.taxonomy import class_of, load_taxonomy, parents
T=load_taxonomy(); FOLD=list(T.folder)
def _cls(f):
    n=os.path.basename(os.path.dirname(f)); c=class_of(n)
    if c is None and n.startswith('Sitting'): c=FOLD.index('Sitting_pose_1_normal') if 'Sitting_pose_1_normal' in FOLD else [i for i,x in enumerate(FOLD) if x.startswith('Sitting')][0]
    return -1 if c is None else c
def load(name, low=.95, pick='mean', step=1):
    """-> paths, y, points(N,33,5), world, flag ; low: look at turns below that flag"""
    res=pickle.load(open(f'./cache_{name}.pkl','rb'))
    P=np.full((len(res),33,5),np.nan,'f4'); W=np.full((len(res),33,3),np.nan,'f4'); F=np.zeros(len(res),'f4'); A=np.ones((len(res),2))
    turn=np.zeros(len(res),int)
    for i,(f,o,s) in enumerate(res):
        if not o: continue
        A[i]=s[:2]
        groups={}
        for c in o: groups.setdefault((c['turn'],c['det'],c['step']),[]).append(c)
        sc={k:np.mean([c['flag'] for c in g]) for k,g in groups.items()}
        first={k:v for k,v in sc.items() if k[0]==0 and k[1]==0}
        def best(keys):
            return max(keys,key=lambda k:sc[k]+(.001 if k[2]==step else 0)+(.0005 if k[1]==0 else 0)) if keys else None
        b=(0,0,step) if (0,0,step) in sc else None
        if b is None or sc[b]<low: b=best(list(sc))
        g=groups[b]
        if pick=='mean':
            P[i]=np.mean([c['points'][:33] for c in g],0); W[i]=np.mean([c['world'][:33] for c in g],0); F[i]=sc[b]
        else:
            P[i]=g[0]['points'][:33]; W[i]=g[0]['world'][:33]; F[i]=g[0]['flag']
        turn[i]=b[0]
    return dict(paths=[r[0] for r in res],y=np.array([_cls(r[0]) for r in res]),P=P,W=W,F=F,A=A,turn=turn)
def wilson(k,n):
    p=k/n;z=1.96;d=1+z*z/n;c=(p+z*z/2/n)/d;h=z*np.sqrt(p*(1-p)/n+z*z/4/n/n)/d
    return f'{100*p:.1f} ({100*(c-h):.1f} to {100*(c+h):.1f}; n={n})'
