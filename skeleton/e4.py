exec(open('./e2.py').read().split("if __name__")[0].replace('e2.log','e4.log'))
S={}
for use,g,lam in (('pwbdegv',.5,.01),('pwbdegv',.5,.03),('pwbdegv',.25,.01),('pwbdegv',.5,.003),('pwbdegv',.25,.003),('pwbdegv',1,.05),('pwbd',.5,.01)):
    S[use,g,lam]=cv(use,g,lam)
    np.save('./krr_%s_%s_%s.npy'%(use,g,lam),S[use,g,lam])
