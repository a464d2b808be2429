from lab import *
import sys
p=np.load(f'p_{sys.argv[1]}.npz')['p']; y=np.load('y82.npz')['y']; r=p.argmax(1)==y
if len(sys.argv)>2: q=np.load(f'p_{sys.argv[2]}.npz')['p']; r2=q.argmax(1)==y
for c in np.argsort([r[y==c].mean() for c in range(82)])[:48]:
    m=y==c; w=np.bincount(p[m].argmax(1),minlength=82); o=np.argsort(-w)[:5]
    print(f'{c} {FOLD[c][:20]:20s} {r[m].mean():.2f}'+(f'({r2[m].mean():.2f})' if len(sys.argv)>2 else '')+f' n{m.sum()}', ' '.join(f'{FOLD[k][:14]}({k}):{w[k]}' for k in o if w[k]>1 and k!=c))
