from w0 import *
t=time.time(); rng=np.random.default_rng(0)
P,W,y=simulate(rng,400); print('sim',P.shape,time.time()-t); t=time.time()
X=feats(P,W,'pwbd'); print(X.shape,time.time()-t); t=time.time()
net=fit(X,y,epochs=3,bs=512,lr=3e-3); print('fit3',time.time()-t)
torch.save(net,'n0.pt')
P,W,y=simulate(np.random.default_rng(1),10)
p=proba(net,P,W,'pwbd'); print('syn acc',(p.argmax(1)==y).mean())
