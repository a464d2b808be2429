import sys; sys.argv=['x']
from trial import *
import openvino as ov
def ov_prefix(t, cut, R, B=64):
    p = fold(copy.deepcopy(t)).eval()
    class P(nn.Module):
        def __init__(s): super().__init__(); s.p = p
        def forward(s, u8):  # uint8 NHWC
            x = (u8.permute(0,3,1,2).float() / 127.5 - 1)
            x = s.p.bn1(s.p.conv_stem(x))
            for b in s.p.blocks[:cut]: x = b(x)
            return x
    m = ov.convert_model(P(), example_input=torch.zeros(2, R, R, 3, dtype=torch.uint8), input=[ov.PartialShape([-1, R, R, 3])])
    c = ov.Core().compile_model(m, "CPU", {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"})
    return lambda u8: torch.from_numpy(c(u8)[0].copy())
if __name__ == "__main__":
    t = trunk(); pre = prefix_of(t, 4); f = ov_prefix(t, 4, 128)
    u = np.random.default_rng(0).integers(0, 255, (64,128,128,3), dtype=np.uint8)
    a = pre(normalise(torch.from_numpy(u))); b = f(u); print((a-b).abs().max(), a.abs().max(), b.shape)
    def timeit(fn,k=5):
        fn(); s=time.process_time()
        for _ in range(k): fn()
        return (time.process_time()-s)/k
    print('torch',64/timeit(lambda:pre(normalise(torch.from_numpy(u)))),'ov',64/timeit(lambda:f(u)))
