from w0 import *
t=time.time()
d=load('y82'); print(time.time()-t)
ok=d['F']>0; print('n',len(ok),'found',ok.sum(),'flag>.95',(d['F']>.95).sum(),'>.9',(d['F']>.9).sum(),'turned',(d['turn']!=0).sum())
np.savez_compressed('y82.npz',**{k:v for k,v in d.items() if k!='paths'})
P,W=from_blaze(d['P'],d['W']); y=d['y']
net=torch.load('n0.pt',weights_only=False)
p=proba(net,P,W,'pwbd'); p[~ok]=1/82
r=p.argmax(1)==y; top5=(np.argsort(-p,1)[:,:5]==y[:,None]).any(1)
print('written n0',wilson(r.sum(),len(r)),'top5',top5.mean())
for lo,hi in ((0,.5),(.5,.95),(.95,.99),(.99,.999),(.999,1.1)):
    m=(d['F']>=lo)&(d['F']<hi); print(lo,hi,m.sum(),r[m].mean())
for c in np.argsort([r[y==c].mean() for c in range(82)]):
    m=y==c; w=np.bincount(p[m].argmax(1),minlength=82); o=np.argsort(-w)[:5]
    print(f'{c} {FOLD[c][:28]:28s} {r[m].mean():.2f} n{m.sum()}', ' '.join(f'{FOLD[k][:16]}({k}):{w[k]}' for k in o if w[k] and k!=c))
