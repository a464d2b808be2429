src=open('w0.py').read().split('class Net')[0].replace('import torch, time','import time').replace('torch.set_num_threads(1)','')
exec(src)
gs=open('geo.py').read(); exec(gs.split("if __name__")[0].replace('from w0 import *',''))
p=np.load(sys.argv[1])['p'];y=np.load('y82.npz')['y'];r=p.argmax(1)==y
bad=np.argsort([r[y==c].mean() for c in range(82)])[:int(sys.argv[2])]
for c in bad:
    m=y==c;w=np.bincount(p[m].argmax(1),minlength=82);o=np.argsort(-w)[:5]
    print(c,f'{r[m].mean():.2f} n{m.sum()}',' '.join(f'{k}:{w[k]}' for k in o if w[k]>1 and k!=c))
sys.argv[1]=','.join(map(str,bad[:int(sys.argv[3])]))
main=gs.split("if __name__=='__main__':")[1].replace('    import w0\n','')
import textwrap; exec(textwrap.dedent(main).replace('[:9]','[:8]'))
