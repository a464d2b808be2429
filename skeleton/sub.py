import sys
F='./repo/yogalib/synthetic/poses.yaml'
def sub(prefix,*pairs):
    s=open(F).read(); i=s.index('\n'+prefix)+1; j=s.find('\n\n',i); j=len(s) if j<0 else j
    b=s[i:j]
    for old,new in pairs:
        assert b.count(old)>=1,(prefix,old)
        b=b.replace(old,new,1)
    open(F,'w').write(s[:i]+b+s[j:])
